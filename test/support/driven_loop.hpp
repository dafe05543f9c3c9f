#pragma once
// DrivenLoop: a Reactor whose time the test drives: for limits of time that must be exact on real sockets, however busy the machine is.

#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <utility>

#include "loop/timer_heap.hpp"
#include "support/loop_wait.hpp"

namespace spawner::test {

/// Descriptors, posted tasks and delays <= 0 are the Reactor's, which the test runs as ever. now() stands still and no other timer runs but
/// in advance(). Owner: the test; outlives what is given it as its loop.
class DrivenLoop final : public Loop {
 public:
  explicit DrivenLoop(Reactor& reactor) : reactor_(reactor), now_(reactor.now()) {}
  ~DrivenLoop() override {
    while (!timers_.empty()) (void)timers_.pop();
  }

  /// Time passes: the timers due meanwhile run in their order, each in a turn of its own and at its own time. REQUIRES: outside of turns.
  void advance(Duration by) {
    const TimePoint end = now_ + by;
    while (!timers_.empty() && timers_.nextDue() <= end) {
      now_ = std::max(now_, timers_.nextDue());
      Task task = timers_.pop();
      bool ran = false;
      reactor_.post([&] {
        task();
        task = nullptr;
        ran = true;
      });
      waitFor(reactor_, "a timer's turn", [&] { return ran; });
    }
    now_ = end;
    turns(reactor_);
  }

  /// Time passes in steps until it holds; for what takes several limits of time one after the other. Gives the time that it took.
  Duration advanceUntil(const std::string& what, Duration step, Duration limit, const std::function<bool()>& predicate) {
    const TimePoint begin = now_;
    while (!predicate()) {
      if (now_ - begin >= limit) FAIL("after " << std::chrono::duration<double>(limit).count() << " s of its time there was not " << what);
      advance(step);
    }
    return now_ - begin;
  }

  [[nodiscard]] TimePoint now() const override { return now_; }
  [[nodiscard]] WallTime wallNow() const override { return reactor_.wallNow(); }
  Timer after(Duration delay, Task task) override {
    if (delay <= Duration::zero()) return reactor_.after(delay, std::move(task));
    const TimePoint due = delay >= TimePoint::max() - now_ ? TimePoint::max() : now_ + delay;
    return Timer(*this, timers_.add(due, ++asked_, std::move(task)));
  }
  void post(Task task) override { reactor_.post(std::move(task)); }
  FdWatch watch(int fd, Interest interest, FdCallback callback) override { return reactor_.watch(fd, interest, std::move(callback)); }
  void stop() override { reactor_.stop(); }

 private:
  void cancelTimer(std::uint64_t id) override { const Task released = timers_.remove(id); }
  [[nodiscard]] bool timerActive(std::uint64_t id) const override { return timers_.contains(id); }
  // What after() and watch() pass on has the Reactor as its loop.
  void cancelWatch(std::uint64_t) override {}
  void setWatch(std::uint64_t, Interest) override {}

  Reactor& reactor_;
  TimerHeap timers_;
  TimePoint now_;
  std::uint64_t asked_ = 0;
};

}  // namespace spawner::test
