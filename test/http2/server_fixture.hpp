#pragma once
// ServerFixture: a Server behind a Front on a loopback socket, and clients that are a Session carried by the same loop.

#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "http/front_fixture.hpp"
#include "http2/server.hpp"
#include "http2/session_fixture.hpp"

namespace spawner::http2::testing {

/// A client of HTTP/2 on a raw one.
struct Http2Client {
  Http2Client(Reactor& loop, std::uint16_t port, SessionLimits limits = {})
      : raw(loop, port), session(Session::Side::Client, loaded(limits), seen), loop_(loop) {}
  void carry() {
    for (std::string_view piece = session.output(); !piece.empty(); piece = session.output()) raw.send(piece);
    const std::string got = std::exchange(raw.received, {});
    if (!got.empty()) (void)session.receive(got, loop_.now());
    for (std::string_view piece = session.output(); !piece.empty(); piece = session.output()) raw.send(piece);
  }
  StreamId request(const std::string& method = "GET", bool end = true) {
    const StreamId id = session.request({{":method", method}, {":scheme", "http"}, {":authority", "a.example"}, {":path", "/x"}}, end);
    carry();
    return id;
  }
  void waitFor(const std::string& what, const std::function<bool()>& predicate) {
    test::waitFor(loop_, what, [&] {
      carry();
      return predicate();
    });
  }
  Recorder::Stream& at(StreamId id) { return seen.streams[id]; }

  http::testing::Client raw;
  Recorder seen;
  Session session;

 private:
  Reactor& loop_;
};

inline http::ResponseHead streamed() {
  http::ResponseHead head;
  head.framing = http::Framing::Chunked;
  return head;
}

struct ServerFixture {
  Reactor loop;
  test::DrivenLoop driven{loop};
  Loop* under = &loop;  // &driven, set before start(), where the test drives the time
  http::testing::TokenCount tokens;
  std::vector<std::unique_ptr<http::Exchange>> exchanges;
  int gone = 0;
  std::unique_ptr<Server> server;
  std::unique_ptr<http::Front> front;

  void start(ServerOptions options = {}, Server::Handler handler = nullptr) {
    REQUIRE(loadNghttp2());
    if (!handler)
      handler = [this](std::unique_ptr<http::Exchange> exchange) {
        exchange->onGone([this] { ++gone; });
        exchanges.push_back(std::move(exchange));
      };
    const auto makeToken = [this] { return std::make_unique<http::testing::CountedToken>(tokens); };
    options.makeToken = makeToken;
    server = std::make_unique<Server>(*under, handler, std::move(options));
    http::FrontOptions frontOptions;
    frontOptions.makeToken = makeToken;
    frontOptions.onHttp2 = [this](http::Upgraded connection) { server->adopt(std::move(connection)); };
    front = std::make_unique<http::Front>(*under, std::move(handler), std::move(frontOptions));
    REQUIRE(front->listen(SocketAddress::parse("127.0.0.1:0").value()));
  }
  /// As spawner_http_refused_total tells it.
  std::uint64_t counted(std::string_view reason) {
    const auto& all = http::refusalReasons;
    return server->stats().limits.byReason.at(static_cast<std::size_t>(std::find(all.begin(), all.end(), reason) - all.begin()));
  }
  http::Exchange& exchange(Http2Client& client, std::size_t index = 0) {
    client.waitFor("an exchange", [&] { return exchanges.size() > index; });
    return *exchanges[index];
  }
};

}  // namespace spawner::http2::testing
