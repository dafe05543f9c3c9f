#pragma once
// Reactor: the real Loop: epoll, coarse timers, posted tasks. The only place that sees epoll.

#include <cstdint>
#include <functional>
#include <memory>

#include "spawner/loop.hpp"

namespace spawner {

/// One turn: events of descriptors (a bounded number), the tasks posted before or by these, then the timers due (a bounded number). Tasks
/// run behind all events, so that what they send goes out in a row; of few events, behind each (docs/decisions/0062, 0067). An empty
/// interest is not watched at all: no hangup is reported for it. A call-back must not run the loop; an exception out of one ends the
/// process. Thread: run() and all members on one thread; wake() from any thread or signal handler.
class Reactor final : public Loop {
 public:
  Reactor();
  ~Reactor() override;
  /// Runs until stop(). A stop() before it makes it return at once.
  void run();
  /// Runs turns until the predicate holds (true) or the limit has passed (false). stop() does not
  /// end it. For tests and ordered shutdown.
  bool runUntil(const std::function<bool()>& predicate, Duration limit);
  /// Makes a waiting run() take another turn.
  void wake();

  /// Of the present turn; outside of turns the clock's.
  [[nodiscard]] TimePoint now() const override;
  [[nodiscard]] WallTime wallNow() const override;
  Timer after(Duration delay, Task task) override;
  void post(Task task) override;
  FdWatch watch(int fd, Interest interest, FdCallback callback) override;
  void expectSoon(Duration limit) override;
  void stop() override;
  /// How often looking before a sleep found something, and how often not.
  struct BusyPolls {
    std::uint64_t found = 0, inVain = 0;
  };
  [[nodiscard]] BusyPolls busyPolls() const;

 private:
  void cancelTimer(std::uint64_t id) override;
  [[nodiscard]] bool timerActive(std::uint64_t id) const override;
  void cancelWatch(std::uint64_t id) override;
  void setWatch(std::uint64_t id, Interest interest) override;
  [[nodiscard]] bool watchDue(std::uint64_t id) const override;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spawner
