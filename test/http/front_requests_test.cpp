// The front over loopback sockets: requests, answers, keep-alive, pipelining.

#include "http/front_fixture.hpp"

using namespace spawner;
using namespace spawner::http;
using namespace spawner::http::testing;

TEST_CASE_METHOD(FrontFixture, "A request is answered and the connection serves the next", "[integration]") {
  start({}, echoPath());
  Client client = this->client();
  for (int i = 0; i < 3; ++i) {
    client.received.clear();
    client.send("GET /" + std::to_string(i) + "?q HTTP/1.1\r\nHost: a\r\n\r\n");
    client.waitFor("path=/" + std::to_string(i));
    CHECK(dateless(client.received) == "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\npath=/" + std::to_string(i));
  }
  CHECK(front->stats().accepted == 1);
  CHECK(front->stats().requests == 3);
  CHECK(front->stats().exchanges == 0);
  CHECK(front->stats().connections == 1);
}

TEST_CASE_METHOD(FrontFixture, "Pipelined requests are answered one after another, in order, none lost", "[integration]") {
  start();
  Client client = this->client();
  std::string burst;
  for (int i = 0; i < 50; ++i) burst += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
  client.send(burst);
  for (std::size_t i = 0; i < 50; ++i) {
    waitForExchanges(i + 1);
    settle();
    REQUIRE(exchanges.size() == i + 1);  // one at a time
    CHECK(front->stats().exchanges == 1);
    Exchange& exchange = *exchanges[i];
    CHECK(exchange.head().target == "/" + std::to_string(i));
    std::string body;
    bool ended = false;
    exchange.readBody([&](std::string_view bytes) { body += bytes; }, [&] { ended = true; });
    CHECK_FALSE(ended);  // never inside the call
    waitFor("the end of the body", [&] { return ended; });
    CHECK(body == "abc");
    answerText(exchange, "n" + std::to_string(i) + ";");
  }
  client.waitFor("n49;");
  std::size_t at = 0;
  for (int i = 0; i < 50; ++i) {
    const std::size_t next = client.received.find("n" + std::to_string(i) + ";", at);
    REQUIRE(next != std::string::npos);
    at = next;
  }
  CHECK(tokens.made == 50);
  CHECK(tokens.alive == 0);
}

TEST_CASE_METHOD(FrontFixture, "Pipelined requests that are answered inside the handler come out in order", "[integration]") {
  start({}, echoPath());
  Client client = this->client();
  std::string burst;
  for (int i = 0; i < 1000; ++i) burst += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  REQUIRE(client.send(burst) == burst.size());
  client.waitFor("path=/999");
  CHECK(client.count("HTTP/1.1 200 OK") == 1000);
}

TEST_CASE_METHOD(FrontFixture, "More requests than one read takes are all answered", "[integration]") {
  start({}, echoPath());
  Client client = this->client();
  std::string burst;
  constexpr int all = 6000;
  for (int i = 0; i < all; ++i) burst += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  std::size_t sent = 0;
  for (int round = 1; round <= 2; ++round, sent = 0) {
    waitFor("every answer", [&] {
      sent += client.send(std::string_view(burst).substr(sent));
      return sent == burst.size() && client.count("path=/" + std::to_string(all - 1)) == static_cast<std::size_t>(round);
    });
  }
  CHECK(client.count("HTTP/1.1 200 OK") == 2 * all);
}

TEST_CASE_METHOD(FrontFixture, "An end that came with the request is seen after its answer", "[integration]") {
  start({}, echoPath());
  Client client = this->client();
  client.send("GET /last HTTP/1.1\r\nHost: a\r\n\r\n");
  client.halfClose();
  client.waitFor("path=/last");
  client.waitClosed();
  CHECK_FALSE(client.resetSeen);
  CHECK(front->stats().connections == 0);
}

TEST_CASE_METHOD(FrontFixture, "A request split at every byte is one request", "[integration]") {
  start({}, echoPath());
  Client client = this->client();
  const std::string request = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
  for (std::size_t cut = 1; cut < request.size(); ++cut) {
    client.received.clear();
    client.send(std::string_view(request).substr(0, cut));
    settle();
    client.send(std::string_view(request).substr(cut));
    client.waitFor("path=/x");
  }
  CHECK(front->stats().requests == request.size() - 1);
}

