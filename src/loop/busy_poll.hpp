#pragma once
// BusyPoll: whether to look for events again and again before a sleep, by whether that has paid lately (docs/decisions/0065). Pure.

#include <algorithm>
#include <cstdint>
#include <utility>

#include "spawner/time.hpp"

namespace spawner {

/// Each time in vain doubles how many occasions are let pass, up to `mostSkipped`; each success halves it. So an upstream that is slower
/// than the limit costs the limit once in 256 requests, and one that became fast is soon found out.
class BusyPoll {
 public:
  static constexpr unsigned mostSkipped = 255;
  /// More events than this in the turn before: others keep the loop awake, and looking at once makes small turns of large ones.
  static constexpr int mostEvents = 4;

  /// The next wait may be short: worth looking for so long. The longest that is asked for in a turn counts.
  void ask(Duration limit) { asked_ = std::max(asked_, limit); }
  /// Called before each wait: for how long to look; zero is not at all.
  Duration take(int eventsBefore) {
    const Duration limit = std::exchange(asked_, Duration::zero());
    if (limit <= Duration::zero() || eventsBefore > mostEvents) return Duration::zero();
    if (skip_ == 0) return limit;
    --skip_;
    return Duration::zero();
  }
  /// What came of it.
  void looked(bool found) {
    penalty_ = found ? penalty_ / 2 : std::min(penalty_ * 2 + 1, mostSkipped);
    skip_ = penalty_;
    ++(found ? found_ : inVain_);
  }
  [[nodiscard]] std::uint64_t found() const { return found_; }
  [[nodiscard]] std::uint64_t inVain() const { return inVain_; }

 private:
  Duration asked_{};
  unsigned penalty_ = 0;
  unsigned skip_ = 0;
  std::uint64_t found_ = 0, inVain_ = 0;
};

}  // namespace spawner
