#include "modes/gateway/metrics.hpp"

#include <string>

namespace spawner::gateway {

GatewayMetrics::GatewayMetrics(Metrics& metrics, std::size_t lanes, bool h2c)
    : waiting_(metrics.gauge("spawner_gateway_waiting", "Requests that wait for their session")),
      tunnels_(metrics.gauge("spawner_gateway_tunnels", "Upgraded connections open")),
      exchanges_(metrics.gauge("spawner_gateway_exchanges", "Requests being forwarded")),
      front_(metrics, "gateway"),
      proxy_(metrics) {
  if (h2c) http2_.emplace(metrics, "spawner_gateway");
  const auto requests = [&metrics](const char* outcome) {
    return CounterTotal(metrics.counter("spawner_gateway_requests_total", "Requests by what became of them", {{"outcome", outcome}}));
  };
  const auto waitingRefused = [&metrics](const char* reason) {
    return CounterTotal(metrics.counter("spawner_waiting_refused_total", "Requests that came too early for their session, and were refused",
                                        {{"reason", reason}}));
  };
  toSession_ = requests("session");
  toApi_ = requests("api");
  pages_ = requests("landing");
  waitingPages_ = requests("waiting_page");
  held_ = requests("held");
  refused_ = requests("refused");
  tooManyWaiting_ = waitingRefused("TooManyWaiting");
  waitedTooLong_ = waitingRefused("WaitedTooLong");
  failures_ = CounterTotal(metrics.counter("spawner_gateway_upstream_failures_total", "Forwarded requests that got no answer"));
  for (std::size_t lane = 0; lane < lanes; ++lane)
    connections_.push_back(metrics.gauge("spawner_gateway_connections", "Connections of clients, without upgraded ones, by event loop",
                                         {{"loop", std::to_string(lane)}}));
}

void GatewayMetrics::update(const std::vector<LaneCounts>& counts) {
  LaneCounts all;
  for (std::size_t lane = 0; lane < counts.size(); ++lane) {
    all.add(counts[lane]);
    connections_[lane].set(static_cast<double>(counts[lane].front.connections));
  }
  toSession_.set(all.toSession);
  toApi_.set(all.toApi);
  pages_.set(all.pages);
  waitingPages_.set(all.waitingPages);
  held_.set(all.held);
  refused_.set(all.refused);
  failures_.set(all.failures);
  tooManyWaiting_.set(all.tooManyWaiting);
  waitedTooLong_.set(all.waitedTooLong);
  waiting_.set(static_cast<double>(all.waiting));
  tunnels_.set(static_cast<double>(all.proxy.tunnels));
  exchanges_.set(static_cast<double>(all.proxy.active));
  front_.update(all.front);
  proxy_.update(all.proxy);
  if (http2_) http2_->update(all.http2);
}

}  // namespace spawner::gateway
