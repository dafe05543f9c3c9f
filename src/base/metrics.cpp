#include "base/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <exception>

#include "base/die.hpp"

namespace spawner {
namespace {

/// Names are constants of ours, so a bad one (not of the Prometheus form, or used with another type) is a broken invariant.
/// The same name and labels give the same series: both add() of the library answer what is there already.
template <class Builder, class... Args>
void* series(const Builder& builder, prometheus::Registry& registry, const std::string& name, const std::string& help, MetricLabels labels,
             Args&&... args) {
  try {
    auto& family = Builder(builder).Name(name).Help(help).Register(registry);
    return &family.Add(prometheus::Labels(labels.begin(), labels.end()), std::forward<Args>(args)...);
  } catch (const std::exception& error) { die("metric \"" + name + "\": " + error.what()); }
}

}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry;
  std::vector<std::weak_ptr<const std::function<void()>>> sources;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter Metrics::counter(const std::string& name, const std::string& help, MetricLabels labels) {
  Counter counter;
  counter.target_ = series(prometheus::BuildCounter(), impl_->registry, name, help, labels);
  return counter;
}

Gauge Metrics::gauge(const std::string& name, const std::string& help, MetricLabels labels) {
  Gauge gauge;
  gauge.target_ = series(prometheus::BuildGauge(), impl_->registry, name, help, labels);
  return gauge;
}

Histogram Metrics::histogram(const std::string& name, const std::string& help, std::vector<double> buckets, MetricLabels labels) {
  if (std::adjacent_find(buckets.begin(), buckets.end(), std::greater_equal<>()) != buckets.end())
    die("metric \"" + name + "\": its buckets do not grow");
  Histogram histogram;
  histogram.target_ = series(prometheus::BuildHistogram(), impl_->registry, name, help, labels, std::move(buckets));
  return histogram;
}

Metrics::Source Metrics::source(std::function<void()> bringIn) {
  auto source = std::make_shared<const std::function<void()>>(std::move(bringIn));
  impl_->sources.push_back(source);
  return source;
}

std::string Metrics::text() const {
  for (const auto& weak : impl_->sources)
    if (const auto source = weak.lock()) (*source)();
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

void Counter::add(double n) {
  if (target_ != nullptr) static_cast<prometheus::Counter*>(target_)->Increment(n);
}
void Gauge::set(double value) {
  if (target_ != nullptr) static_cast<prometheus::Gauge*>(target_)->Set(value);
}
void Gauge::add(double n) {
  if (target_ != nullptr) static_cast<prometheus::Gauge*>(target_)->Increment(n);
}
void Histogram::observe(double value) {
  if (target_ != nullptr) static_cast<prometheus::Histogram*>(target_)->Observe(value);
}

}  // namespace spawner
