#pragma once
// WorkQueue: keys to reconcile, with client-go's semantics: a key is never processed twice at once, and a key added while it is processed
// is processed once more. Delays, per-key exponential backoff, one token bucket.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "spawner/loop.hpp"
#include "spawner/random.hpp"

namespace spawner::k8s {

struct WorkQueueOptions {
  std::size_t concurrency = 64;  // keys in processing at once
  Duration firstBackoff = std::chrono::milliseconds(5);
  Duration maxBackoff = std::chrono::seconds(60);
  double ratePerSecond = 0;  // starts of processing; 0: no limit
  double burst = 100;
};

/// Owner: the controller. Thread: the loop's.
class WorkQueue {
 public:
  /// `process` runs in a turn of its own; it must lead to done(key), at once or later.
  WorkQueue(Loop& loop, Random& random, WorkQueueOptions options, std::function<void(const std::string& key)> process);
  ~WorkQueue();
  void add(const std::string& key);
  /// Adds after the delay; of several delayed adds of a key the earliest counts.
  void addAfter(const std::string& key, Duration delay);
  /// Adds after the key's backoff, which grows with each call until forget(), and not before `atLeast`.
  void addRateLimited(const std::string& key, Duration atLeast = Duration::zero());
  void forget(const std::string& key);
  /// The key's processing is over.
  void done(const std::string& key);
  [[nodiscard]] std::size_t length() const;  // waiting to be processed
  [[nodiscard]] std::size_t processing() const;
  [[nodiscard]] std::size_t delayed() const;
  [[nodiscard]] int retries(const std::string& key) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spawner::k8s
