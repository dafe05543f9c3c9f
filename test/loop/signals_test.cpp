#include "loop/signals.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <memory>
#include <vector>

#include <unistd.h>

#include "loop/reactor.hpp"
#include "support/loop_wait.hpp"

using namespace spawner;
using namespace spawner::test;

TEST_CASE("signals: each one is an event of the loop, not of a handler", "[integration]") {
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  {
    Reactor loop;
    std::vector<int> got;
    Result<SignalWatch> watch = SignalWatch::make(loop, {SIGUSR1, SIGUSR2}, [&](int number) { got.push_back(number); });
    REQUIRE(watch);
    ::kill(::getpid(), SIGUSR1);
    ::kill(::getpid(), SIGUSR2);
    CHECK(got.empty());
    waitFor(loop, "two signals", [&] { return got.size() == 2; });
    CHECK(got == std::vector<int>{SIGUSR1, SIGUSR2});
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("signals: the call-back may destroy the watch", "[integration]") {
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  {
    Reactor loop;
    int calls = 0;
    std::optional<SignalWatch> watch;
    Result<SignalWatch> made = SignalWatch::make(loop, {SIGUSR1}, [&](int) {
      ++calls;
      watch.reset();
    });
    REQUIRE(made);
    watch.emplace(std::move(*made));
    ::kill(::getpid(), SIGUSR1);
    waitFor(loop, "the signal", [&] { return calls == 1; });
    CHECK_FALSE(watch);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("signals: a number that is no signal is refused", "[integration]") {
  Reactor loop;
  const Result<SignalWatch> watch = SignalWatch::make(loop, {12345}, [](int) {});
  REQUIRE_FALSE(watch);
  CHECK(watch.error().kind == ErrorKind::InvalidArgument);
}
