// Tagged [integration]: the reactor reads the kernel's clock and waits in epoll.
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "loop/reactor.hpp"
#include "support/loop_wait.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

TEST_CASE("reactor: timers run in order of time, equal ones in order of asking", "[integration]") {
  Reactor loop;
  std::string order;
  std::vector<Timer> timers;
  loop.post([&] {  // one turn, so one now() for all
    timers.push_back(loop.after(20ms, [&] { order += 'e'; }));
    timers.push_back(loop.after(10ms, [&] { order += 'c'; }));
    timers.push_back(loop.after(10ms, [&] { order += 'd'; }));
    timers.push_back(loop.after(0ms, [&] { order += 'a'; }));
    timers.push_back(loop.after(-5s, [&] { order += 'b'; }));
  });
  waitFor(loop, "five timers", [&] { return order.size() == 5; });
  CHECK(order == "abcde");
}

TEST_CASE("reactor: a timer is never early", "[integration]") {
  Reactor loop;
  for (int i = 0; i < 20; ++i) {
    const auto delay = std::chrono::microseconds(100 + i * 137);
    const auto start = std::chrono::steady_clock::now();
    bool ran = false;
    Timer timer = loop.after(delay, [&] { ran = true; });
    waitFor(loop, "one timer", [&] { return ran; });
    CHECK(std::chrono::steady_clock::now() - start >= delay);
  }
}

TEST_CASE("reactor: a timer that comes before the one waited for, or after one that was cancelled, is on time", "[integration]") {
  Reactor loop;
  const Timer far = loop.after(1h, [] {});
  int turnsTaken = 0;
  const auto waited = [&](Duration delay) {
    const TimePoint asked = loop.now();
    TimePoint ran{};
    const Timer timer = loop.after(delay, [&] { ran = loop.now(); });
    turnsTaken = 0;
    REQUIRE(loop.runUntil([&] { return ++turnsTaken, ran != TimePoint{}; }, 5s));
    return ran - asked;
  };
  CHECK(waited(20ms) >= 20ms);
  CHECK(waited(3ms) >= 3ms);
  loop.after(2ms, [] {}).cancel();
  CHECK(waited(10ms) >= 10ms);
  {
    const Timer early = loop.after(3ms, [] {});
    CHECK_FALSE(loop.runUntil([] { return false; }, 1ms));  // the wait has begun with it
  }
  CHECK(waited(10ms) >= 10ms);
  CHECK(turnsTaken < 10);
  CHECK(waited(1us) >= 1us);
  CHECK(waited(-1ms) >= -1ms);
  CHECK(turnsTaken <= 2);  // at once
}

TEST_CASE("reactor: a timer with no delay waits for the next turn", "[integration]") {
  Reactor loop;
  int turn = 0;
  int ranIn = 0;
  Timer timer;
  Timer starter = loop.after(0s, [&] {
    turn = 1;
    timer = loop.after(0s, [&] { ranIn = turn; });
    loop.post([&] { turn = 2; });  // runs before the timers of the next turn
  });
  waitFor(loop, "the timer", [&] { return ranIn != 0; });
  CHECK(ranIn == 2);
}

TEST_CASE("reactor: a timer cancelled by an earlier one of the same turn does not run", "[integration]") {
  Reactor loop;
  bool ran = false;
  Timer second;
  Timer first;
  loop.post([&] {
    first = loop.after(1ms, [&] { second.cancel(); });
    second = loop.after(1ms, [&] { ran = true; });
  });
  turns(loop, 1);
  waitFor(loop, "the first timer", [&] { return !first.active(); });
  turns(loop);
  CHECK_FALSE(ran);
  CHECK_FALSE(second.active());
}

TEST_CASE("reactor: a call-back may cancel, replace and destroy its own timer", "[integration]") {
  Reactor loop;
  int ran = 0;
  auto timer = std::make_unique<Timer>();
  *timer = loop.after(0s, [&] {
    CHECK_FALSE(timer->active());
    timer->cancel();
    ++ran;
    *timer = loop.after(0s, [&, big = std::string(100, 'x')] {
      timer.reset();
      CHECK(big == std::string(100, 'x'));  // the closure outlives its run
      ++ran;
    });
    CHECK(timer->active());
  });
  waitFor(loop, "both timers", [&] { return ran == 2; });
}

TEST_CASE("reactor: cancelling lets the captures go at once, and they may use the loop", "[integration]") {
  Reactor loop;
  struct Owner {
    Reactor& loop;
    Timer inner;
    std::string& log;
    ~Owner() {
      inner.cancel();
      loop.post([&log = log] { log += "posted"; });
      log += "gone ";
    }
  };
  std::string log;
  auto owner = std::shared_ptr<Owner>(new Owner{loop, loop.after(1h, [] {}), log});
  Timer timer = loop.after(1h, [owner = std::move(owner)] {});
  timer.cancel();
  CHECK(log == "gone ");
  turns(loop);
  CHECK(log == "gone posted");
}

