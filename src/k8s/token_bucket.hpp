#pragma once
// TokenBucket: a rate with a burst. Pure: time comes from the caller.

#include <algorithm>
#include <cmath>

#include "spawner/time.hpp"

namespace spawner::k8s {

/// A rate <= 0 is no limit.
class TokenBucket {
 public:
  TokenBucket(double ratePerSecond, double burst) : rate_(ratePerSecond), burst_(std::max(1.0, burst)), tokens_(burst_) {}

  /// Takes one token (zero), or tells how long until there is one.
  Duration take(TimePoint now) {
    if (rate_ <= 0) return Duration::zero();
    if (started_) tokens_ = std::min(burst_, tokens_ + std::chrono::duration<double>(now - last_).count() * rate_);
    started_ = true;
    last_ = now;
    if (tokens_ >= 1) {
      tokens_ -= 1;
      return Duration::zero();
    }
    // Rounded up: a timer that fires a nanosecond early would ask again for nothing.
    return Duration(static_cast<Duration::rep>(std::ceil((1 - tokens_) / rate_ * 1e9)) + 1);
  }

 private:
  double rate_;
  double burst_;
  double tokens_;
  TimePoint last_{};
  bool started_ = false;
};

}  // namespace spawner::k8s
