// The front over loopback sockets: who is gone when, tokens, destruction at any moment, drain.

#include "http/front_fixture.hpp"

using namespace spawner;
using namespace spawner::http;
using namespace spawner::http::testing;

namespace {

constexpr std::string_view get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

}  // namespace

TEST_CASE_METHOD(FrontFixture, "A client that leaves before its answer is complete ends the exchange", "[integration]") {
  const std::string upload = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc";
  const std::string request = GENERATE_COPY(std::string(get), std::string(get).append(get), upload);
  const bool readBody = GENERATE(false, true);
  const std::string end = GENERATE("FIN", "RST", "FIN behind unread bytes", "FIN in the middle of the answer");
  CAPTURE(request, readBody, end);
  start();
  Client client = this->client();
  client.send(request);
  waitForExchanges(1);
  settle();
  CHECK(tokens.alive == 1);
  bool gone = false;
  exchanges[0]->onGone([&] {
    gone = true;
    exchanges.clear();  // inside its own call-back
  });
  if (readBody) exchanges[0]->readBody([](std::string_view) {}, [] {});
  if (end == "RST") {
    client.reset();
  } else if (end == "FIN behind unread bytes") {
    client.send("more and more");
    settle();
    client.halfClose();
  } else if (end == "FIN in the middle of the answer") {
    ResponseHead head;
    head.framing = Framing::Chunked;
    exchanges[0]->sendHead(head);
    exchanges[0]->sendBody("part");
    client.waitFor("part");
    client.halfClose();
  } else {
    client.halfClose();
  }
  waitFor("onGone", [&] { return gone; });
  CHECK(front->stats().connections == 0);
  CHECK(front->stats().exchanges == 0);
  CHECK(tokens.alive == 0);
}

TEST_CASE_METHOD(FrontFixture, "onGone set after the client left is still called, once, and not inside the call", "[integration]") {
  start();
  Client client = this->client();
  client.send(get);
  waitForExchanges(1);
  client.reset();
  waitFor("the end of the connection", [&] { return front->stats().connections == 0; });
  CHECK(exchanges[0]->over());
  int calls = 0;
  exchanges[0]->onGone([&] { ++calls; });
  CHECK(calls == 0);
  waitFor("onGone", [&] { return calls > 0; });
  settle();
  CHECK(calls == 1);
  answerText(*exchanges[0], "nobody hears");
}

TEST_CASE_METHOD(FrontFixture, "The token lives from the first byte to the last without a gap", "[integration]") {
  start();
  Client client = this->client();
  settle();
  CHECK(tokens.made == 0);  // a connection is no use
  client.send("G");
  waitFor("the token", [&] { return tokens.alive == 1; });
  client.send(get.substr(1));
  waitForExchanges(1);
  CHECK(exchanges[0]->token() != nullptr);
  CHECK(tokens.made == 1);
  client.send(std::string(get).append(get.substr(0, 1)));  // the second, and the first byte of a third
  settle();
  answerText(*exchanges[0], "one");
  waitForExchanges(2);
  answerText(*exchanges[1], "two");
  settle();
  CHECK(tokens.alive == 1);  // of the third's first byte
  client.send(get.substr(1));
  waitForExchanges(3);
  answerText(*exchanges[2], "three");
  client.waitFor("three");
  CHECK(tokens.made == 3);
  CHECK(tokens.alive == 0);
}

TEST_CASE_METHOD(FrontFixture, "The token never falls to zero between requests that came together", "[integration]") {
  bool later = false;
  SECTION("answered at once") {}
  SECTION("answered later") { later = true; }
  start({}, [&](std::unique_ptr<Exchange> exchange) {
    if (!later) return answerText(*exchange, "x");
    auto shared = std::make_shared<std::unique_ptr<Exchange>>(std::move(exchange));
    loop.post([shared] { answerText(**shared, "x"); });
  });
  Client client = this->client();
  std::string burst;
  for (int i = 0; i < 20; ++i) burst += get;
  client.send(burst);
  waitFor("all answers", [&] { return client.count("HTTP/1.1 200") == 20; });
  settle();
  CHECK(tokens.made == 20);
  CHECK(tokens.alive == 0);
  CHECK(tokens.zeros == 1);
}

