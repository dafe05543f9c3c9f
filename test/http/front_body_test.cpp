// The front over loopback sockets: request bodies, back-pressure, early answers.

#include "http/front_fixture.hpp"

using namespace spawner;
using namespace spawner::http;
using namespace spawner::http::testing;

namespace {

struct Body {
  std::string bytes;
  bool ended = false;
  std::size_t largest = 0;
  void read(Exchange& exchange) {
    exchange.readBody(
        [this](std::string_view data) {
          bytes += data;
          largest = std::max(largest, data.size());
        },
        [this] { ended = true; });
  }
};

}  // namespace

TEST_CASE_METHOD(FrontFixture, "A chunked body comes without its framing, at every split point", "[integration]") {
  start();
  Client client = this->client();
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string body = "5;x=y\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nTrailer: x\r\n\r\n";
  for (std::size_t cut = 0; cut <= body.size(); ++cut) {
    client.send(head + body.substr(0, cut));
    waitForExchanges(1);
    Body received;
    received.read(*exchanges[0]);
    settle();
    client.send(body.substr(cut));
    waitFor("the end of the body", [&] { return received.ended; });
    CHECK(received.bytes == "hello world");
    answerText(*exchanges[0], "ok");
    exchanges.clear();
  }
}

TEST_CASE_METHOD(FrontFixture, "A malformed chunk is answered 400, and the holder is told", "[integration]") {
  start();
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX");
  waitForExchanges(1);
  Body body;
  bool gone = false;
  exchanges[0]->onGone([&] { gone = true; });
  SECTION("before an answer") {
    body.read(*exchanges[0]);
    waitFor("onGone", [&] { return gone; });
    CHECK(exchanges[0]->over());
    answerText(*exchanges[0], "must not be seen");
    client.waitClosed();
    CHECK(client.received.starts_with("HTTP/1.1 400 "));
    CHECK(client.has("\"reason\":\"BadChunk\""));
    CHECK_FALSE(client.has("must not"));
  }
  SECTION("after the head of the answer") {
    ResponseHead head;
    head.framing = Framing::Chunked;
    exchanges[0]->sendHead(head);
    body.read(*exchanges[0]);
    waitFor("onGone", [&] { return gone; });
    client.waitClosed();
    CHECK_FALSE(client.has("400"));
    CHECK_FALSE(client.has("0\r\n\r\n"));  // no clean end
  }
  CHECK_FALSE(body.ended);
  CHECK(tokens.alive == 0);
}

TEST_CASE_METHOD(FrontFixture, "A paused body stays in the kernel: the client is held back, and nothing is lost", "[integration]") {
  start();
  Client client = this->client();
  constexpr std::size_t total = 32 * 1024 * 1024;
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(total) + "\r\n\r\n");
  waitForExchanges(1);
  Body body;
  body.read(*exchanges[0]);
  std::size_t sent = 0;
  const std::string piece(64 * 1024, 'x');
  const auto pump = [&] { sent += client.send(std::string_view(piece).substr(0, std::min(piece.size(), total - sent))); };
  waitFor("the first bytes", [&] {
    pump();
    return !body.bytes.empty();
  });
  exchanges[0]->pauseBody();
  const std::size_t before = body.bytes.size();
  std::size_t stuck = 0;
  for (std::size_t last = 0; stuck < 20; last = sent) {
    pump();
    settle();
    stuck = sent == last ? stuck + 1 : 0;
  }
  CHECK(body.bytes.size() == before);
  CHECK(sent < total);  // the kernel's buffers are full
  exchanges[0]->resumeBody();
  waitFor("the whole body", [&] {
    pump();
    return body.ended;
  });
  CHECK(body.bytes.size() == total);
  CHECK(body.largest <= 16 * 1024);
  answerText(*exchanges[0], "ok");
  client.waitFor("ok");
}

TEST_CASE_METHOD(FrontFixture, "Pausing inside onData takes effect at once, for bytes in hand too", "[integration]") {
  start();
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n");
  waitForExchanges(1);
  std::string got;
  bool ended = false;
  exchanges[0]->readBody(
      [&](std::string_view data) {
        got += data;
        exchanges[0]->pauseBody();
      },
      [&] { ended = true; });
  for (const char* expected : {"a", "ab", "abc"}) {
    settle();
    CHECK(got == expected);
    CHECK_FALSE(ended);
    exchanges[0]->resumeBody();
    CHECK(got == expected);  // not inside the call
  }
  waitFor("the end", [&] { return ended; });
}

TEST_CASE_METHOD(FrontFixture, "An early answer reaches a client that still uploads, and the connection closes", "[integration]") {
  start({}, [](std::unique_ptr<Exchange> exchange) { answerText(*exchange, "no thanks", 403); });
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n");
  client.send(std::string(100000, 'x'));
  client.waitFor("no thanks");
  client.send(std::string(100000, 'x'));
  CHECK(client.has("Connection: close\r\n"));
  client.waitClosed();
  CHECK_FALSE(client.resetSeen);
  CHECK(tokens.alive == 0);
}

