#pragma once
// FrontMetrics: what the limits of a Front did, as metrics, all at zero from the start. Owner: the role. Thread: the loop's.

#include <array>
#include <string>

#include "base/metrics.hpp"
#include "http/front_stats.hpp"

namespace spawner::http {

class FrontMetrics {
 public:
  /// `listener` is the label that tells the fronts of one role apart ("serve", "admin").
  FrontMetrics(Metrics& metrics, const std::string& listener);
  void update(const FrontStats& stats);

 private:
  Gauge connections_;
  CounterTotal accepted_, passed_;
  std::array<CounterTotal, refusalReasons.size()> refused_;
};

}  // namespace spawner::http
