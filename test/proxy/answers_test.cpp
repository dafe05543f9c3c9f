// Answers of an upstream, sound and not, through a proxy, byte by byte.

#include "proxy/proxy_fixture.hpp"

using namespace spawner;
using namespace spawner::test;

TEST_CASE("a request goes to the upstream and its answer back", "[integration]") {
  ProxyFixture f;
  f.start();
  auto client = f.client();
  client->send(simpleGet);
  f.wait("a connection at the upstream", [&] { return !f.upstream.peers.empty(); });
  f.waitText(f.upstream.last(), "\r\n\r\n");
  CHECK(f.upstream.last().received.starts_with("GET /a?b=c HTTP/1.1\r\nHost: example.org\r\n"));
  CHECK(contains(f.upstream.last().received, "X-Forwarded-For: 127.0.0.1\r\n"));
  CHECK(f.tokens == 1);
  f.upstream.last().send("HTTP/1.1 203 Fine\r\nX-A: 1\r\nConnection: x-hop\r\nX-Hop: 2\r\nContent-Length: 5\r\n\r\nhello");
  f.waitText(*client, "hello");
  CHECK(client->received.starts_with("HTTP/1.1 203 Fine\r\n"));
  CHECK(contains(client->received, "X-A: 1\r\n"));
  CHECK(contains(client->received, "Content-Length: 5\r\n"));
  CHECK_FALSE(contains(client->received, "X-Hop"));
  f.wait("the token's end", [&] { return f.tokens == 0; });
  CHECK_FALSE(client->over());
}

