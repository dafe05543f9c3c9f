#pragma once
// SimLoop: a Loop in virtual time. Events of equal time run in an order shuffled by the seed, so hidden assumptions about order show.

#include <cstdint>
#include <functional>
#include <memory>

#include "spawner/loop.hpp"

namespace spawner {

/// Thread: one. Time starts at a fixed origin and moves only in step()/runFor()/runUntil().
class SimLoop final : public Loop {
 public:
  /// More events than this without time moving, and the process ends with a word: two parties that answer each other at once would never
  /// end.
  static constexpr std::uint64_t maxStepsAtOnce = 1'000'000;

  explicit SimLoop(std::uint64_t seed);
  ~SimLoop() override;

  /// Runs the next event (its time becomes now). False when there is none.
  bool step();
  /// Runs all events up to now + d; then now is exactly that.
  void runFor(Duration d);
  /// Steps until the predicate holds (true), or no event is left within the limit (false).
  bool runUntil(const std::function<bool()>& predicate, Duration limit);
  /// Events run so far.
  [[nodiscard]] std::uint64_t steps() const;
  /// Moves the wall clock (a jump) without moving monotonic time.
  void jumpWall(Duration by);

  [[nodiscard]] TimePoint now() const override;
  [[nodiscard]] WallTime wallNow() const override;
  Timer after(Duration delay, Task task) override;
  void post(Task task) override;
  FdWatch watch(int fd, Interest interest, FdCallback callback) override;
  /// Ends the present runFor() or runUntil() after the present event.
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
