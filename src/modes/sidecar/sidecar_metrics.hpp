#pragma once
// SidecarMetrics: the sidecar's numbers as metrics, all at zero from the start. Owner: the sidecar. Thread: the loop's.

#include "base/metrics.hpp"
#include "http/front.hpp"
#include "proxy/counters.hpp"
#include "spawner/report.hpp"

namespace spawner::sidecar {

class SidecarMetrics {
 public:
  explicit SidecarMetrics(Metrics& metrics);
  void update(const SidecarReport& report, const proxy::ProxyCounters& proxied, const http::FrontStats& front, std::uint64_t unauthorized);

 private:
  /// A counter fed from a total.
  struct Total {
    Counter counter;
    std::uint64_t last = 0;
    void set(std::uint64_t now) {
      counter.add(static_cast<double>(now - last));
      last = now;
    }
  };
  Gauge live_, ready_, swept_, idleSeconds_, tunnels_;
  Total requests_, refused_, upgrades_, connects_, reuses_, retries_, failures_, broken_, gone_, toUpstream_, toClient_, unauthorized_;
};

}  // namespace spawner::sidecar
