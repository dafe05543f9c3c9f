// Calls over a real front: bodies in memory, answers at once, later and streamed.

#include "http/call.hpp"

#include "http/front_fixture.hpp"
#include "http/router.hpp"

using namespace spawner;
using namespace spawner::http;
using namespace spawner::http::testing;

namespace {

struct CallFixture : FrontFixture {
  std::vector<std::unique_ptr<Call>> calls;

  void serve(CallHandler handler, std::size_t maxBodyBytes = 1000) { start({}, callHandler(std::move(handler), maxBodyBytes)); }
  void keepCalls() {
    serve([this](std::unique_ptr<Call> call) { calls.push_back(std::move(call)); });
  }
  void waitForCalls(std::size_t count) {
    waitFor(std::to_string(count) + " calls", [&] { return calls.size() >= count; });
  }
};

void echo(std::unique_ptr<Call> call) { call->respond(Response::text(200, call->head().method + " " + call->body())); }

}  // namespace

TEST_CASE_METHOD(CallFixture, "A whole body is in memory when the handler is called", "[integration]") {
  serve(echo);
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
  settle();
  client.send("lloPOST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nchu\r\n2\r\nnk\r\n0\r\n\r\n");
  client.waitFor("POST chunk");
  CHECK(client.has("POST hello"));
  CHECK(client.has("Content-Type: text/plain; charset=utf-8\r\n"));
  CHECK(client.count("\r\nDate: ") == 2);
  CHECK_FALSE(client.has("Connection:"));
  client.received.clear();
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  client.waitFor("Content-Length: 5\r\n");
  settle();
  CHECK(client.received.ends_with("\r\n\r\n"));
}

TEST_CASE_METHOD(CallFixture, "A body larger than the handler takes is 413", "[integration]") {
  int calls = 0;
  serve([&](std::unique_ptr<Call> call) {
    ++calls;
    echo(std::move(call));
  });
  SECTION("announced") {
    Client client = this->client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n");
    client.waitClosed();
    CHECK(client.received.starts_with("HTTP/1.1 413 "));  // and no 100
    CHECK(client.has("Connection: close\r\n"));
    CHECK(client.has("BodyTooLarge"));
  }
  SECTION("chunked") {
    Client client = this->client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 11; ++i) client.send("64\r\n" + std::string(100, 'x') + "\r\n");
    client.waitClosed();
    CHECK(client.received.starts_with("HTTP/1.1 413 "));
    CHECK_FALSE(client.resetSeen);
  }
  CHECK(calls == 0);
  Client exact = client();
  exact.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x'));
  exact.waitFor("HTTP/1.1 200 ");
  CHECK(tokens.alive == 0);
}

TEST_CASE_METHOD(CallFixture, "100 Continue is sent before a body is collected when it is expected", "[integration]") {
  serve(echo);
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  client.waitFor("HTTP/1.1 100 Continue\r\n\r\n");
  CHECK_FALSE(client.has("200"));
  client.send("abc");
  client.waitFor("POST abc");
}

TEST_CASE_METHOD(CallFixture, "An answer in memory may be larger than what may wait unsent", "[integration]") {
  const std::string large(6 * 1024 * 1024, 'L');
  serve([&](std::unique_ptr<Call> call) { call->respond(Response::text(200, large)); });
  Client client = this->client(4096);
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  waitFor("all of it", [&] { return client.received.size() > large.size(); });
  CHECK(client.received.ends_with("LLLL"));
}

TEST_CASE_METHOD(CallFixture, "A call is answered later, or is a 500 when dropped, and knows when its client left", "[integration]") {
  keepCalls();
  Client client = this->client();
  client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  waitForCalls(1);
  CHECK(calls[0]->peer().starts_with("127.0.0.1:"));
  SECTION("later") {
    calls[0]->respond(Response::json(201, "{}"));
    calls[0]->respond(Response::json(202, "twice"));
    client.waitFor("{}");
    settle();
    CHECK(client.received.starts_with("HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"));
    CHECK_FALSE(client.has("twice"));
  }
  SECTION("dropped") {
    calls.clear();
    client.waitFor("HTTP/1.1 500 ");
  }
  SECTION("gone") {
    bool gone = false;
    calls[0]->onGone([&] {
      gone = true;
      calls.clear();
    });
    client.halfClose();
    waitFor("onGone", [&] { return gone; });
    CHECK(tokens.alive == 0);
  }
}

