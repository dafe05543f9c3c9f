#include "loop/sim_loop.hpp"

#include <string>
#include "base/crypto.hpp"
#include "base/die.hpp"
#include "loop/timer_heap.hpp"

namespace spawner {
namespace {

using namespace std::chrono_literals;

/// Far from zero, so that code which takes a default TimePoint for "never" or "long ago" sees an ordinary one.
constexpr TimePoint origin{Duration(1h)};
constexpr WallTime wallOrigin = std::chrono::sys_days(std::chrono::year(2026) / std::chrono::January / 1);

}  // namespace

struct SimLoop::Impl {
  explicit Impl(std::uint64_t seed) : random(seededRandom(seed)) {}
  TimerHeap events;
  std::unique_ptr<Random> random;
  TimePoint now = origin;
  Duration wallJumps{};
  std::uint64_t steps = 0;
  std::uint64_t stepsNow = 0;  // without time having passed
  bool running = false;
  bool stopping = false;

  bool step();
  /// Runs the next event if it is not later than the limit.
  bool stepWithin(TimePoint limit) { return !events.empty() && events.nextDue() <= limit && step(); }
  [[nodiscard]] TimePoint later(Duration d) const {
    return d <= Duration::zero() ? now : d >= TimePoint::max() - now ? TimePoint::max() : now + d;
  }
};

bool SimLoop::Impl::step() {
  if (events.empty()) return false;
  if (running) die("SimLoop: a call-back ran the loop that runs it");
  const TimePoint due = events.nextDue();
  stepsNow = due > now ? 0 : stepsNow + 1;
  if (stepsNow > SimLoop::maxStepsAtOnce)
    die("SimLoop: " + std::to_string(stepsNow) + " events at one instant: something goes on without ever waiting");
  now = due;
  ++steps;
  Task task = events.pop();
  running = true;
  try {
    task();
    task = nullptr;  // what it owned goes as a part of its turn
  } catch (const std::exception& error) { die(std::string("an exception escaped a call-back of the loop: ") + error.what()); } catch (...) {
    die("an exception of unknown type escaped a call-back of the loop");
  }
  running = false;
  return true;
}

SimLoop::SimLoop(std::uint64_t seed) : impl_(std::make_unique<Impl>(seed)) {}

SimLoop::~SimLoop() {
  // What the call-backs own goes while the loop is still whole: destructors may cancel timers, or even ask for new ones.
  while (!impl_->events.empty()) (void)impl_->events.pop();
}

bool SimLoop::step() { return impl_->step(); }

void SimLoop::runFor(Duration d) {
  const TimePoint end = impl_->later(d);
  impl_->stopping = false;
  while (!impl_->stopping && impl_->stepWithin(end)) {}
  if (!impl_->stopping) impl_->now = end;
}

bool SimLoop::runUntil(const std::function<bool()>& predicate, Duration limit) {
  const TimePoint end = impl_->later(limit);
  impl_->stopping = false;
  while (!predicate())
    if (impl_->stopping || !impl_->stepWithin(end)) return false;
  return true;
}

std::uint64_t SimLoop::steps() const { return impl_->steps; }
void SimLoop::jumpWall(Duration by) { impl_->wallJumps += by; }
TimePoint SimLoop::now() const { return impl_->now; }
WallTime SimLoop::wallNow() const {
  return std::chrono::floor<WallTime::duration>(std::chrono::sys_time<Duration>(wallOrigin) + (impl_->now - origin) + impl_->wallJumps);
}

Timer SimLoop::after(Duration delay, Task task) {
  return Timer(*this, impl_->events.add(impl_->later(delay), impl_->random->next(), std::move(task)));
}
void SimLoop::post(Task task) { impl_->events.add(impl_->now, impl_->random->next(), std::move(task)); }
FdWatch SimLoop::watch(int fd, Interest, FdCallback) {
  die("SimLoop has no descriptors, but was asked to watch descriptor " + std::to_string(fd));
}
void SimLoop::stop() { impl_->stopping = true; }
void SimLoop::cancelTimer(std::uint64_t id) { const Task released = impl_->events.remove(id); }
bool SimLoop::timerActive(std::uint64_t id) const { return impl_->events.contains(id); }
void SimLoop::cancelWatch(std::uint64_t) {}
void SimLoop::setWatch(std::uint64_t, Interest) {}

}  // namespace spawner