TEST_CASE_METHOD(FrontFixture, "An exchange destroyed without an answer is a 500; in the middle of one it is no clean end",
                 "[integration]") {
  start();
  Client client = this->client();
  client.send(get);
  waitForExchanges(1);
  SECTION("without") {
    exchanges.clear();
    client.waitClosed();
    CHECK(client.received.starts_with("HTTP/1.1 500 "));
    CHECK(client.has("NoAnswer"));
  }
  ResponseHead head;
  SECTION("in the middle of a length") {
    head.framing = Framing::Length;
    head.contentLength = 10;
    exchanges[0]->sendHead(head);
    exchanges[0]->sendBody("12345");
    SECTION("destroyed") { exchanges.clear(); }
    SECTION("finished") { exchanges[0]->finish(); }
    SECTION("aborted") { exchanges[0]->abort(); }
    SECTION("too much") { exchanges[0]->sendBody("123456"); }
    client.waitClosed();
    CHECK_FALSE(client.has("123456"));
  }
  SECTION("in the middle of chunks") {
    head.framing = Framing::Chunked;
    exchanges[0]->sendHead(head);
    exchanges[0]->sendBody("12345");
    client.waitFor("12345");
    exchanges.clear();
    client.waitClosed();
    CHECK_FALSE(client.has("0\r\n\r\n"));
  }
  CHECK(tokens.alive == 0);
}

TEST_CASE_METHOD(FrontFixture, "An answer that ends with the connection is reset, not ended, when it breaks off", "[integration]") {
  start();
  Client client = this->client();
  client.send("GET / HTTP/1.0\r\n\r\n");
  waitForExchanges(1);
  ResponseHead head;
  head.framing = Framing::Chunked;
  exchanges[0]->sendHead(head);
  exchanges[0]->sendBody("part");
  client.waitFor("part");
  exchanges[0]->abort();
  client.waitClosed();
  CHECK(client.resetSeen);
}

TEST_CASE_METHOD(FrontFixture, "A front may be destroyed in any call-back of its exchanges", "[integration]") {
  std::unique_ptr<Exchange> exchange;
  bool inHandler = false;
  start({}, [&](std::unique_ptr<Exchange> given) {
    exchange = std::move(given);
    if (inHandler) front.reset();
  });
  Client client = this->client();
  bool gone = false;
  const std::string upload = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n1234567890";
  SECTION("the handler") {
    inHandler = true;
    client.send(get);
    waitFor("the exchange", [&] { return exchange != nullptr; });
    exchange->onGone([&] { gone = true; });
  }
  SECTION("onData") {
    client.send(upload);
    waitFor("the exchange", [&] { return exchange != nullptr; });
    exchange->onGone([&] { gone = true; });
    std::string copy;
    exchange->readBody(
        [&](std::string_view bytes) {
          front.reset();
          copy = bytes;  // still readable
        },
        [] {});
    waitFor("bytes", [&] { return !copy.empty(); });
    CHECK(copy == "1234567890");
  }
  SECTION("onEnd") {
    client.send(upload + "1234567890");
    waitFor("the exchange", [&] { return exchange != nullptr; });
    exchange->onGone([&] { gone = true; });
    exchange->readBody([](std::string_view) {}, [&] { front.reset(); });
  }
  SECTION("onGone of another") {
    Client other = this->client();
    client.send(get);
    waitFor("the exchange", [&] { return exchange != nullptr; });
    auto first = std::move(exchange);
    other.send(get);
    waitFor("the other exchange", [&] { return exchange != nullptr; });
    exchange->onGone([&] { gone = true; });
    first->onGone([&] { front.reset(); });
    client.reset();
    waitFor("onGone", [&] { return gone; });
  }
  waitFor("onGone", [&] { return gone; });
  CHECK(front == nullptr);
  CHECK(exchange->over());
  answerText(*exchange, "nobody");
  CHECK(tokens.alive == 0);
}

