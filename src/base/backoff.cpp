#include "base/backoff.hpp"

#include <algorithm>
#include <climits>
#include <cmath>

namespace spawner {

Duration Backoff::next(Random& random) {
  const double max = static_cast<double>(options_.max.count());
  // pow() grows to infinity, never to nonsense: min() then gives the maximum, however many tries there were.
  const double base = std::min(max, static_cast<double>(options_.first.count()) * std::pow(options_.factor, tries_));
  if (tries_ < INT_MAX) ++tries_;
  const double unit = static_cast<double>(random.next() >> 11) * 0x1.0p-53;  // uniform in [0, 1)
  return Duration(static_cast<Duration::rep>(base * (1.0 + options_.jitter * (2.0 * unit - 1.0))));
}

Duration Backoff::next(Random& random, std::optional<Duration> asked) {
  return std::max(next(random), std::min(asked.value_or(Duration::zero()), options_.maxAsked));
}

}  // namespace spawner
