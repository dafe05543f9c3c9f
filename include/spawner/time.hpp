#pragma once
// The two kinds of time. Durations come from the monotonic clock of the machine that saw both ends; wall time is for people only
// and is never compared between machines.

#include <chrono>
#include <cstdint>

namespace spawner {

using Duration = std::chrono::nanoseconds;

/// The kernel's monotonic clock (CLOCK_MONOTONIC in a process; virtual in a simulation). Read it through Loop::now().
struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};
using TimePoint = MonotonicClock::time_point;

/// Wall time in microseconds since 1970-01-01T00:00:00Z. Read it through Loop::wallNow().
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

}  // namespace spawner
