#pragma once
// GatewayMetrics: the sums over all lanes, and each lane's connections.

#include <cstddef>
#include <optional>
#include <vector>

#include "base/metrics.hpp"
#include "http/front_metrics.hpp"
#include "http2/metrics.hpp"
#include "modes/gateway/lane.hpp"
#include "proxy/proxy_metrics.hpp"

namespace spawner::gateway {

/// Owner: the gateway. Thread: the control loop's.
class GatewayMetrics {
 public:
  GatewayMetrics(Metrics& metrics, std::size_t lanes, bool h2c);
  /// By lane; none is less than before.
  void update(const std::vector<LaneCounts>& counts);

 private:
  CounterTotal toSession_, toApi_, pages_, waitingPages_, held_, refused_, failures_, tooManyWaiting_, waitedTooLong_;
  Gauge waiting_, tunnels_, exchanges_;
  std::vector<Gauge> connections_;
  http::FrontMetrics front_;
  proxy::ProxyMetrics proxy_;
  std::optional<http2::ServerMetrics> http2_;  // with --h2c
};

}  // namespace spawner::gateway
