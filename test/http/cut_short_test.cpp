// Answers whose end is the end of the connection (to clients of HTTP/1.0): what ends one too early must look like a break and not like its
// end.

#include "http/front_fixture.hpp"

using namespace spawner;
using namespace spawner::http;
using namespace spawner::http::testing;

namespace {

constexpr Duration limit = 60s;

struct UntilCloseFixture : FrontFixture {
  UntilCloseFixture() {
    FrontLimits limits;
    limits.writeTimeout = limit;
    limits.maxUnsentBytes = 256 * 1024;
    under = &driven;
    start(limits);
    client = std::make_unique<Client>(loop, front->port(), 4096);
    client->setReading(false);
    client->send("GET / HTTP/1.0\r\n\r\n");
    waitForExchanges(1);
    exchange = std::move(exchanges[0]);
    ResponseHead head;
    head.framing = Framing::Chunked;
    exchange->sendHead(head);
    settle();
    REQUIRE(exchange->unsent() == 0);
  }
  /// Until the kernel takes no more.
  void fillSocket() {
    const std::string piece(16 * 1024, 'x');
    for (int i = 0; i < 10'000 && exchange->unsent() == 0; ++i) exchange->sendBody(piece);
    REQUIRE(exchange->unsent() > 0);
    REQUIRE_FALSE(exchange->over());
  }
  void readAll() {
    client->setReading(true);
    client->waitClosed();
    CHECK(client->received.starts_with("HTTP/1.1 200 "));
    CHECK_FALSE(client->has("Transfer-Encoding"));
  }

  std::unique_ptr<Client> client;
  std::unique_ptr<Exchange> exchange;
};

}  // namespace

TEST_CASE_METHOD(UntilCloseFixture, "An answer without a length that a limit or the front's end cuts short ends in a reset",
                 "[integration]") {
  const std::string how =
      GENERATE("write time-out", "write time-out after finish", "slow reader", "front destroyed", "front destroyed, nothing waits");
  CAPTURE(how);
  if (how == "front destroyed, nothing waits") {
    exchange->sendBody("a part");
    settle();
    REQUIRE(exchange->unsent() == 0);
  } else {
    fillSocket();
  }
  if (how.starts_with("write time-out")) {
    if (how.ends_with("finish")) exchange->finish();
    driven.advance(limit + 2s);
    CHECK(counted("WriteTimeout") == 1);
  } else if (how == "slow reader") {
    const std::string piece(16 * 1024, 'x');
    for (int i = 0; i < 10'000 && !exchange->over(); ++i) exchange->sendBody(piece);
    CHECK(counted("SlowReader") == 1);
  } else {
    front.reset();
  }
  if (front) CHECK(front->stats().connections == 0);
  readAll();
  CHECK(client->resetSeen);
}

TEST_CASE_METHOD(UntilCloseFixture, "An answer without a length that the kernel has as a whole ends in order", "[integration]") {
  exchange->sendBody("the whole");
  exchange->finish();
  SECTION("by itself") {}
  SECTION("also when the front is destroyed then") {
    settle();
    front.reset();
  }
  readAll();
  CHECK(client->received.ends_with("\r\n\r\nthe whole"));
  CHECK_FALSE(client->resetSeen);
}