TEST_CASE_METHOD(FrontFixture, "HTTP/1.0 closes unless it asks for keep-alive, and streams end with the connection", "[integration]") {
  start({}, [](std::unique_ptr<Exchange> exchange) {
    if (exchange->head().path() != "/stream") return answerText(*exchange, "body!");
    ResponseHead head;
    head.framing = Framing::Chunked;
    exchange->sendHead(head);
    exchange->sendBody("part1");
    exchange->sendBody("part2");
    exchange->finish();
  });
  SECTION("plain") {
    Client client = this->client();
    client.send("GET / HTTP/1.0\r\n\r\n");
    client.waitClosed();
    CHECK(dateless(client.received) == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nbody!");
  }
  SECTION("keep-alive") {
    Client client = this->client();
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    client.waitFor("body!");
    CHECK(client.has("Connection: keep-alive\r\n"));
    client.send("GET / HTTP/1.0\r\n\r\n");
    client.waitClosed();
    CHECK(client.count("body!") == 2);
  }
  SECTION("stream") {
    Client client = this->client();
    client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    client.waitClosed();
    CHECK(dateless(client.received) == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\npart1part2");
    CHECK_FALSE(client.resetSeen);
  }
  SECTION("stream in HTTP/1.1") {
    Client client = this->client();
    client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    client.waitFor("0\r\n\r\n");
    CHECK(dateless(client.received) == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\npart1\r\n5\r\npart2\r\n0\r\n\r\n");
  }
  SECTION("Connection: close") {
    Client client = this->client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    client.waitClosed();
    CHECK(client.has("Connection: close\r\n"));
    CHECK(client.has("body!"));
  }
}

TEST_CASE_METHOD(FrontFixture, "Answers to HEAD, 204 and 304 have no body but the right fields", "[integration]") {
  start();
  Client client = this->client();
  const auto exchange = [&](std::string_view request) -> Exchange& {
    client.received.clear();
    client.send(request);
    waitForExchanges(exchanges.size() + 1);
    return *exchanges.back();
  };
  const auto expect = [&](std::string_view text) {
    client.waitFor("\r\n\r\n");
    settle();
    CHECK(dateless(client.received) == text);
  };
  answerText(exchange("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"), "12345");
  expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");

  ResponseHead head;
  head.headers.add("Content-Length", "77");  // as an upstream gave it
  Exchange& second = exchange("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  second.sendHead(head);
  second.finish();
  expect("HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n");

  head.status = 304;
  Exchange& third = exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  third.sendHead(head);
  third.finish();
  expect("HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n");

  head.status = 204;
  Exchange& fourth = exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  fourth.sendHead(head);
  fourth.finish();
  expect("HTTP/1.1 204 No Content\r\n\r\n");

  head = {};
  Exchange& fifth = exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  fifth.sendHead(head);
  fifth.finish();
  expect("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE_METHOD(FrontFixture, "Hop-by-hop fields of a handler's head never reach the client, and a broken field becomes a 500",
                 "[integration]") {
  start();
  Client client = this->client();
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  waitForExchanges(1);
  ResponseHead head;
  SECTION("hop-by-hop") {
    for (const char* name : {"connection", "Keep-Alive", "TE", "Upgrade", "Transfer-Encoding", "Content-Length", "X-Hop"})
      head.headers.add(name, "X-Hop");
    head.headers.add("X-End", "1");
    exchanges[0]->sendHead(head);
    exchanges[0]->finish();
    client.waitFor("\r\n\r\n");
    CHECK(dateless(client.received) == "HTTP/1.1 200 OK\r\nX-End: 1\r\nContent-Length: 0\r\n\r\n");
  }
  SECTION("injection") {
    head.headers.add("Location", "/x\r\nSet-Cookie: evil=1");
    exchanges[0]->sendHead(head);
    exchanges[0]->sendBody("never");
    exchanges[0]->finish();
    client.waitClosed();
    CHECK(client.received.starts_with("HTTP/1.1 500 "));
    CHECK(client.has("\"reason\":\"BadAnswerHead\""));
    CHECK_FALSE(client.has("evil"));
    CHECK_FALSE(client.has("never"));
  }
}

TEST_CASE_METHOD(FrontFixture, "Interim heads come before the answer, and not at all to HTTP/1.0", "[integration]") {
  start({}, [](std::unique_ptr<Exchange> exchange) {
    ResponseHead hints;
    hints.status = 103;
    hints.headers.add("Link", "</a.css>");
    exchange->sendInterim(hints);
    answerText(*exchange, "done.");
  });
  Client modern = client();
  modern.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  modern.waitFor("done.");
  CHECK(modern.received.starts_with("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\n"));
  Client old = client();
  old.send("GET / HTTP/1.0\r\n\r\n");
  old.waitClosed();
  CHECK(old.received.starts_with("HTTP/1.1 200 OK\r\n"));
}