TEST_CASE_METHOD(FrontFixture, "Early answers leave no trace: the next client has its place, and a drain its end", "[integration]") {
  FrontLimits limits;
  limits.maxConnections = 1;
  start(limits);
  for (int i = 0; i < 3; ++i) {
    Client client = this->client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nsome");
    waitForExchanges(1);
    answerText(*exchanges[0], "no", 403);  // in no call-back of the front's, as an upstream's answer comes
    exchanges.clear();
    client.waitClosed();
    CHECK(client.received.starts_with("HTTP/1.1 403 "));
    client.close();
    waitFor("the connection to be gone", [&] { return front->stats().connections == 0; });
  }
  CHECK(front->stats().refused == 0);
  bool drained = false;
  front->drain([&] { drained = true; });
  waitFor("the end of the drain", [&] { return drained; });
}

TEST_CASE_METHOD(FrontFixture, "A client that goes on sending after an early answer is cut off", "[integration]") {
  FrontLimits limits;
  limits.maxLingerBytes = 300'000;
  start(limits, [](std::unique_ptr<Exchange> exchange) { answerText(*exchange, "no", 403); });
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string piece(60'000, 'x');
  waitFor("the cut", [&] {
    client.send(piece);
    return front->stats().connections == 0;
  });
}

TEST_CASE_METHOD(FrontFixture, "A body that comes too slowly is answered 408 where a limit was set", "[integration]") {
  FrontLimits limits;
  limits.writeTimeout = 40ms;  // only makes the deadline clock finer
  start(limits);
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123");
  waitForExchanges(1);
  bool gone = false;
  exchanges[0]->onGone([&] { gone = true; });
  exchanges[0]->limitBodyIdle(50ms);
  Body body;
  body.read(*exchanges[0]);
  waitFor("onGone", [&] { return gone; });
  client.waitClosed();
  CHECK(client.received.starts_with("HTTP/1.1 408 "));
  CHECK(client.has("BodyTimeout"));
}

TEST_CASE_METHOD(FrontFixture, "A slow reader does not grow memory beyond the limit and is closed", "[integration]") {
  FrontLimits limits;
  limits.maxUnsentBytes = 256 * 1024;
  start(limits);
  Client client = this->client(4096);
  client.setReading(false);
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  waitForExchanges(1);
  ResponseHead head;
  head.framing = Framing::Chunked;
  bool gone = false;
  exchanges[0]->onGone([&] { gone = true; });
  exchanges[0]->sendHead(head);
  const std::string piece(16 * 1024, 'x');
  std::size_t most = 0;
  for (int i = 0; i < 10'000 && !exchanges[0]->over(); ++i) {
    exchanges[0]->sendBody(piece);
    most = std::max(most, exchanges[0]->unsent());
  }
  CHECK(exchanges[0]->over());
  CHECK(most > 200 * 1024);
  CHECK(most <= limits.maxUnsentBytes + piece.size() + 64);
  CHECK_FALSE(gone);  // not inside the call
  waitFor("onGone", [&] { return gone; });
  CHECK(front->stats().connections == 0);
  CHECK(tokens.alive == 0);
}

TEST_CASE_METHOD(FrontFixture, "With back-pressure a slow reader gets everything", "[integration]") {
  start();
  Client client = this->client(4096);
  client.setReading(false);
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  waitForExchanges(1);
  constexpr std::size_t total = 8 * 1024 * 1024;
  ResponseHead head;
  head.framing = Framing::Length;
  head.contentLength = total;
  exchanges[0]->sendHead(head);
  std::size_t given = 0;
  std::size_t drains = 0;
  const auto give = [&] {
    while (given < total && exchanges[0]->unsent() < 64 * 1024) {
      exchanges[0]->sendBody(std::string(32 * 1024, 'y'));
      given += 32 * 1024;
    }
    if (given == total) exchanges[0]->finish();
  };
  exchanges[0]->onDrained([&] {
    ++drains;
    if (given < total) give();
  });
  give();
  settle();
  CHECK(given < total);  // held back
  client.setReading(true);
  waitFor("everything", [&] { return client.received.size() >= total; });
  CHECK(drains > 0);
  CHECK(tokens.alive == 0);
}

TEST_CASE_METHOD(FrontFixture, "A reader that takes nothing is closed after the write time-out", "[integration]") {
  FrontLimits limits;
  limits.writeTimeout = 60ms;
  start(limits);
  Client client = this->client(4096);
  client.setReading(false);
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  waitForExchanges(1);
  answerText(*exchanges[0], std::string(8 * 1024 * 1024, 'z'));
  CHECK(tokens.alive == 1);  // the kernel has not got the last byte
  waitFor("the end of the connection", [&] { return front->stats().connections == 0; });
  CHECK(tokens.alive == 0);
}
