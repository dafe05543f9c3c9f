// Requests through a proxy: uploads, early answers, clients that leave, upstreams that are not there, limits in time.

#include "proxy/proxy_fixture.hpp"

#include "proxy/respond.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

TEST_CASE("a body of known length arrives as it was sent", "[integration]") {
  ProxyFixture f;
  f.start();
  auto client = f.client();
  client->send("POST /u HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234");
  f.wait("the first half", [&] { return !f.upstream.peers.empty() && contains(f.upstream.last().received, "\r\n\r\n01234"); });
  CHECK(contains(f.upstream.last().received, "Content-Length: 10\r\n"));
  client->send("56789");
  f.waitText(f.upstream.last(), "\r\n\r\n0123456789");
  f.upstream.last().send(okAnswer);
  f.waitText(*client, "hello");
}

TEST_CASE("Max-Forwards counts down for TRACE and OPTIONS, and ends them here at 0", "[integration]") {
  ProxyFixture f;
  f.start();
  std::string asked;
  f.upstream.onBytes = [&](RawPeer& peer) {
    asked = std::exchange(peer.received, {});
    peer.send(okAnswer);
  };
  const std::string method = GENERATE("OPTIONS", "TRACE", "GET");
  auto client = f.client();
  const auto ask = [&](const std::string& left) {
    client->received.clear();
    client->send(method + " / HTTP/1.1\r\nHost: h\r\nMax-Forwards: " + left + "\r\n\r\n");
    f.waitText(*client, "\r\n\r\n");
  };
  ask("0");
  CHECK(client->received.starts_with(method == "GET" ? "HTTP/1.1 200 " : method == "TRACE" ? "HTTP/1.1 501 " : "HTTP/1.1 204 "));
  CHECK(f.upstream.peers.empty() == (method != "GET"));
  ask("7");
  CHECK(contains(asked, method == "GET" ? "Max-Forwards: 7\r\n" : "Max-Forwards: 6\r\n"));
  ask("x");
  CHECK(contains(asked, "Max-Forwards: x\r\n"));
}

TEST_CASE("a chunked body goes on as a chunked one, and its end is passed on", "[integration]") {
  ProxyFixture f;
  f.start();
  auto client = f.client();
  client->send("POST /u HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;ext\r\nabc\r\n");
  f.wait("the first chunk", [&] { return !f.upstream.peers.empty() && contains(f.upstream.last().received, "3\r\nabc\r\n"); });
  CHECK(contains(f.upstream.last().received, "Transfer-Encoding: chunked\r\n"));
  CHECK_FALSE(contains(f.upstream.last().received, "0\r\n\r\n"));
  client->send("0\r\n\r\n");
  f.waitText(f.upstream.last(), "0\r\n\r\n");
  f.upstream.last().send(okAnswer);
  f.waitText(*client, "hello");
}

TEST_CASE("pipelined requests are answered in order", "[integration]") {
  ProxyFixture f;
  f.start();
  f.upstream.onBytes = [](RawPeer& peer) {
    const auto end = peer.received.find("\r\n\r\n");
    if (end == std::string::npos) return;
    const std::string path = peer.received.substr(4, peer.received.find(' ', 4) - 4);
    peer.received.erase(0, end + 4);
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(path.size()) + "\r\n\r\n" + path);
  };
  auto client = f.client();
  std::string requests;
  for (int i = 0; i < 20; ++i) requests += "GET /n" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  client->send(requests);
  f.waitText(*client, "/n19");
  std::size_t at = 0;
  for (int i = 0; i < 20; ++i) {
    at = client->received.find("\r\n\r\n/n" + std::to_string(i), at);
    CHECK(at != std::string::npos);
  }
}

