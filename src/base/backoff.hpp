#pragma once
// Backoff: growing, jittered delays between tries. Pure: time and chance come from the caller.

#include <optional>

#include "spawner/random.hpp"
#include "spawner/time.hpp"

namespace spawner {

struct BackoffOptions {
  Duration first = std::chrono::milliseconds(100);
  Duration max = std::chrono::seconds(30);
  double factor = 2.0;
  double jitter = 0.2;                           // each delay is scaled by a uniform factor in [1 - jitter, 1 + jitter]
  Duration maxAsked = std::chrono::seconds(30);  // no server makes us wait for longer
};

class Backoff {
 public:
  explicit Backoff(BackoffOptions options = {}) : options_(options) {}
  /// The delay before the next try; grows with each call until reset().
  Duration next(Random& random);
  /// The same, but at least what a server asked for (Retry-After, RFC 9110 §10.2.3), up to maxAsked.
  Duration next(Random& random, std::optional<Duration> asked);
  void reset() { tries_ = 0; }
  [[nodiscard]] int tries() const { return tries_; }

 private:
  BackoffOptions options_;
  int tries_ = 0;
};

}  // namespace spawner
