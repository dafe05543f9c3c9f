#include "proxy/proxy_metrics.hpp"

#include <string>

#include "proxy/proxy.hpp"

namespace spawner::proxy {

ProxyMetrics::ProxyMetrics(Metrics& metrics) {
  const auto total = [&metrics](std::string_view reason) {
    return CounterTotal(metrics.counter("spawner_proxy_refused_total", "Requests that upstream gave no answer to or that a limit ended",
                                        {{"reason", std::string(reason)}}));
  };
  for (std::size_t kind = 0; kind < failureKinds; ++kind) failures_[kind] = total(toString(static_cast<FailureKind>(kind)));
  tooManyTunnels_ = total("TooManyTunnels");
  tooManyInterim_ = total("TooManyInterim");
  bodiesStalled_ = total("BodyStalled");
  brokenAnswers_ = total("BrokenAnswer");
  tunnelsHalfClosed_ = total("TunnelHalfClosed");
  tunnelsCutOff_ = total("TunnelCutOff");
  clientsGone_ = CounterTotal(metrics.counter("spawner_proxy_clients_gone_total", "Clients that left before their answer was complete"));
}

void ProxyMetrics::update(const ProxyCounters& counters) {
  auto failures = counters.failures;
  failures[static_cast<std::size_t>(FailureKind::BadAnswer)] -= counters.tooManyInterim;  // each has one reason
  for (std::size_t kind = 0; kind < failureKinds; ++kind) failures_[kind].set(failures[kind]);
  tooManyTunnels_.set(counters.tooManyTunnels);
  tooManyInterim_.set(counters.tooManyInterim);
  bodiesStalled_.set(counters.bodiesStalled);
  brokenAnswers_.set(counters.brokenAnswers - counters.bodiesStalled);
  tunnelsHalfClosed_.set(counters.tunnelsHalfClosed);
  tunnelsCutOff_.set(counters.tunnelsCutOff);
  clientsGone_.set(counters.clientGone);
}

}  // namespace spawner::proxy