TEST_CASE("an answer has the Date of its application, or else ours", "[integration]") {
  ProxyFixture f;
  f.start();
  const std::string date = GENERATE("", "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
  f.answerAll("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n" + date + "Content-Length: 5\r\n\r\nhello");
  auto client = f.client();
  client->send(simpleGet);
  f.waitText(*client, "hello");
  const std::string head = client->received.substr(client->received.find("HTTP/1.1 200"));
  CHECK_FALSE(contains(client->received.substr(0, client->received.size() - head.size()), "Date:"));
  if (!date.empty()) {
    CHECK(contains(head, date));
    CHECK_FALSE(contains(head, "Date: "));
  } else {
    const auto at = head.find("\r\nDate: ");
    REQUIRE(at != std::string::npos);
    tm when{};
    REQUIRE(::strptime(head.c_str() + at + 8, "%a, %d %b %Y %H:%M:%S GMT\r\n", &when) != nullptr);
    const auto seconds = std::chrono::floor<std::chrono::seconds>(f.loop.wallNow()).time_since_epoch().count() - ::timegm(&when);
    CHECK(seconds >= 0);
    CHECK(seconds <= 2);
  }
}

TEST_CASE("answers without a body end at their head", "[integration]") {
  ProxyFixture f;
  f.start();
  const auto [method, answer] = GENERATE(table<std::string, std::string>({
      {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"},
      {"GET", "HTTP/1.1 204 No Content\r\n\r\n"},
      {"GET", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 77\r\n\r\n"},
      {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
  }));
  f.answerAll(answer);
  auto client = f.client();
  for (int i = 1; i <= 3; ++i) {
    client->received.clear();
    client->send(method + " / HTTP/1.1\r\nHost: h\r\n\r\n");
    f.waitText(*client, "\r\n\r\n");
    CHECK(contains(client->received, answer.substr(0, answer.find("\r\n"))));
    if (method == "HEAD") CHECK(contains(client->received, "Content-Length: 1000\r\n"));
    f.wait("the token's end", [&] { return f.tokens == 0; });
  }
  CHECK(f.upstream.peers.size() == 1);  // kept and used again
  CHECK(f.proxy->counters().upstreamReuses == 2);
}

TEST_CASE("a chunked answer arrives whole, whatever its pieces", "[integration]") {
  ProxyFixture f;
  f.start();
  auto client = f.client();
  client->send(simpleGet);
  f.wait("the request", [&] { return !f.upstream.peers.empty() && contains(f.upstream.last().received, "\r\n\r\n"); });
  for (const char c : std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n")) {
    f.upstream.last().send(std::string(1, c));
    turns(f.loop, 2);
  }
  f.waitText(*client, "0\r\n\r\n");
  std::string body;
  std::string rest = client->received.substr(client->received.find("\r\n\r\n") + 4);
  while (!rest.starts_with("0\r\n")) {
    const auto size = std::stoul(rest, nullptr, 16);
    const auto at = rest.find("\r\n") + 2;
    body += rest.substr(at, size);
    rest = rest.substr(at + size + 2);
  }
  CHECK(body == "abcde");
}

TEST_CASE("an answer that ends with its connection is a whole one", "[integration]") {
  ProxyFixture f;
  f.start();
  auto client = f.client();
  client->send(simpleGet);
  f.upstream.onBytes = [](RawPeer& peer) {
    peer.send("HTTP/1.0 200 OK\r\n\r\nold style");
    peer.halfClose();
  };
  f.waitText(*client, "0\r\n\r\n");
  CHECK(contains(client->received, "old style"));
  CHECK_FALSE(client->over());
}

TEST_CASE("an upstream that breaks off mid-body is never a clean end", "[integration]") {
  ProxyFixture f;
  f.start();
  const std::string start =
      GENERATE("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhell", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe");
  const bool reset = GENERATE(false, true);
  auto client = f.client();
  client->send(simpleGet);
  f.wait("the request", [&] { return !f.upstream.peers.empty() && contains(f.upstream.last().received, "\r\n\r\n"); });
  f.upstream.last().send(start);
  f.waitText(*client, "he");
  if (reset)
    f.upstream.last().reset();
  else
    f.upstream.last().close();
  f.wait("the client's connection to end", [&] { return client->over(); });
  CHECK_FALSE(contains(client->received, "\r\n0\r\n\r\n"));
  CHECK(f.proxy->counters().brokenAnswers == 1);
  f.wait("the token's end", [&] { return f.tokens == 0; });
}

TEST_CASE("an until-close answer that is reset is broken off", "[integration]") {
  ProxyFixture f;
  f.start();
  auto client = f.client();
  client->send(simpleGet);
  f.wait("the request", [&] { return !f.upstream.peers.empty() && contains(f.upstream.last().received, "\r\n\r\n"); });
  f.upstream.last().send("HTTP/1.1 200 OK\r\n\r\npart");
  f.waitText(*client, "part");
  f.upstream.last().reset();
  f.wait("the client's connection to end", [&] { return client->over(); });
  CHECK_FALSE(contains(client->received, "\r\n0\r\n\r\n"));
}

TEST_CASE("what is no HTTP is a 502 that says so", "[integration]") {
  ProxyFixture f;
  f.start();
  const std::string garbage =
      GENERATE(std::string("\x16\x03\x01 hello\r\n\r\n"), std::string("HTTP/1.1 abc OK\r\n\r\n"),
               std::string("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
               std::string("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
               "HTTP/1.1 200 OK\r\nX: " + std::string(200 * 1024, 'a'),
               std::string("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"));
  f.upstream.onBytes = [&](RawPeer& peer) {
    peer.send(garbage);
    f.upstream.onBytes = nullptr;
  };
  auto client = f.client();
  client->send(simpleGet);
  f.waitText(*client, "UpstreamBadAnswer");
  CHECK(client->received.starts_with("HTTP/1.1 502 "));
  CHECK(contains(client->received, "application/problem+json"));
  CHECK(contains(client->received, "Spawner-Reason: UpstreamBadAnswer\r\n"));
  f.wait("the upstream's connection to end", [&] { return f.upstream.last().over(); });
  f.wait("the token's end", [&] { return f.tokens == 0; });
}

TEST_CASE("bytes behind the answer are not given to the next request", "[integration]") {
  ProxyFixture f;
  f.start();
  int requests = 0;
  f.upstream.onBytes = [&](RawPeer& peer) {
    if (!contains(peer.received, "\r\n\r\n")) return;
    peer.received.clear();
    ++requests;
    peer.send(requests == 1 ? okAnswer + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil" : okAnswer);
  };
  auto client = f.client();
  client->send(simpleGet);
  f.waitText(*client, "hello");
  f.wait("the token's end", [&] { return f.tokens == 0; });
  client->received.clear();
  client->send(simpleGet);
  f.waitText(*client, "hello");
  CHECK_FALSE(contains(client->received, "evil"));
  CHECK(f.upstream.peers.size() == 2);
}

TEST_CASE("1xx heads go to the client as they come", "[integration]") {
  ProxyFixture f;
  f.start();
  auto client = f.client();
  client->send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  f.wait("the head", [&] { return !f.upstream.peers.empty() && contains(f.upstream.last().received, "\r\n\r\n"); });
  CHECK(contains(f.upstream.last().received, "Expect: 100-continue\r\n"));
  turns(f.loop, 5);
  CHECK(client->received.empty());  // a 100 is the upstream's to send
  f.upstream.last().send("HTTP/1.1 100 Continue\r\n\r\n");
  f.waitText(*client, "HTTP/1.1 100 Continue\r\n");
  client->send("body");
  f.waitText(f.upstream.last(), "\r\n\r\nbody");
  f.upstream.last().send("HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\n");
  f.waitText(*client, "Link: </s.css>");
  f.upstream.last().send(okAnswer);
  f.waitText(*client, "hello");
}

TEST_CASE("answers of 1xx without end are a 502", "[integration]") {
  ProxyFixture f;
  f.start();
  auto client = f.client();
  client->send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  f.wait("the head", [&] { return !f.upstream.peers.empty() && contains(f.upstream.last().received, "\r\n\r\n"); });
  std::string interim;
  for (int i = 0; i < 33; ++i) interim += "HTTP/1.1 103 Early Hints\r\n\r\n";
  f.upstream.last().send(interim);
  f.waitText(*client, "HTTP/1.1 502 Bad Gateway\r\n");
  f.waitText(*client, "more than 32 answers of 1xx");
}

TEST_CASE("an HTTP/1.0 client gets no 1xx, and a chunked answer without chunks", "[integration]") {
  ProxyFixture f;
  f.start();
  f.answerAll("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
  auto client = f.client();
  client->send("GET / HTTP/1.0\r\n\r\n");
  f.wait("the end", [&] { return client->over(); });
  CHECK_FALSE(contains(client->received, " 103 "));
  CHECK(client->received.ends_with("\r\n\r\nhello"));
}
