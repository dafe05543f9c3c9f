#pragma once
// ProxyMetrics: what the limits of a Proxy did, and why upstreams gave no answer, as metrics, all at zero from the start. Owner: the role.
// Thread: the loop's.

#include <array>

#include "base/metrics.hpp"
#include "proxy/counters.hpp"

namespace spawner::proxy {

class ProxyMetrics {
 public:
  explicit ProxyMetrics(Metrics& metrics);
  void update(const ProxyCounters& counters);

 private:
  std::array<CounterTotal, failureKinds> failures_;
  CounterTotal tooManyTunnels_, tooManyInterim_, bodiesStalled_, brokenAnswers_, tunnelsHalfClosed_, tunnelsCutOff_, clientsGone_;
};

}  // namespace spawner::proxy
