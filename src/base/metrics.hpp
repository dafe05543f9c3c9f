#pragma once
// The door to prometheus-cpp: counters, gauges and histograms of one role, and their text form. Metrics exist at zero from the start.

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace spawner {

using MetricLabels = std::initializer_list<std::pair<std::string, std::string>>;

class Counter {
 public:
  void add(double n = 1);

 private:
  friend class Metrics;
  void* target_ = nullptr;
};
/// A counter fed from a total that somebody else keeps.
class CounterTotal {
 public:
  CounterTotal() = default;
  explicit CounterTotal(Counter counter) : counter_(counter) {}
  /// REQUIRES: never less than before.
  void set(std::uint64_t total) {
    counter_.add(static_cast<double>(total - last_));
    last_ = total;
  }

 private:
  Counter counter_;
  std::uint64_t last_ = 0;
};
class Gauge {
 public:
  void set(double value);
  void add(double n);

 private:
  friend class Metrics;
  void* target_ = nullptr;
};
class Histogram {
 public:
  void observe(double value);

 private:
  friend class Metrics;
  void* target_ = nullptr;
};

/// Owner: the role. The handles it gives must not outlive it. A handle that was default-constructed ignores its calls.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Counter counter(const std::string& name, const std::string& help, MetricLabels labels = {});
  Gauge gauge(const std::string& name, const std::string& help, MetricLabels labels = {});
  /// Buckets: upper bounds, growing.
  Histogram histogram(const std::string& name, const std::string& help, std::vector<double> buckets, MetricLabels labels = {});
  /// Ownership of a source: it ends with it.
  using Source = std::shared_ptr<const std::function<void()>>;
  /// `bringIn` runs before each text(): it sets what is counted elsewhere.
  [[nodiscard]] Source source(std::function<void()> bringIn);
  /// The Prometheus text exposition format.
  [[nodiscard]] std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spawner
