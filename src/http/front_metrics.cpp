#include "http/front_metrics.hpp"

namespace spawner::http {

FrontMetrics::FrontMetrics(Metrics& metrics, const std::string& listener)
    : connections_(metrics.gauge("spawner_http_connections", "Clients' connections open, without upgraded ones", {{"listener", listener}})),
      accepted_(metrics.counter("spawner_http_accepted_total", "Clients' connections accepted", {{"listener", listener}})),
      passed_(metrics.counter("spawner_http_passed_bytes_total", "Bytes of answers that passed inside the kernel, without a copy",
                              {{"listener", listener}})) {
  for (std::size_t i = 0; i < refusalReasons.size(); ++i)
    refused_[i] =
        CounterTotal(metrics.counter("spawner_http_refused_total", "Requests refused and connections ended by a limit or the guard",
                                     {{"listener", listener}, {"reason", std::string(refusalReasons[i])}}));
}

void FrontMetrics::update(const FrontStats& stats) {
  connections_.set(static_cast<double>(stats.connections));
  accepted_.set(stats.accepted);
  passed_.set(stats.passedBytes);
  for (std::size_t i = 0; i < refusalReasons.size(); ++i) refused_[i].set(stats.byReason[i]);
}

}  // namespace spawner::http