TEST_CASE("reactor: now() stands still in a turn and moves outside", "[integration]") {
  Reactor loop;
  bool ran = false;
  const TimePoint before = loop.now();
  loop.post([&] {
    const TimePoint start = loop.now();
    const auto until = std::chrono::steady_clock::now() + 2ms;
    while (std::chrono::steady_clock::now() < until) {}
    CHECK(loop.now() == start);
    CHECK(start >= before);
    ran = true;
  });
  waitFor(loop, "the task", [&] { return ran; });
  CHECK(loop.now() - before >= 2ms);
}

TEST_CASE("reactor: posted tasks run in order, those posted by a task a turn later", "[integration]") {
  Reactor loop;
  std::string log;
  loop.post([&] {
    log += 'a';
    loop.post([&] { log += 'c'; });
  });
  loop.post([&] { log += 'b'; });
  CHECK(log.empty());
  turns(loop);
  CHECK(log == "abc");
}

TEST_CASE("reactor: tasks that post for ever starve neither timers nor stop", "[integration]") {
  Reactor loop;
  std::function<void()> again = [&] { loop.post([&] { again(); }); };
  again();
  Timer timer = loop.after(5ms, [&] { loop.stop(); });
  loop.run();
  CHECK_FALSE(timer.active());
}

TEST_CASE("reactor: 20,000 timers that are due at once all run, in order", "[integration]") {
  Reactor loop;
  std::vector<Timer> timers;
  std::vector<int> order;
  loop.post([&] {
    for (int i = 0; i < 20000; ++i) timers.push_back(loop.after(1ms, [&order, i] { order.push_back(i); }));
  });
  waitFor(loop, "20,000 timers", [&] { return order.size() == 20000; });
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("reactor: stop ends run after the turn; a stop before run makes it return at once", "[integration]") {
  Reactor loop;
  std::string log;
  loop.post([&] {
    loop.stop();
    log += 'a';
  });
  loop.post([&] { log += 'b'; });
  loop.run();
  CHECK(log == "ab");
  loop.stop();
  loop.post([&] { log += 'c'; });
  loop.run();
  CHECK(log == "ab");
  turns(loop);
  CHECK(log == "abc");
}

TEST_CASE("reactor: runUntil ends at its limit", "[integration]") {
  Reactor loop;
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(loop.runUntil([] { return false; }, 20ms));
  CHECK(std::chrono::steady_clock::now() - start >= 20ms);
  CHECK(loop.runUntil([] { return true; }, 0s));
}

TEST_CASE("reactor: wake from another thread ends the wait", "[integration]") {
  Reactor loop;
  std::atomic<bool> set = false;
  std::thread other([&] {
    set = true;
    loop.wake();
  });
  waitFor(loop, "the other thread's wake", [&] { return set.load(); });
  other.join();
}

namespace {
Reactor* signalled = nullptr;
volatile std::sig_atomic_t handled = 0;
}  // namespace

TEST_CASE("reactor: wake from a signal handler ends the wait", "[integration]") {
  Reactor loop;
  signalled = &loop;
  struct sigaction action {
  }, before{};
  action.sa_handler = [](int) {
    handled = 1;
    signalled->wake();
  };
  ::sigaction(SIGUSR1, &action, &before);
  Timer timer = loop.after(1ms, [] { ::raise(SIGUSR1); });
  waitFor(loop, "the signal", [] { return handled == 1; });
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_CASE("reactor: what is pending when it is destroyed never runs, and its captures may use the loop", "[integration]") {
  int released = 0;
  struct Owner {
    Reactor& loop;
    int& released;
    Timer timer;
    ~Owner() {
      timer = loop.after(1s, [] { FAIL("ran"); });
      timer.cancel();
      loop.post([] { FAIL("ran"); });
      ++released;
    }
  };
  {
    Reactor loop;
    loop.post([owner = std::unique_ptr<Owner>(new Owner{loop, released, {}})] { FAIL("ran"); });
    Timer timer = loop.after(1h, [owner = std::unique_ptr<Owner>(new Owner{loop, released, {}})] { FAIL("ran"); });
    // The handle goes before the loop, as everywhere; a second owner stays inside.
    auto leaked = std::make_shared<Timer>();
    *leaked = loop.after(1h, [owner = std::unique_ptr<Owner>(new Owner{loop, released, {}})] { FAIL("ran"); });
    loop.post([leaked = std::move(leaked)] { FAIL("ran"); });
  }
  CHECK(released == 3);
}
