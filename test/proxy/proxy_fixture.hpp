#pragma once
// ProxyFixture: a loop, a front, a proxy behind it and a misbehaving upstream behind that; clients are RawPeers.

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>

#include "http/front.hpp"
#include "proxy/proxy.hpp"
#include "support/driven_loop.hpp"
#include "support/loop_wait.hpp"
#include "support/raw_peer.hpp"

namespace spawner::test {

/// Counts what a sidecar would count: alive from a head's first byte to the exchange's or tunnel's end.
struct CountedToken final : http::ExchangeToken {
  explicit CountedToken(int& of) : count(of) { ++count; }
  ~CountedToken() override { --count; }
  int& count;
};

struct ProxyFixture {
  Reactor loop;
  DrivenLoop driven{loop};
  /// What proxy and front run on: `&driven`, set before start(), where the test drives their time.
  Loop* under = &loop;
  int tokens = 0;
  RawServer upstream{loop};
  proxy::ProxyOptions options;
  std::unique_ptr<proxy::Proxy> proxy;
  std::unique_ptr<http::Front> front;
  /// What run() is given; tests change it before a request.
  proxy::Target target;
  std::shared_ptr<MemorySink> log = std::make_shared<MemorySink>();

  ~ProxyFixture() {
    front.reset();
    proxy.reset();
  }
  void start(http::FrontLimits limits = {}) {
    target.address = upstream.address();
    proxy = std::make_unique<proxy::Proxy>(*under, options, Logger({.sink = log, .wallNow = {}}, "test"));
    front = std::make_unique<http::Front>(
        *under, [this](std::unique_ptr<http::Exchange> exchange) { proxy->run(std::move(exchange), target); },
        http::FrontOptions{.limits = limits, .makeToken = [this] { return std::make_unique<CountedToken>(tokens); }});
    REQUIRE(front->listen(*SocketAddress::parse("127.0.0.1:0")).ok());
  }
  std::unique_ptr<RawPeer> client() { return RawPeer::connect(loop, front->port()); }
  void wait(const std::string& what, const std::function<bool()>& predicate, Duration limit = std::chrono::seconds(10)) {
    waitFor(loop, what, predicate, limit);
  }
  /// Waits until the peer has received this text.
  void waitText(RawPeer& peer, const std::string& text) {
    wait("'" + text.substr(0, 60) + "' after '" + peer.received.substr(0, 300) + "'",
         [&] { return peer.received.find(text) != std::string::npos; });
  }
  /// Every connection's request head is answered with these bytes, each time a whole head has come.
  void answerAll(std::string bytes) {
    upstream.onBytes = [bytes](RawPeer& peer) {
      for (std::size_t end; (end = peer.received.find("\r\n\r\n")) != std::string::npos;) {
        peer.received.erase(0, end + 4);
        peer.send(bytes);
      }
    };
  }
};

inline const std::string simpleGet = "GET /a?b=c HTTP/1.1\r\nHost: example.org\r\n\r\n";
inline const std::string okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace spawner::test
