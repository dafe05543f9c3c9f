// Bytes behind the end of an answer on a kept connection: they are no other request's answer.

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "proxy/proxy_fixture.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

namespace {

const std::string evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
const std::string simplePost = "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody";

/// Answers each whole request with a number of its own, the first as the test says.
struct CountingUpstream {
  explicit CountingUpstream(ProxyFixture& f, std::string first = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nanswer1") {
    f.upstream.onBytes = [this, first](RawPeer& peer) {
      for (std::size_t end; (end = peer.received.find("\r\n\r\n")) != std::string::npos;) {
        const std::size_t whole = end + 4 + (contains(peer.received.substr(0, end), "Content-Length: 4") ? 4 : 0);
        if (peer.received.size() < whole) return;
        heads.push_back(peer.received.substr(0, peer.received.find(' ')));
        peer.received.erase(0, whole);
        const std::string body = "answer" + std::to_string(heads.size());
        peer.send(heads.size() == 1 ? first : "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
      }
    };
  }
  std::vector<std::string> heads;
};

/// Has the peer's bytes in the other end's kernel before the loop has another turn.
void sendNow(RawPeer& peer, std::string_view bytes) {
  REQUIRE(::send(peer.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  int left = 1;
  int told = 0;
  while (told == 0 && left > 0) told = ::ioctl(peer.fd(), SIOCOUTQ, &left);
  REQUIRE(told == 0);
}

void first(ProxyFixture& f, RawPeer& client, const std::string& request = simpleGet, const std::string& wanted = "answer1") {
  client.send(request);
  f.waitText(client, wanted);
  f.wait("the token's end", [&] { return f.tokens == 0; });
  turns(f.loop);
  client.received.clear();
}

}  // namespace

TEST_CASE("what comes on a kept connection in the turn of the next request is not its answer", "[integration]") {
  ProxyFixture f;
  f.under = &f.driven;
  f.start();
  CountingUpstream upstream(f);
  auto client = f.client();
  first(f, *client);
  if (GENERATE(false, true)) f.driven.advance(150ms);  // then the connection is looked at before it is used
  const std::string second =
      GENERATE(as<std::string>{}, simpleGet, simplePost, "PUT /p HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbo");
  const std::string stray = GENERATE(as<std::string>{}, evil, "x", "\r\n");
  const bool requestFirst = GENERATE(true, false);
  CAPTURE(second, stray, requestFirst);
  if (requestFirst) sendNow(*client, second);
  sendNow(*f.upstream.peers[0], stray);
  if (!requestFirst) sendNow(*client, second);
  if (second.ends_with("\r\n\r\nbo")) {
    f.wait("the body's beginning", [&] { return f.upstream.peers.size() == 2 && contains(f.upstream.last().received, "\r\n\r\nbo"); });
    sendNow(*client, "dy");
  }
  f.waitText(*client, "answer2");
  CHECK_FALSE(contains(client->received, "evil"));
  CHECK(upstream.heads.size() == 2);
  CHECK(f.upstream.peers[0]->received.empty());  // nothing of it went out there
  f.wait("the first connection to end", [&] { return f.upstream.peers[0]->over(); });
  client->received.clear();
  client->send(simpleGet);
  f.waitText(*client, "answer3");
  CHECK_FALSE(contains(client->received, "evil"));
  CHECK(f.upstream.peers.size() == 2);
}

TEST_CASE("the same in a turn of many requests", "[integration]") {
  ProxyFixture f;
  f.start();
  CountingUpstream upstream(f);
  std::vector<std::unique_ptr<RawPeer>> clients;
  clients.push_back(f.client());
  first(f, *clients[0]);
  for (int i = 0; i < 20; ++i) clients.push_back(f.client());
  turns(f.loop);
  const std::size_t before = GENERATE(0, 7, 20);  // so many requests come before the stray bytes
  const std::string request = GENERATE(as<std::string>{}, simpleGet, simplePost);
  for (std::size_t i = 0; i < before; ++i) sendNow(*clients[i], request);
  sendNow(*f.upstream.peers[0], evil);
  for (std::size_t i = before; i < clients.size(); ++i) sendNow(*clients[i], simpleGet);
  for (const auto& client : clients) {
    f.waitText(*client, "\r\n\r\nanswer");
    CHECK_FALSE(contains(client->received, "evil"));
  }
  CHECK(upstream.heads.size() == 1 + clients.size());
  CHECK(f.upstream.peers[0]->received.empty());
}

TEST_CASE("a kept connection that ends in the turn of the next request: another one is taken, for every method", "[integration]") {
  ProxyFixture f;
  f.start();
  CountingUpstream upstream(f);
  auto client = f.client();
  first(f, *client);
  sendNow(*client, GENERATE(as<std::string>{}, simpleGet, simplePost));
  GENERATE(false, true) ? f.upstream.peers[0]->reset() : f.upstream.peers[0]->close();
  f.waitText(*client, "answer2");
  CHECK(f.proxy->counters().failuresBeforeHead == 0);
}

TEST_CASE("a byte on an idle kept connection ends it", "[integration]") {
  ProxyFixture f;
  f.start();
  CountingUpstream upstream(f);
  auto client = f.client();
  first(f, *client);
  bool passed = false;
  Timer timer = f.loop.after(GENERATE(1ms, 50ms), [&] {
    f.upstream.peers[0]->send(evil);
    passed = true;
  });
  f.wait("the stray bytes", [&] { return passed; });
  f.wait("the connection's end", [&] { return f.upstream.peers[0]->over(); });
  client->send(simpleGet);
  f.waitText(*client, "answer2");
  CHECK_FALSE(contains(client->received, "evil"));
  CHECK(f.proxy->counters().upstreamReuses == 0);
}

TEST_CASE("the body behind an answer that has none is nobody's answer", "[integration]") {
  ProxyFixture f;
  f.start();
  const std::string method = GENERATE(as<std::string>{}, "HEAD", "GET", "DELETE");
  CountingUpstream upstream(f, method == "HEAD"  ? "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(evil.size()) + "\r\n\r\n"
                               : method == "GET" ? "HTTP/1.1 304 Not Modified\r\n\r\n"
                                                 : "HTTP/1.1 204 No Content\r\n\r\n");
  auto client = f.client();
  first(f, *client, method + " / HTTP/1.1\r\nHost: h\r\n\r\n", "\r\n\r\n");
  const bool requestFirst = GENERATE(true, false);
  if (requestFirst) sendNow(*client, simpleGet);
  sendNow(*f.upstream.peers[0], evil);
  if (!requestFirst) sendNow(*client, simpleGet);
  f.waitText(*client, "answer2");
  CHECK_FALSE(contains(client->received, "evil"));
}

TEST_CASE("what stands behind an answer that fills the buffer is not the answer to a pipelined request", "[integration]") {
  ProxyFixture f;
  f.start();
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: ";
  const std::size_t length = f.options.bufferBytes - head.size() - 9;
  REQUIRE(std::to_string(length).size() == 5);
  CountingUpstream upstream(f, head + std::to_string(length) + "\r\n\r\n" + std::string(length, 'x') + evil);
  auto client = f.client();
  client->send(simpleGet + simpleGet);
  f.waitText(*client, "\r\n\r\nanswer2");
  CHECK_FALSE(contains(client->received, "evil"));
}
