#include "modes/sidecar/sidecar_metrics.hpp"

namespace spawner::sidecar {

SidecarMetrics::SidecarMetrics(Metrics& metrics)
    : serve_(metrics, "serve"), admin_(metrics, "admin"), local_(metrics, "local"), proxy_(metrics) {
  const auto total = [&](const char* name, const char* help) { return CounterTotal(metrics.counter(name, help)); };
  const auto waiting = [&](const char* reason) {
    return CounterTotal(metrics.counter("spawner_waiting_refused_total", "Requests that came too early for their session, and were refused",
                                        {{"reason", reason}}));
  };
  tooManyWaiting_ = waiting("TooManyWaiting");
  waitedTooLong_ = waiting("WaitedTooLong");
  tooManyEventReaders_ = total("spawner_sidecar_event_readers_refused_total", "Readers of /_events beyond --max-event-readers");
  live_ = metrics.gauge("spawner_sidecar_live_connections", "Requests and upgraded connections that have begun and not ended");
  ready_ = metrics.gauge("spawner_sidecar_ready", "1: the application listens");
  swept_ = metrics.gauge("spawner_sidecar_swept", "1: the session has been ended");
  idleSeconds_ = metrics.gauge("spawner_sidecar_idle_seconds", "Time unused; 0 while in use or before Ready");
  tunnels_ = metrics.gauge("spawner_sidecar_tunnels", "Upgraded connections open");
  requests_ = total("spawner_sidecar_requests_total", "Requests given to the application");
  refused_ = total("spawner_sidecar_refused_total", "Requests that the front answered itself (400, 408, 431, 503)");
  upgrades_ = total("spawner_sidecar_upgrades_total", "Requests that became upgraded connections");
  connects_ = total("spawner_sidecar_upstream_connects_total", "Connections to the application begun");
  reuses_ = total("spawner_sidecar_upstream_reuses_total", "Requests on a kept connection to the application");
  retries_ = total("spawner_sidecar_upstream_retries_total", "Requests sent again after a kept connection was found closed");
  failures_ = total("spawner_sidecar_upstream_failures_total", "Requests that the application gave no answer to (502, 504)");
  broken_ = total("spawner_sidecar_broken_answers_total", "Answers that the application broke off");
  gone_ = total("spawner_sidecar_clients_gone_total", "Clients that left before their answer was complete");
  toUpstream_ = total("spawner_sidecar_bytes_to_application_total", "Bytes of bodies and upgraded connections");
  toClient_ = total("spawner_sidecar_bytes_to_client_total", "Bytes of bodies and upgraded connections");
  unauthorized_ = total("spawner_sidecar_unauthorized_total", "Admin calls with a missing or wrong signature");
}

void SidecarMetrics::update(const SidecarSeen& seen) {
  const SidecarReport& report = seen.report;
  const proxy::ProxyCounters& proxied = seen.proxied;
  live_.set(report.liveConnections);
  ready_.set(report.ready ? 1 : 0);
  swept_.set(report.sweptReason ? 1 : 0);
  idleSeconds_.set(report.idle ? static_cast<double>(report.idle->count()) / 1000 : 0);
  tunnels_.set(static_cast<double>(proxied.tunnels));
  requests_.set(proxied.requests);
  refused_.set(seen.serve.refused);
  upgrades_.set(proxied.upgrades);
  connects_.set(proxied.upstreamConnects);
  reuses_.set(proxied.upstreamReuses);
  retries_.set(proxied.retries);
  failures_.set(proxied.failuresBeforeHead);
  broken_.set(proxied.brokenAnswers);
  gone_.set(proxied.clientGone);
  toUpstream_.set(proxied.bytesToUpstream);
  toClient_.set(proxied.bytesToClient);
  unauthorized_.set(seen.unauthorized);
  tooManyWaiting_.set(seen.waiting.tooMany);
  waitedTooLong_.set(seen.waiting.tooLong);
  tooManyEventReaders_.set(seen.eventReadersRefused);
  serve_.update(seen.serve);
  admin_.update(seen.admin);
  local_.update(seen.local);
  proxy_.update(proxied);
}

}  // namespace spawner::sidecar