TEST_CASE_METHOD(FrontFixture, "An exchange may be destroyed in any of its own call-backs", "[integration]") {
  start();
  Client client = this->client(4096);
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n1234567890");
  waitForExchanges(1);
  Exchange& exchange = *exchanges[0];
  // What the call-back captured must live while it runs.
  const auto destroy = [this, guard = std::make_shared<std::string>("alive")](auto&&...) {
    exchanges.clear();
    REQUIRE(*guard == "alive");
  };
  SECTION("onData") {
    exchange.readBody(destroy, [] {});
  }
  SECTION("onEnd") {
    exchange.readBody([](std::string_view) {}, destroy);
  }
  SECTION("onDrained") {
    ResponseHead head;
    head.framing = Framing::Chunked;
    exchange.sendHead(head);
    exchange.sendBody(std::string(4 * 1024 * 1024, 'x'));
    exchange.onDrained(destroy);
  }
  SECTION("onGone") {
    exchange.onGone(destroy);
    client.reset();
  }
  waitFor("the end", [&] { return exchanges.empty() && front->stats().exchanges == 0; });
  CHECK(tokens.alive == 0);
}

TEST_CASE_METHOD(FrontFixture, "Drain: idle connections close, the last answers go out, then it is done", "[integration]") {
  start();
  Client idle = client();
  Client busy = client();
  Client late = client();
  busy.send(get);
  waitForExchanges(1);
  waitFor("three connections", [&] { return front->stats().connections == 3; });
  late.send(get);  // in the kernel, not read yet
  bool done = false;
  front->drain([&] { done = true; });
  CHECK_FALSE(done);
  idle.waitClosed();
  waitForExchanges(2);
  CHECK_FALSE(done);
  // Nobody listens any more.
  const Fd refused(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = SocketAddress::fromIp("127.0.0.1", front->port()).value();
  CHECK(::connect(refused.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0);
  answerText(*exchanges[0], "last words");
  busy.waitClosed();
  CHECK(busy.has("Connection: close\r\n"));
  CHECK(busy.has("last words"));
  CHECK_FALSE(done);
  answerText(*exchanges[1], "late words");
  late.waitClosed();
  CHECK(late.has("late words"));
  waitFor("drained", [&] { return done; });
  CHECK(front->stats().connections == 0);
}

TEST_CASE_METHOD(FrontFixture, "Drain waits for a client that still sends: the end of the process would reset its answer",
                 "[integration]") {
  FrontLimits limits;
  limits.lingerTimeout = std::chrono::hours(1);
  start(limits);
  Client client = this->client();
  client.setReading(false);
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nsome");
  waitForExchanges(1);
  const std::string text(100'000, 'x');
  answerText(*exchanges[0], text);
  exchanges.clear();
  bool done = false;
  front->drain([&] {
    done = true;
    front.reset();
  });
  client.send(std::string(1000, 'y'));
  settle();
  CHECK_FALSE(done);
  client.setReading(true);
  client.waitClosed();
  CHECK_FALSE(client.resetSeen);
  CHECK(client.received.ends_with(text));
  client.close();
  waitFor("drained", [&] { return done; });
}

TEST_CASE_METHOD(FrontFixture, "Drain in the middle of an answer: it is finished, then the connection closes", "[integration]") {
  start();
  Client client = this->client();
  client.send(get);
  waitForExchanges(1);
  ResponseHead head;
  head.framing = Framing::Chunked;
  exchanges[0]->sendHead(head);
  exchanges[0]->sendBody("begun");
  client.waitFor("begun");
  bool done = false;
  front->drain([&] { done = true; });
  settle();
  CHECK_FALSE(done);
  exchanges[0]->sendBody("ended");
  exchanges[0]->finish();
  client.waitClosed();
  CHECK(client.received.ends_with("5\r\nended\r\n0\r\n\r\n"));
  waitFor("drained", [&] { return done; });
}

TEST_CASE_METHOD(FrontFixture, "Drain of an idle front is done in a later turn", "[integration]") {
  start();
  bool done = false;
  front->drain([&] { done = true; });
  CHECK_FALSE(done);
  waitFor("drained", [&] { return done; });
}
