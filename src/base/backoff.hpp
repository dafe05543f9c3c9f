#pragma once
// Backoff: growing, jittered delays between tries. Pure: time and chance come from the caller.

#include "spawner/random.hpp"
#include "spawner/time.hpp"

namespace spawner {

struct BackoffOptions {
  Duration first = std::chrono::milliseconds(100);
  Duration max = std::chrono::seconds(30);
  double factor = 2.0;
  double jitter = 0.2;  // each delay is scaled by a uniform factor in [1 - jitter, 1 + jitter]
};

class Backoff {
 public:
  explicit Backoff(BackoffOptions options = {}) : options_(options) {}
  /// The delay before the next try; grows with each call until reset().
  Duration next(Random& random);
  void reset() { tries_ = 0; }
  [[nodiscard]] int tries() const { return tries_; }

 private:
  BackoffOptions options_;
  int tries_ = 0;
};

}  // namespace spawner
