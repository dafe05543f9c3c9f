// What the reactor costs beside the system calls it makes: a posted task, a timer that is set and cancelled, an event of a descriptor.

#include <benchmark/benchmark.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <vector>

#include "loop/reactor.hpp"
#include "loop/socket.hpp"

namespace {

using namespace spawner;
using namespace std::chrono_literals;

void post(benchmark::State& state) {
  Reactor loop;
  for (auto _ : state) {
    bool ran = false;
    loop.post([&] { ran = true; });
    if (!loop.runUntil([&] { return ran; }, 1s)) throw std::runtime_error("the task did not run");
  }
}
BENCHMARK(post);

/// Among so many others, as each connection of a busy server has one.
void setAndCancelTimer(benchmark::State& state) {
  Reactor loop;
  std::vector<Timer> others;
  for (int i = 0; i < state.range(0); ++i) others.push_back(loop.after(1h + std::chrono::milliseconds(i * 7919 % 100'000), [] {}));
  for (auto _ : state) {
    Timer timer = loop.after(30min, [] {});
    benchmark::DoNotOptimize(timer);
  }
}
BENCHMARK(setAndCancelTimer)->Arg(0)->Arg(1000)->Arg(10'000);

/// From one descriptor's readiness to its call-back, with so many others that are quiet. Two system calls of the benchmark's own in each.
void event(benchmark::State& state) {
  Reactor loop;
  std::vector<Fd> quiet;
  std::vector<FdWatch> watches;
  const auto make = [] {
    Fd fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!fd) throw std::runtime_error("no descriptor left");
    return fd;
  };
  for (int i = 0; i < state.range(0); ++i) {
    quiet.push_back(make());
    watches.push_back(loop.watch(quiet.back().get(), {.readable = true}, [](Interest) {}));
  }
  const Fd busy = make();
  bool told = false;
  FdWatch watch = loop.watch(busy.get(), {.readable = true}, [&](Interest) {
    eventfd_t value = 0;
    told = ::eventfd_read(busy.get(), &value) == 0;
  });
  for (auto _ : state) {
    told = false;
    if (::eventfd_write(busy.get(), 1) != 0) throw std::runtime_error("eventfd_write");
    if (!loop.runUntil([&] { return told; }, 1s)) throw std::runtime_error("no event");
  }
}
BENCHMARK(event)->Arg(0)->Arg(500);

}  // namespace
