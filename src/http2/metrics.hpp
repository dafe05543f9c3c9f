#pragma once
// ServerMetrics: a Server's numbers as metrics of a role, all at zero from the start. Owner: the role. Thread: the loop's.

#include <string>

#include "base/metrics.hpp"
#include "http2/server.hpp"

namespace spawner::http2 {

class ServerMetrics {
 public:
  /// `prefix`: "spawner_sidecar".
  ServerMetrics(Metrics& metrics, const std::string& prefix);
  void update(const ServerStats& stats);

 private:
  Gauge connections_, streams_;
  CounterTotal accepted_, requests_, refused_, resets_, floods_, broken_;
};

}  // namespace spawner::http2
