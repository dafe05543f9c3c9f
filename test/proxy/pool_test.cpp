// Kept connections: reuse, staleness, and what may be sent twice.

#include "proxy/proxy_fixture.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

namespace {

/// Answers every request on every connection but the chosen connection's second request, at which it closes that connection unanswered.
struct StaleUpstream {
  explicit StaleUpstream(ProxyFixture& f) {
    f.upstream.onBytes = [this](RawPeer& peer) {
      if (!contains(peer.received, "\r\n\r\n") || (contains(peer.received, "Content-Length: 4") && !contains(peer.received, "body")))
        return;
      heads.push_back(peer.received.substr(0, peer.received.find(' ')));
      peer.received.clear();
      if (++served[&peer] == 2 && served.size() == 1) return peer.close();
      peer.send(okAnswer);
    };
  }
  std::vector<std::string> heads;
  std::map<RawPeer*, int> served;
};

void exchange(ProxyFixture& f, RawPeer& client, const std::string& request, const std::string& wanted) {
  client.received.clear();
  client.send(request);
  f.waitText(client, wanted);
  f.wait("the token's end", [&] { return f.tokens == 0; });
}

}  // namespace

TEST_CASE("a GET on a stale kept connection is sent again", "[integration]") {
  ProxyFixture f;
  f.start();
  StaleUpstream upstream(f);
  auto client = f.client();
  exchange(f, *client, simpleGet, "hello");
  exchange(f, *client, simpleGet, "hello");
  CHECK(upstream.heads == std::vector<std::string>{"GET", "GET", "GET"});
  CHECK(f.proxy->counters().retries == 1);
}

