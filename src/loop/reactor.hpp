#pragma once
// Reactor: the real Loop: epoll, coarse timers, posted tasks. The only place that sees epoll.

#include <functional>
#include <memory>

#include "spawner/loop.hpp"

namespace spawner {

/// Thread: run() and all members on one thread; wake() from any thread or signal handler.
class Reactor final : public Loop {
 public:
  Reactor();
  ~Reactor() override;
  /// Runs until stop().
  void run();
  /// Runs turns until the predicate holds (true) or the limit has passed (false). For tests and ordered shutdown.
  bool runUntil(const std::function<bool()>& predicate, Duration limit);
  /// Makes a waiting run() take another turn.
  void wake();

  [[nodiscard]] TimePoint now() const override;
  [[nodiscard]] WallTime wallNow() const override;
  Timer after(Duration delay, Task task) override;
  void post(Task task) override;
  FdWatch watch(int fd, Interest interest, FdCallback callback) override;
  void stop() override;

 private:
  void cancelTimer(std::uint64_t id) override;
  [[nodiscard]] bool timerActive(std::uint64_t id) const override;
  void cancelWatch(std::uint64_t id) override;
  void setWatch(std::uint64_t id, Interest interest) override;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spawner
