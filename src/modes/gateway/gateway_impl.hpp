#pragma once
// The inside of the gateway: one request's way through it. dispatch → (session: known? Ready?) → run, hold, or answer.

#include <memory>
#include <string>
#include <vector>

#include "http/front.hpp"
#include "http/front_metrics.hpp"
#include "k8s/client.hpp"
#include "modes/gateway/answers.hpp"
#include "modes/gateway/gateway.hpp"
#include "modes/gateway/held.hpp"
#include "modes/gateway/route.hpp"
#include "modes/role/host_check.hpp"
#include "modes/role/sessions.hpp"
#include "proxy/proxy.hpp"
#include "proxy/proxy_metrics.hpp"

namespace spawner::gateway {

/// What was made of the options at the start, each checked.
struct Setup {
  Options options;
  SocketAddress listen;
  std::optional<SocketAddress> api;
  role::HostCheck hosts;
  http::Response landing;
};

/// InvalidArgument and System errors name the flag.
Result<Setup> prepare(Options options);

struct GatewayMetrics {
  explicit GatewayMetrics(Metrics& metrics);
  Counter toSession, toApi, pages, waitingPages, held, refused, failures, tooManyWaiting, waitedTooLong;
  Gauge waiting, tunnels, exchanges;
  http::FrontMetrics front;
  proxy::ProxyMetrics proxy;
};

/// Owner: the role's holder. Thread: the loop's.
class Gateway final : public GatewayRole {
 public:
  using ExchangePtr = std::unique_ptr<http::Exchange>;

  Gateway(role::Context context, Setup setup);
  ~Gateway() override;
  Result<void> begin();
  void stop(Task done) override;
  [[nodiscard]] bool ready() const override { return sessions_.synced() && !stopping_; }
  [[nodiscard]] std::uint16_t port() const override { return front_.port(); }

 private:
  // dispatch.cpp: from the head to an answer, a session or the API
  void dispatch(ExchangePtr exchange);
  void landing(ExchangePtr exchange);
  void session(ExchangePtr exchange, Route route);
  void found(ExchangePtr exchange, Route route, const role::SlabPtr& slab);
  // hold.cpp: what waits
  void lookUp(ExchangePtr exchange, Route route);
  void lookedUp(std::uint64_t id, const Result<role::SlabPtr>& slab);
  void hold(ExchangePtr exchange, Route route);
  void changed(const std::string& name, const role::SlabPtr& slab);
  void timedOut(std::uint64_t id);
  // forward.cpp: to the upstreams
  void toSession(ExchangePtr exchange, const Route& route, const Slab& slab);
  void toApi(ExchangePtr exchange, const std::string& target);
  void sessionFailed(ExchangePtr exchange, const Route& route, const SidecarAnswer& sidecar, const proxy::Failure& failure);
  [[nodiscard]] proxy::RequestEdit edit(const http::RequestHead& head, const std::string& target, const std::string& prefix) const;

  void answer(ExchangePtr exchange, http::Response response);
  void refuse(ExchangePtr exchange, http::Response response);
  void publish();

  role::Context context_;
  const Setup setup_;
  GatewayMetrics metrics_;
  k8s::Client client_;
  http::Front front_;  // destroyed after those that hold its exchanges
  HeldExchanges held_;
  proxy::Proxy proxy_;
  role::Sessions sessions_;
  Metrics::Source metricsSource_;
  bool stopping_ = false;
};

}  // namespace spawner::gateway
