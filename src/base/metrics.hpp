#pragma once
// The door to prometheus-cpp: counters, gauges and histograms of one role, and their text form. Metrics exist at zero from the start.

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
  /// The Prometheus text exposition format.
  [[nodiscard]] std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spawner
