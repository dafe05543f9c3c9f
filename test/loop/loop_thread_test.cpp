// Mailbox and LoopThread: the only two ways between threads. With scripts/test tsan they are held to it.
#include "loop/loop_thread.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <pthread.h>

#include "support/loop_wait.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

TEST_CASE("mailbox: tasks of many threads run on the loop's own, those of one in its order, none is lost", "[integration]") {
  constexpr int threads = 4;
  constexpr int each = 5'000;
  Reactor loop;
  Mailbox inbox(loop);
  std::vector<int> next(threads, 0);  // only the loop's thread touches it
  int outOfOrder = 0, total = 0;
  const std::thread::id own = std::this_thread::get_id();
  bool elsewhere = false;
  std::vector<std::thread> posters;
  for (int who = 0; who < threads; ++who)
    posters.emplace_back([&, who] {
      for (int n = 0; n < each; ++n)
        inbox.post([&, who, n] {
          elsewhere = elsewhere || std::this_thread::get_id() != own;
          if (next[static_cast<std::size_t>(who)]++ != n) ++outOfOrder;
          ++total;
        });
    });
  waitFor(loop, "all tasks", [&] { return total == threads * each; });
  for (std::thread& poster : posters) poster.join();
  CHECK(outOfOrder == 0);
  CHECK_FALSE(elsewhere);
  turns(loop);
  CHECK(total == threads * each);
}

TEST_CASE("mailbox: a task may post again; none runs inside the call", "[integration]") {
  Reactor loop;
  Mailbox inbox(loop);
  int ran = 0;
  inbox.post([&] {
    ++ran;
    inbox.post([&] { ++ran; });
    CHECK(ran == 1);
  });
  CHECK(ran == 0);
  waitFor(loop, "both", [&] { return ran == 2; });
}

TEST_CASE("mailbox: a message wakes a loop that has nothing else to do, in both directions", "[integration]") {
  Reactor loop;
  Mailbox inbox(loop);
  LoopThread other("test-loop");
  REQUIRE(other.start());
  int rounds = 0;
  const std::function<void()> ping = [&] {
    other.post([&] {
      inbox.post([&] {
        if (++rounds < 2'000) ping();
      });
    });
  };
  ping();
  waitFor(loop, "all rounds", [&] { return rounds == 2'000; });
}

TEST_CASE("mailbox: what did not run goes with it", "[integration]") {
  const auto owned = std::make_shared<int>(1);
  Reactor loop;
  {
    Mailbox inbox(loop);
    inbox.post([owned] { FAIL("it ran"); });
    CHECK(owned.use_count() == 2);
  }
  CHECK(owned.use_count() == 1);
  turns(loop);
}

TEST_CASE("loop thread: runs what is posted, with timers, until it is stopped; afterwards nothing", "[integration]") {
  Reactor loop;
  Mailbox inbox(loop);
  LoopThread other("test-loop");
  std::string order;
  Timer timer;
  other.post([&] {  // before start(): waits
    timer = other.loop().after(1ms, [&] { inbox.post([&] { order += "timer"; }); });
    inbox.post([&] { order += "posted "; });
  });
  REQUIRE(other.start());
  waitFor(loop, "both", [&] { return order == "posted timer"; });
  bool ran = false;
  other.post([&] { timer = other.loop().after(1h, [] { FAIL("an hour passed"); }); });
  other.stop();
  other.stop();
  other.post([&] { ran = true; });
  turns(loop);
  CHECK_FALSE(ran);
  timer.cancel();
}

TEST_CASE("loop thread: one that was never started ends as well", "[integration]") {
  LoopThread other("test-loop");
  other.post([] { FAIL("it ran"); });
  other.stop();
}

TEST_CASE("loop thread: gets no signals, and has a name", "[integration]") {
  Reactor loop;
  Mailbox inbox(loop);
  LoopThread other("test-loop-with-a-long-name");
  REQUIRE(other.start());
  bool blocked = false, told = false;
  std::string name(32, '\0');
  other.post([&] {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGUSR1) == 1;
    pthread_getname_np(pthread_self(), name.data(), name.size());
    inbox.post([&] { told = true; });
  });
  waitFor(loop, "the answer", [&] { return told; });
  CHECK(blocked);
  CHECK(std::string(name.c_str()) == "test-loop-with-");
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  CHECK(sigismember(&mask, SIGUSR1) == 0);
}
