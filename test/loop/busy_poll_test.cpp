// Looking for events before a sleep: when it is done, that it stops by itself, and that it keeps nothing else waiting.

#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "loop/busy_poll.hpp"
#include "loop/reactor.hpp"
#include "loop/socket_pair.hpp"
#include "support/loop_wait.hpp"

using namespace spawner;
using namespace spawner::test;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {

/// How many of the next occasions are let pass.
unsigned skipped(BusyPoll& poll) {
  unsigned count = 0;
  for (poll.ask(microseconds(1)); poll.take(0) == Duration::zero(); poll.ask(microseconds(1)))
    REQUIRE(++count <= 10 * BusyPoll::mostSkipped);
  return count;
}

constexpr Interest reading{.readable = true, .writable = false, .hangup = false};

}  // namespace

TEST_CASE("busy poll: only when asked, for one wait, with few events", "[unit]") {
  BusyPoll poll;
  CHECK(poll.take(0) == Duration::zero());
  poll.ask(microseconds(30));
  poll.ask(microseconds(50));
  poll.ask(microseconds(40));
  CHECK(poll.take(BusyPoll::mostEvents) == microseconds(50));
  CHECK(poll.take(0) == Duration::zero());
  poll.ask(microseconds(50));
  CHECK(poll.take(BusyPoll::mostEvents + 1) == Duration::zero());
  CHECK(poll.take(0) == Duration::zero());  // what was asked for is over
  poll.ask(Duration::zero());
  CHECK(poll.take(0) == Duration::zero());
}

TEST_CASE("busy poll: in vain it becomes rare, with success it comes back", "[unit]") {
  BusyPoll poll;
  CHECK(skipped(poll) == 0);
  unsigned before = 0;
  for (int i = 0; i < 12; ++i) {
    poll.looked(false);
    const unsigned now = skipped(poll);
    CHECK(now == std::min(2 * before + 1, BusyPoll::mostSkipped));
    before = now;
  }
  CHECK(before == BusyPoll::mostSkipped);
  int successes = 0;
  do {
    poll.looked(true);
    ++successes;
  } while (skipped(poll) > 0);
  CHECK(successes == 8);
  CHECK(poll.found() == 8);
  CHECK(poll.inVain() == 12);
}

TEST_CASE("busy poll: the loop finds what comes meanwhile, and does not look unless it is told to", "[integration]") {
  Reactor loop;
  Pair pair;
  int got = 0;
  const FdWatch watch = loop.watch(pair.a.get(), reading, [&](Interest) { got += static_cast<int>(drain(pair.a.get()).size()); });
  CHECK(writeSome(pair.b.get(), "1").bytes == 1);
  waitFor(loop, "a byte", [&] { return got == 1; });
  CHECK(loop.busyPolls().found + loop.busyPolls().inVain == 0);

  loop.expectSoon(hours(1));
  std::thread writer([&] { CHECK(writeSome(pair.b.get(), "2").bytes == 1); });
  waitFor(loop, "another byte", [&] { return got == 2; });
  writer.join();
  CHECK(loop.busyPolls().found == 1);
  CHECK(loop.busyPolls().inVain == 0);
}

TEST_CASE("busy poll: a timer, a wake-up and the limit of the wait end it", "[integration]") {
  Reactor loop;
  Timer timer;
  SECTION("a timer") {
    timer = loop.after(milliseconds(2), [] {});
  }
  SECTION("another thread") {
    std::thread([&] { loop.wake(); }).join();
  }
  loop.expectSoon(hours(1));
  waitFor(loop, "the end of looking", [&] { return loop.busyPolls().found == 1; });

  loop.expectSoon(hours(1));
  CHECK_FALSE(loop.runUntil([] { return false; }, milliseconds(3)));
  CHECK(loop.busyPolls().inVain == 1);
}