TEST_CASE("an early answer to an upload reaches the client, whatever the upstream does then", "[integration]") {
  ProxyFixture f;
  f.start();
  const int then = GENERATE(0, 1, 2);  // keeps open, closes, resets
  auto client = f.client();
  client->send("POST /u HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n" + std::string(1000, 'x'));
  f.wait("the upload's beginning", [&] { return !f.upstream.peers.empty() && contains(f.upstream.last().received, "xxx"); });
  f.upstream.last().send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
  if (then == 1) f.upstream.last().close();
  f.waitText(*client, "\r\n\r\nbig");
  if (then == 2) f.upstream.last().reset();
  CHECK(client->received.starts_with("HTTP/1.1 413 "));
  client->send(std::string(100'000, 'x'));  // still pushing: must not turn the answer into a reset
  f.wait("the client's connection to end", [&] { return client->over(); });
  CHECK(client->ended);
  f.wait("the token's end", [&] { return f.tokens == 0; });
}

TEST_CASE("nobody listens: 502 at once, and it says who", "[integration]") {
  ProxyFixture f;
  f.start();
  f.upstream.stopListening();
  auto client = f.client();
  client->send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
  f.waitText(*client, "\"reason\":\"UpstreamUnreachable\"");
  CHECK(client->received.starts_with("HTTP/1.1 502 "));
  CHECK(contains(client->received, "refused"));
  CHECK(f.proxy->counters().failuresBeforeHead == 1);
  REQUIRE(f.log->lines.size() == 1);
  CHECK(contains(f.log->lines[0], "UpstreamUnreachable"));
}

TEST_CASE("an upstream that closes without an answer is a 502", "[integration]") {
  ProxyFixture f;
  f.start();
  const bool reset = GENERATE(false, true);
  f.upstream.onBytes = [&](RawPeer& peer) { reset ? peer.reset() : peer.close(); };
  auto client = f.client();
  client->send(simpleGet);
  f.waitText(*client, "\"reason\":\"UpstreamClosed\"");
  CHECK(client->received.starts_with("HTTP/1.1 502 "));
  CHECK(f.upstream.peers.size() == 1);  // a new connection's failure is no reason for a second try
}

TEST_CASE("an upstream that thinks too long is a 504; one that is only slow is not", "[integration]") {
  ProxyFixture f;
  f.options.headTimeout = 60ms;
  f.under = &f.driven;
  f.start();
  auto client = f.client();
  client->send(simpleGet);
  f.wait("the first request", [&] { return f.upstream.peers.size() == 1 && contains(f.upstream.last().received, "\r\n\r\n"); });
  f.driven.advance(59ms);
  CHECK(client->received.empty());
  f.driven.advance(1ms);
  f.waitText(*client, "\"reason\":\"UpstreamTimeout\"");
  CHECK(client->received.starts_with("HTTP/1.1 504 "));
  f.wait("the upstream's connection to end", [&] { return f.upstream.last().over(); });

  client->received.clear();
  client->send(simpleGet);
  f.wait("the second request", [&] { return f.upstream.peers.size() == 2 && contains(f.upstream.last().received, "\r\n\r\n"); });
  f.driven.advance(59ms);
  f.upstream.last().send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
  f.waitText(*client, "hel");
  f.driven.advance(150ms);
  f.upstream.last().send("lo");
  f.waitText(*client, "hello");
}

TEST_CASE("a body without progress is broken off only where a limit is set", "[integration]") {
  ProxyFixture f;
  f.options.stallTimeout = 60ms;
  f.start();
  auto client = f.client();
  client->send(simpleGet);
  f.wait("the request", [&] { return !f.upstream.peers.empty() && contains(f.upstream.last().received, "\r\n\r\n"); });
  f.upstream.last().send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
  f.wait("the client's connection to end", [&] { return client->over(); });
  CHECK(f.proxy->counters().brokenAnswers == 1);
}

TEST_CASE("a client that leaves takes the upstream's request with it, without any time", "[integration]") {
  ProxyFixture f;
  f.under = &f.driven;
  f.start();
  const int how = GENERATE(0, 1, 2);   // FIN, RST, FIN while the connection stays
  const int when = GENERATE(0, 1, 2);  // waiting for the head, in the answer, in the upload
  auto client = f.client();
  client->send(when == 2 ? "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc" : simpleGet);
  f.wait("the request", [&] { return !f.upstream.peers.empty() && contains(f.upstream.last().received, "\r\n\r\n"); });
  if (when == 1) {
    f.upstream.last().send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nabc");
    f.waitText(*client, "abc");
  }
  if (how == 0) client->close();
  if (how == 1) client->reset();
  if (how == 2) client->halfClose();
  f.wait("the upstream's connection to end", [&] { return f.upstream.last().over(); });
  CHECK(f.tokens == 0);
  CHECK(f.proxy->counters().active == 0);
  CHECK(f.proxy->counters().clientGone == 1);
}

TEST_CASE("the target's edits, interception and failure handler", "[integration]") {
  ProxyFixture f;
  f.start();
  f.target.edit.target = "/inner";
  f.target.edit.forwardedPrefix = "/p/x";
  f.target.editAnswer = [](http::ResponseHead& head) { head.headers.set("Location", "/p/x" + std::string(head.headers.get("Location"))); };
  f.target.intercept = [](const http::ResponseHead& head) { return head.status == 503; };
  f.target.onFailure = [](std::unique_ptr<http::Exchange> exchange, const proxy::Failure& failure) {
    proxy::respond(std::move(exchange), http::Response::text(200, "page for " + std::string(toString(failure.kind))));
  };
  f.answerAll("HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n");
  auto client = f.client();
  client->send(simpleGet);
  f.waitText(*client, "Location: /p/x/there\r\n");

  client->received.clear();
  f.answerAll("HTTP/1.1 503 No\r\nContent-Length: 5\r\n\r\ninner");
  client->send(simpleGet);
  f.waitText(*client, "page for Intercepted");
  CHECK_FALSE(contains(client->received, "inner"));

  client->received.clear();
  f.upstream.onBytes = [&](RawPeer& peer) {
    CHECK(contains(peer.received, "GET /inner HTTP/1.1\r\n"));
    CHECK(contains(peer.received, "X-Forwarded-Prefix: /p/x\r\n"));
    peer.close();
  };
  client->send(simpleGet);
  f.waitText(*client, "page for UpstreamClosed");
}

TEST_CASE("destroying the proxy breaks off what is under way", "[integration]") {
  ProxyFixture f;
  f.start();
  auto client = f.client();
  auto second = f.client();
  client->send(simpleGet);
  f.wait("the request", [&] { return !f.upstream.peers.empty() && contains(f.upstream.last().received, "\r\n\r\n"); });
  f.upstream.last().send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nabc");
  f.waitText(*client, "abc");
  second->send(simpleGet);
  f.wait("the second request", [&] { return f.proxy->counters().active == 2; });
  f.front.reset();
  f.proxy.reset();
  f.wait("both clients' connections to end", [&] { return client->over() && second->over(); });
  CHECK(f.tokens == 0);
}
