// The API behind its listener, over sockets: what Calls in memory cannot show.
#include <catch2/catch.hpp>
#include <string>

#include "base/crypto.hpp"
#include "modes/api/api.hpp"
#include "support/loop_wait.hpp"
#include "support/raw_peer.hpp"
#include "support/slab_store.hpp"

using namespace spawner;
using namespace spawner::test;

namespace {

/// A port that was free a moment ago.
std::uint16_t freePort() {
  const Fd socket = std::move(*listenOn(*SocketAddress::fromIp("127.0.0.1", 0)));
  return localAddress(socket.get())->port();
}

struct Listening {
  explicit Listening(api::Options options = {}) {
    port = freePort();
    options.listen = "127.0.0.1:" + std::to_string(port);
    auto made = api::start(role::Context{loop, store, *random, Logger(), metrics}, options);
    REQUIRE(made.ok());
    role = std::move(*made);
    waitFor(loop, "the API to be ready", [this] { return role->ready(); });
  }
  std::unique_ptr<RawPeer> send(const std::string& request) {
    auto peer = RawPeer::connect(loop, port);
    peer->send(request);
    return peer;
  }
  std::string ask(const std::string& request) {
    auto peer = send(request);
    waitFor(loop, "the answer", [&] { return peer->over(); });
    return peer->received;
  }

  Reactor loop;
  Metrics metrics;
  SlabStore store{loop};
  std::unique_ptr<Random> random = systemRandom();
  std::uint16_t port = 0;
  std::unique_ptr<role::Role> role;
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("api: spawn and follow over a connection, to the end", "[integration]") {
  Listening api;
  const std::string body = R"({"image":"demo"})";
  const std::string answer =
      api.ask("POST /spawn HTTP/1.1\r\nHost: api\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body);
  REQUIRE(contains(answer, "HTTP/1.1 200 OK\r\n"));
  const std::string object = api.store.objects.begin()->first;
  CHECK(contains(answer, R"({"url":null,"name":")" + object.substr(8)));

  auto stream = api.send("GET /backend/" + object.substr(8) + "/status/stream HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n");
  waitFor(api.loop, "Submitted", [&] { return contains(stream->received, "\"Submitted\""); });
  CHECK(contains(stream->received, "Content-Type: text/event-stream\r\n"));
  api.store.setStatus(object, {{"ready", true}});
  waitFor(api.loop, "Ready", [&] { return contains(stream->received, "\"Ready\""); });
  CHECK_FALSE(stream->over());
  api.store.setStatus(object, {{"swept", true}});
  waitFor(api.loop, "the stream's end", [&] { return stream->over(); });
  CHECK(stream->received.ends_with("0\r\n\r\n"));
}

TEST_CASE("api: a body that is too large is 413, a HEAD has no body", "[integration]") {
  api::Options options;
  options.maxBodyBytes = 100;
  Listening api(options);
  CHECK(contains(
      api.ask("POST /spawn HTTP/1.1\r\nHost: api\r\nContent-Type: application/json\r\nContent-Length: 101\r\nConnection: close\r\n\r\n"),
      "HTTP/1.1 413 "));
  const std::string head = api.ask("HEAD /backends HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n");
  CHECK(contains(head, "HTTP/1.1 200 OK\r\n"));
  CHECK(head.ends_with("\r\n\r\n"));
}

TEST_CASE("api: stop ends the streams cleanly and is done", "[integration]") {
  Listening api;
  api.store.add("spawner-x");
  auto stream = api.send("GET /backend/x/status/stream HTTP/1.1\r\nHost: api\r\n\r\n");
  waitFor(api.loop, "Submitted", [&] { return contains(stream->received, "\"Submitted\""); });
  bool done = false;
  api.role->stop([&] { done = true; });
  waitFor(api.loop, "the end", [&] { return done; });
  waitFor(api.loop, "the stream's end", [&] { return stream->over(); });
  CHECK(stream->received.ends_with("0\r\n\r\n"));
}

TEST_CASE("api: a reader that leaves is forgotten; a role destroyed with streams open leaves nothing", "[integration]") {
  Listening api;
  api.store.add("spawner-x");
  auto stream = api.send("GET /backend/x/status/stream HTTP/1.1\r\nHost: api\r\n\r\n");
  auto leaving = api.send("GET /backend/x/status/stream HTTP/1.1\r\nHost: api\r\n\r\n");
  waitFor(api.loop, "both streams", [&] { return contains(stream->received, "Submitted") && contains(leaving->received, "Submitted"); });
  leaving->reset();
  waitFor(api.loop, "the metric to say 1", [&] { return contains(api.metrics.text(), "spawner_api_streams 1\n"); });
  api.role.reset();
  waitFor(api.loop, "the end", [&] { return stream->over(); });
}

TEST_CASE("api: bad options are refused at the start, by name", "[integration]") {
  struct Case {
    const char* flag;
    void (*spoil)(api::Options&);
  };
  const std::vector<Case> cases = {
      {"--listen", [](api::Options& o) { o.listen = "nowhere"; }},
      {"--listen", [](api::Options& o) { o.listen = "192.0.2.1:1"; }},
      {"--allowed-hosts", [](api::Options& o) { o.allowedHosts = {"x:1"}; }},
      {"--namespace", [](api::Options& o) { o.ns = ""; }},
      {"--service-prefix", [](api::Options& o) { o.servicePrefix = std::string(51, 'x'); }},
      {"--max-list-items", [](api::Options& o) { o.maxListItems = 0; }},
  };
  Reactor loop;
  SlabStore store(loop);
  Metrics metrics;
  const auto random = systemRandom();
  for (const auto& [flag, spoil] : cases) {
    api::Options options;
    options.listen = "127.0.0.1:0";
    spoil(options);
    const auto made = api::start(role::Context{loop, store, *random, Logger(), metrics}, options);
    INFO(flag);
    REQUIRE_FALSE(made.ok());
    CHECK(contains(made.error().message, flag));
  }
}
