#include "loop/sim_loop.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "support/last_words.hpp"

using namespace spawner;
using namespace std::chrono_literals;

namespace {

/// The order in which n events of one time run.
std::vector<int> orderOfEqualEvents(std::uint64_t seed, int n) {
  SimLoop loop(seed);
  std::vector<int> order;
  std::vector<Timer> timers;
  for (int i = 0; i < n; ++i) {
    if (i % 2 == 0)
      timers.push_back(loop.after(0s, [&order, i] { order.push_back(i); }));
    else
      loop.post([&order, i] { order.push_back(i); });
  }
  loop.runFor(1s);
  return order;
}

}  // namespace

TEST_CASE("sim loop: time is virtual and moves from event to event") {
  SimLoop loop(1);
  const TimePoint start = loop.now();
  std::vector<Duration> at;
  Timer late = loop.after(24h, [&] { at.push_back(loop.now() - start); });
  Timer early = loop.after(1ns, [&] { at.push_back(loop.now() - start); });
  CHECK(loop.step());
  CHECK(loop.now() - start == 1ns);
  CHECK(loop.step());
  CHECK_FALSE(loop.step());
  CHECK(at == std::vector<Duration>{1ns, 24h});
  CHECK(loop.steps() == 2);
}

TEST_CASE("sim loop: runFor runs what is due, the limit included, and leaves the clock exactly there") {
  SimLoop loop(1);
  const TimePoint start = loop.now();
  int ran = 0;
  Timer atLimit = loop.after(10s, [&] { ++ran; });
  Timer after = loop.after(10s + 1ns, [&] { ++ran; });
  loop.runFor(10s);
  CHECK(ran == 1);
  CHECK(loop.now() - start == 10s);
  loop.runFor(1ns);
  CHECK(ran == 2);
}

TEST_CASE("sim loop: runUntil stops at the predicate, at the limit and when nothing is left") {
  SimLoop loop(1);
  int ran = 0;
  Timer one = loop.after(1s, [&] { ++ran; });
  Timer two = loop.after(2s, [&] { ++ran; });
  Timer hour = loop.after(1h, [&] { ++ran; });
  CHECK(loop.runUntil([&] { return ran == 1; }, 10s));
  CHECK_FALSE(loop.runUntil([&] { return ran == 3; }, 10s));
  CHECK(ran == 2);
  hour.cancel();
  CHECK_FALSE(loop.runUntil([&] { return ran == 3; }, 10h));
}

TEST_CASE("sim loop: equal events run in an order that the seed alone decides") {
  std::set<std::vector<int>> orders;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::vector<int> order = orderOfEqualEvents(seed, 8);
    CHECK(order == orderOfEqualEvents(seed, 8));
    orders.insert(order);
    std::sort(order.begin(), order.end());
    std::vector<int> all(8);
    std::iota(all.begin(), all.end(), 0);
    CHECK(order == all);
  }
  CHECK(orders.size() > 40);
}

TEST_CASE("sim loop: events of different times are never exchanged") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SimLoop loop(seed);
    std::vector<int> order;
    std::vector<Timer> timers;
    for (int i = 19; i >= 0; --i) timers.push_back(loop.after(Duration(i), [&order, i] { order.push_back(i); }));
    loop.runFor(1s);
    CHECK(std::is_sorted(order.begin(), order.end()));
    CHECK(order.size() == 20);
  }
}

TEST_CASE("sim loop: a cancelled or destroyed timer does not run, in its own turn neither") {
  SimLoop loop(3);
  int ran = 0;
  Timer other;
  Timer self = loop.after(1s, [&] {
    ++ran;
    CHECK_FALSE(self.active());
    self.cancel();
    other.cancel();
  });
  other = loop.after(2s, [&] { ++ran; });
  {
    Timer scoped = loop.after(1s, [&] { ++ran; });
  }
  CHECK(other.active());
  loop.runFor(1h);
  CHECK(ran == 1);
  CHECK_FALSE(other.active());
}

TEST_CASE("sim loop: nothing runs inside post, and a post from a call-back is a turn of its own") {
  SimLoop loop(4);
  std::string log;
  loop.post([&] {
    loop.post([&] { log += "inner"; });
    log += "outer ";
  });
  CHECK(log.empty());
  CHECK(loop.step());
  CHECK(log == "outer ");
  CHECK(loop.step());
  CHECK(log == "outer inner");
}

TEST_CASE("sim loop: wall time starts in 2026, follows monotonic time and jumps apart from it") {
  SimLoop loop(1);
  CHECK(toRfc3339Micro(loop.wallNow()) == "2026-01-01T00:00:00.000000Z");
  loop.runFor(90s);
  CHECK(toRfc3339(loop.wallNow()) == "2026-01-01T00:01:30Z");
  const TimePoint before = loop.now();
  loop.jumpWall(-48h);
  CHECK(toRfc3339(loop.wallNow()) == "2025-12-30T00:01:30Z");
  CHECK(loop.now() == before);
}

TEST_CASE("sim loop: what pending call-backs own may use the loop while it is destroyed") {
  bool released = false;
  struct Owner {
    SimLoop& loop;
    Timer timer;
    bool& released;
    ~Owner() {
      timer.cancel();
      loop.post([] {});
      released = true;
    }
  };
  {
    SimLoop loop(1);
    auto owner = std::shared_ptr<Owner>(new Owner{loop, loop.after(2s, [] {}), released});
    loop.post([owner] {});
    loop.post([owner = std::move(owner)] {});
  }
  CHECK(released);
}

TEST_CASE("sim loop: stop ends the present run only") {
  SimLoop loop(1);
  const TimePoint start = loop.now();
  int ran = 0;
  Timer stopper = loop.after(1s, [&] { loop.stop(); });
  Timer later = loop.after(2s, [&] { ++ran; });
  loop.runFor(5s);
  CHECK(ran == 0);
  CHECK(loop.now() - start == 1s);
  loop.runFor(5s);
  CHECK(ran == 1);
}

TEST_CASE("sim loop: a huge delay is never, not long ago") {
  SimLoop loop(1);
  Timer never = loop.after(Duration::max(), [] { FAIL("ran"); });
  Timer alsoNever = loop.after(Duration::max() - 1h, [] { FAIL("ran"); });
  loop.runFor(24h * 365);
  CHECK(never.active());
}

TEST_CASE("sim loop: a million events of a thousand timers that are armed again") {
  SimLoop loop(7);
  std::uint64_t ran = 0;
  std::vector<Timer> timers(1000);
  std::function<void(std::size_t)> arm = [&](std::size_t i) {
    timers[i] = loop.after(Duration(1 + (ran * 7919 + i) % 1000), [&, i] {
      ++ran;
      arm(i);
    });
  };
  for (std::size_t i = 0; i < timers.size(); ++i) arm(i);
  CHECK(loop.runUntil([&] { return ran >= 1000000; }, 1h));
  CHECK(loop.steps() == ran);
}

TEST_CASE("SimLoop: what goes on without ever waiting ends the process with a word", "[loop][integration]") {
  const std::string said = test::lastWords([] {
    SimLoop loop(1);
    std::function<void()> again = [&] { loop.post([&] { again(); }); };
    again();
    loop.runFor(std::chrono::seconds(1));
  });
  CHECK(said.find("at one instant") != std::string::npos);
}