TEST_CASE("a request whose chunked body is empty is sent again with its end", "[integration]") {
  ProxyFixture f;
  f.start();
  f.upstream.onBytes = [&](RawPeer& peer) {
    const bool put = peer.received.starts_with("PUT ");
    if (!contains(peer.received, put ? "\r\n\r\n0\r\n\r\n" : "\r\n\r\n")) return;
    if (put && f.upstream.peers.size() == 1) return peer.close();
    if (!put) peer.received.clear();
    peer.send(okAnswer);
  };
  auto client = f.client();
  exchange(f, *client, simpleGet, "hello");
  exchange(f, *client, "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "hello");
  CHECK(f.proxy->counters().retries == 1);
  REQUIRE(f.upstream.peers.size() == 2);
  CHECK(f.upstream.last().received.ends_with("\r\n\r\n0\r\n\r\n"));
}

TEST_CASE("a POST is never sent twice", "[integration]") {
  ProxyFixture f;
  f.start();
  StaleUpstream upstream(f);
  auto client = f.client();
  exchange(f, *client, simpleGet, "hello");
  const std::string post =
      GENERATE("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
  exchange(f, *client, post, "UpstreamClosed");
  CHECK(upstream.heads == std::vector<std::string>{"GET", "POST"});
  CHECK(f.proxy->counters().retries == 0);
}

TEST_CASE("a POST takes no connection that has lain for long", "[integration]") {
  ProxyFixture f;
  f.options.unsafeReuseWithin = Duration::zero();
  f.start();
  StaleUpstream upstream(f);
  auto client = f.client();
  exchange(f, *client, simpleGet, "hello");
  bool passed = false;
  Timer timer = f.loop.after(5ms, [&] { passed = true; });
  f.wait("5 ms", [&] { return passed; });
  exchange(f, *client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody", "hello");
  CHECK(f.upstream.peers.size() == 2);
  CHECK(upstream.heads == std::vector<std::string>{"GET", "POST"});
}

TEST_CASE("part of an answer forbids a second try", "[integration]") {
  ProxyFixture f;
  f.start();
  int requests = 0;
  f.upstream.onBytes = [&](RawPeer& peer) {
    if (!contains(peer.received, "\r\n\r\n")) return;
    peer.received.clear();
    if (++requests == 1) return peer.send(okAnswer);
    peer.send("HTTP/1.1 20");
    peer.halfClose();
  };
  auto client = f.client();
  exchange(f, *client, simpleGet, "hello");
  exchange(f, *client, simpleGet, "UpstreamClosed");
  CHECK(requests == 2);
}

TEST_CASE("a connection that the upstream closes leaves the pool at once", "[integration]") {
  ProxyFixture f;
  f.start();
  f.answerAll(okAnswer);
  auto client = f.client();
  exchange(f, *client, simpleGet, "hello");
  f.upstream.last().close();
  turns(f.loop);
  exchange(f, *client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "hello");
  CHECK(f.proxy->counters().upstreamConnects == 2);
  CHECK(f.proxy->counters().retries == 0);
}

TEST_CASE("a connection that ends right behind its answer does not lie in the pool", "[integration]") {
  ProxyFixture f;
  f.start();
  f.upstream.onBytes = [](RawPeer& peer) {
    if (!contains(peer.received, "\r\n\r\n")) return;
    peer.send(okAnswer);
    peer.halfClose();
  };
  auto client = f.client();
  for (int i = 0; i < 3; ++i) {
    exchange(f, *client, simpleGet, "hello");
    f.wait(
        "the upstream's connection to end", [&] { return f.upstream.last().over(); }, f.options.pool.idleTimeout / 2);
  }
  CHECK(f.proxy->counters().upstreamConnects == 3);
  CHECK(f.proxy->counters().retries == 0);
}

TEST_CASE("an answer that fills the buffer to its last byte arrives whole, and its connection is used again", "[integration]") {
  ProxyFixture f;
  f.start();
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: ";
  const std::size_t times = GENERATE(1, 3, 4, 5, 9);
  std::size_t length = times * f.options.bufferBytes - head.size() - 9;
  REQUIRE(std::to_string(length).size() == 5 + (length >= 100'000));
  length -= length >= 100'000;
  const std::string answer = head + std::to_string(length) + "\r\n\r\n" + std::string(length - 1, 'x') + "!";
  REQUIRE(answer.size() == times * f.options.bufferBytes);
  f.answerAll(answer);
  auto client = f.client();
  for (int i = 0; i < 3; ++i) exchange(f, *client, simpleGet, "!");
  CHECK(f.proxy->counters().upstreamConnects == 1);
  CHECK(f.proxy->counters().upstreamReuses == 2);
}

TEST_CASE("Connection: close, Keep-Alive: timeout=1 and HTTP/1.0 are not kept", "[integration]") {
  ProxyFixture f;
  f.start();
  f.answerAll(GENERATE("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
                       "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 5\r\n\r\nhello",
                       "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"));
  auto client = f.client();
  exchange(f, *client, simpleGet, "hello");
  f.wait("the upstream's connection to end", [&] { return f.upstream.last().over(); });
  exchange(f, *client, simpleGet, "hello");
  CHECK(f.upstream.peers.size() == 2);
}

TEST_CASE("idle connections are bounded in number and time", "[integration]") {
  ProxyFixture f;
  f.options.pool = {.maxIdlePerAddress = 2, .maxIdle = 8, .idleTimeout = 80ms};
  f.under = &f.driven;
  f.start();
  std::vector<std::unique_ptr<RawPeer>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(f.client());
    clients.back()->send(simpleGet);
  }
  f.wait("four requests", [&] {
    return f.upstream.peers.size() == 4 &&
           std::all_of(f.upstream.peers.begin(), f.upstream.peers.end(), [](auto& p) { return contains(p->received, "\r\n\r\n"); });
  });
  for (auto& peer : f.upstream.peers) peer->send(okAnswer);
  const auto open = [&] { return std::count_if(f.upstream.peers.begin(), f.upstream.peers.end(), [](auto& p) { return !p->over(); }); };
  f.wait("two to be closed", [&] { return open() == 2; });
  f.driven.advance(79ms);
  CHECK(open() == 2);
  f.driven.advance(80ms);  // by then the look for old ones has been taken
  f.wait("the others to time out", [&] { return open() == 0; });
}

TEST_CASE("a request whose body was taken is not sent again without it, whatever its method", "[integration]") {
  ProxyFixture f;
  f.start();
  std::vector<std::string> requests;
  f.upstream.onBytes = [&](RawPeer& peer) {
    const bool get = peer.received.starts_with("GET ");
    if (!contains(peer.received, "\r\n\r\n") || (!get && !contains(peer.received, "body"))) return;
    requests.push_back(peer.received.substr(0, peer.received.find(' ')));
    peer.received.clear();
    if (get) return peer.send(okAnswer);
    peer.close();
  };
  auto client = f.client();
  exchange(f, *client, simpleGet, "hello");
  const std::string method = GENERATE("PUT", "DELETE");
  const std::string body = GENERATE("Content-Length: 4\r\n\r\nbody", "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
                                    "Content-Length: 8\r\n\r\nbody");  // the last one is still coming
  exchange(f, *client, method + " / HTTP/1.1\r\nHost: h\r\n" + body, "UpstreamClosed");
  CHECK(requests == std::vector<std::string>{"GET", method});
  CHECK(f.upstream.peers.size() == 1);
  CHECK(f.proxy->counters().upstreamReuses == 1);
  CHECK(f.proxy->counters().retries == 0);
}
