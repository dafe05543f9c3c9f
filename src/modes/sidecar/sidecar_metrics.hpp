#pragma once
// SidecarMetrics: the sidecar's numbers as metrics, all at zero from the start. Owner: the sidecar. Thread: the loop's.

#include "base/metrics.hpp"
#include "http/front_metrics.hpp"
#include "modes/sidecar/waiting_room.hpp"
#include "proxy/proxy_metrics.hpp"
#include "spawner/report.hpp"

namespace spawner::sidecar {

/// What the parts of a sidecar have counted.
struct SidecarSeen {
  SidecarReport report;
  proxy::ProxyCounters proxied;
  http::FrontStats serve, admin, local;
  WaitingRoom::Refused waiting;
  std::uint64_t eventReadersRefused = 0, unauthorized = 0;
};

class SidecarMetrics {
 public:
  explicit SidecarMetrics(Metrics& metrics);
  void update(const SidecarSeen& seen);

 private:
  Gauge live_, ready_, swept_, idleSeconds_, tunnels_;
  CounterTotal requests_, refused_, upgrades_, connects_, reuses_, retries_, failures_, broken_, gone_, toUpstream_, toClient_;
  CounterTotal tooManyWaiting_, waitedTooLong_, tooManyEventReaders_, unauthorized_;
  http::FrontMetrics serve_, admin_, local_;
  proxy::ProxyMetrics proxy_;
};

}  // namespace spawner::sidecar
