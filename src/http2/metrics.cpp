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
  accepted_.set(stats.accepted);
  requests_.set(stats.streams);
  refused_.set(stats.refused);
  resets_.set(stats.clientResets);
  floods_.set(stats.floods);
  broken_.set(stats.brokenOff);
}

}  // namespace spawner::http2
