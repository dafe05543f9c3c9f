// Upgraded connections whose bytes wait for a side that does not read: ends of the other side, and drain.

#include "http/websocket.hpp"
#include "proxy/tunnel_fixture.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

namespace {

/// The promise is a second; the rest is for a busy machine.
constexpr Duration soon = 3s;
/// A loop that spins makes thousands.
constexpr std::size_t fewTurns = 20;

struct HeldBackFixture : TunnelFixture {
  RawPeer* from = nullptr;
  RawPeer* to = nullptr;
  std::size_t sent = 0;

  void hold(bool byClient, const std::string& protocol) {
    start();
    open(protocol);
    from = byClient ? ws.get() : up;
    to = byClient ? up : ws.get();
    to->pauseReading(true);
    sent = fill(*from);
    REQUIRE(tokens == 1);
  }
};

}  // namespace

TEST_CASE("a reset is passed on while bytes wait for a side that does not read", "[integration]") {
  HeldBackFixture f;
  f.hold(GENERATE(true, false), GENERATE("websocket", "chat"));
  SECTION("by a side that reads") {}
  SECTION("by one for which bytes wait too") {
    f.from->pauseReading(true);
    f.fill(*f.to);
  }
  CHECK(f.turnsIn(100ms) <= fewTurns);
  f.from->reset();
  f.wait(
      "the token's end", [&] { return f.tokens == 0; }, soon);
  CHECK(f.proxy->counters().tunnels == 0);
  f.to->keep = false;
  f.to->pauseReading(false);
  f.wait(
      "the other side's end", [&] { return f.to->over(); }, soon);
  CHECK(f.to->failed);  // a FIN would say that this was all
}

TEST_CASE("bytes before a FIN wait for a side that does not read, and cost no turns", "[integration]") {
  HeldBackFixture f;
  f.hold(GENERATE(true, false), GENERATE("websocket", "chat"));
  const bool bothWays = GENERATE(false, true);
  const bool resetAfterwards = GENERATE(false, true);
  CAPTURE(bothWays, resetAfterwards);
  const std::uint64_t before = f.to->total;
  if (bothWays) {
    f.from->pauseReading(true);
    f.fill(*f.to);
  }
  f.from->halfClose();
  CHECK(f.turnsIn(200ms) <= fewTurns);
  if (resetAfterwards) {
    f.from->reset();  // it takes nothing more; what it said before its FIN stands
    CHECK(f.turnsIn(200ms) <= fewTurns);
  }
  CHECK(f.tokens == 1);
  f.to->keep = false;
  f.to->pauseReading(false);
  f.wait("the FIN", [&] { return f.to->over(); });
  CHECK(f.to->ended);
  CHECK(f.to->total - before == f.sent);
  if (!resetAfterwards) {
    CHECK(f.tokens == 1);
    f.from->keep = false;
    f.from->pauseReading(false);
    f.to->halfClose();
    f.wait("the other's FIN", [&] { return f.from->ended; });
  }
  f.wait("the token's end", [&] { return f.tokens == 0; });
}

TEST_CASE("an end of both sides with bytes between them costs no turns", "[integration]") {
  HeldBackFixture f;
  f.hold(GENERATE(true, false), "chat");
  f.to->halfClose();
  f.wait("it to be passed on", [&] { return f.from->ended; });
  f.from->halfClose();  // the kernel calls this a hang-up for as long as it lasts
  CHECK(f.turnsIn(200ms) <= fewTurns);
  CHECK(f.tokens == 1);
  f.to->keep = false;
  f.to->pauseReading(false);
  f.wait("the FIN", [&] { return f.to->over(); });
  CHECK(f.to->ended);
  CHECK(f.to->total >= f.sent);
  f.wait("the token's end", [&] { return f.tokens == 0; });
}

TEST_CASE("a side that has ended and is then reset is gone, though nothing is sent to it", "[integration]") {
  TunnelFixture f;
  f.start();
  const bool byClient = GENERATE(true, false);
  f.open("chat");
  RawPeer& gone = byClient ? *f.ws : *f.up;
  RawPeer& left = byClient ? *f.up : *f.ws;
  gone.halfClose();
  f.wait("the half-close to be passed on", [&] { return left.ended; });
  CHECK(f.turnsIn(50ms) <= fewTurns);
  CHECK(f.tokens == 1);
  gone.reset();
  f.wait(
      "the token's end", [&] { return f.tokens == 0; }, soon);
}
