#include "http2/metrics.hpp"

namespace spawner::http2 {

ServerMetrics::ServerMetrics(Metrics& metrics, const std::string& prefix)
    : connections_(metrics.gauge(prefix + "_http2_connections", "HTTP/2 connections of clients")),
      streams_(metrics.gauge(prefix + "_http2_streams", "Requests open on them")),
      accepted_(metrics.counter(prefix + "_http2_connections_total", "HTTP/2 connections taken")),
      requests_(metrics.counter(prefix + "_http2_requests_total", "Requests that clients began on them")),
      refused_(metrics.counter(prefix + "_http2_refused_total", "Of them, answered by the front itself (400, 431, 501)")),
      resets_(metrics.counter(prefix + "_http2_client_resets_total", "Of them, reset or broken by the client")),
      floods_(metrics.counter(prefix + "_http2_floods_total", "HTTP/2 connections ended for too many resets or unread answers")),
      broken_(metrics.counter(prefix + "_http2_protocol_errors_total", "HTTP/2 connections ended for breaking the protocol")) {}

void ServerMetrics::update(const ServerStats& stats) {
  connections_.set(static_cast<double>(stats.connections));
  streams_.set(static_cast<double>(stats.openStreams));
  const auto add = [](Counter& counter, std::uint64_t now, std::uint64_t before) { counter.add(static_cast<double>(now - before)); };
  add(accepted_, stats.accepted, last_.accepted);
  add(requests_, stats.streams, last_.streams);
  add(refused_, stats.refused, last_.refused);
  add(resets_, stats.clientResets, last_.clientResets);
  add(floods_, stats.floods, last_.floods);
  add(broken_, stats.brokenOff, last_.brokenOff);
  last_ = stats;
}

}  // namespace spawner::http2