TEST_CASE_METHOD(CallFixture, "A client that leaves during its upload is forgotten", "[integration]") {
  serve(echo);
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nabc");
  waitFor("the exchange", [&] { return front->stats().exchanges == 1; });
  SECTION("it leaves") {
    client.halfClose();
    waitFor("the end", [&] { return front->stats().connections == 0; });
  }
  SECTION("the front leaves") { front.reset(); }  // the sanitizer tells of a leak
  CHECK(tokens.alive == 0);
}

TEST_CASE_METHOD(CallFixture, "A stream is chunked and flushed as it is written", "[integration]") {
  keepCalls();
  Client client = this->client();
  client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  waitForCalls(1);
  Headers headers;
  headers.add("Content-Type", "text/event-stream");
  auto writer = calls[0]->stream(200, headers);
  calls.clear();
  client.waitFor("\r\n\r\n");  // the head does not wait for the first event
  CHECK(client.has("Transfer-Encoding: chunked\r\n"));
  for (int i = 0; i < 3; ++i) {
    CHECK(writer->write("data: " + std::to_string(i) + "\n\n"));
    client.waitFor("data: " + std::to_string(i));
  }
  SECTION("ended") {
    writer->end();
    client.waitFor("0\r\n\r\n");
    CHECK_FALSE(writer->write("more"));
    CHECK_FALSE(client.closed);
  }
  SECTION("broken off") {
    writer.reset();
    client.waitClosed();
    CHECK_FALSE(client.has("0\r\n\r\n"));
  }
  SECTION("the client leaves") {
    bool gone = false;
    writer->onGone([&] {
      gone = true;
      writer.reset();
    });
    client.halfClose();
    waitFor("onGone", [&] { return gone; });
  }
  SECTION("the front leaves") {
    front.reset();
    CHECK_FALSE(writer->write("x"));
  }
  settle();
  CHECK(tokens.alive == 0);
}

TEST_CASE_METHOD(CallFixture, "A stream whose reader is too slow says so", "[integration]") {
  keepCalls();
  Client client = this->client(4096);
  client.setReading(false);
  client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  waitForCalls(1);
  auto writer = calls[0]->stream(200, {});
  bool written = true;
  for (int i = 0; i < 1000 && written; ++i) written = writer->write(std::string(32 * 1024, 'e'));
  CHECK_FALSE(written);
  waitFor("the end of the connection", [&] { return front->stats().connections == 0; });
}

TEST_CASE_METHOD(CallFixture, "The front may be destroyed in a handler of calls", "[integration]") {
  bool called = false;
  serve([&](std::unique_ptr<Call> call) {
    called = true;
    front.reset();
    echo(std::move(call));
  });
  Client client = this->client();
  SECTION("without a body") { client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); }
  SECTION("with a body") { client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"); }
  waitFor("the call", [&] { return called; });
  client.waitClosed();
}

TEST_CASE_METHOD(CallFixture, "A router on a front", "[integration]") {
  Router router;
  router.add("GET", "/backend/{name}", [](std::unique_ptr<Call> call, const PathParameters& parameters) {
    call->respond(Response::text(200, "name=" + parameters.at("name")));
  });
  serve([&](std::unique_ptr<Call> call) { router.handle(std::move(call)); });
  Client client = this->client();
  client.send("GET /backend/a%20b HTTP/1.1\r\nHost: a\r\n\r\nGET /else HTTP/1.1\r\nHost: a\r\n\r\n");
  client.waitFor("\"reason\":\"NotFound\"");
  CHECK(client.has("name=a b"));
}
