// The control part of a gateway: what it knows of the sessions, and its metrics. What serves requests are its lanes.
#include "modes/gateway/gateway.hpp"

#include <utility>
#include <vector>

#include "backend/decode.hpp"
#include "k8s/client.hpp"
#include "modes/gateway/lanes.hpp"
#include "modes/gateway/metrics.hpp"
#include "modes/gateway/setup.hpp"
#include "modes/role/sessions.hpp"

namespace spawner::gateway {

namespace {

role::SessionsOptions sessionsOptions(const Options& options) {
  role::SessionsOptions sessions;
  sessions.ns = options.ns;
  sessions.prefix = options.servicePrefix;
  sessions.rememberEnds = std::chrono::seconds(options.rememberEndsSeconds);
  sessions.rememberEndsMax = options.rememberEndsMax;
  sessions.lookupsPerSecond = options.lookupsPerSecond;
  return sessions;
}

/// Owner: the role's holder. Thread: the loop's.
class Gateway final : public GatewayRole {
 public:
  Gateway(role::Context context, Setup setup)
      : context_(std::move(context)),
        setup_(std::move(setup)),
        metrics_(context_.metrics, setup_.options.loops, setup_.options.h2c),
        client_(context_.kube, std::chrono::seconds(setup_.options.kubeTimeoutSeconds)),
        sessions_(context_, client_, sessionsOptions(setup_.options), backend::decodeSlab) {
    const LanesContext lanes{context_, setup_, sessions_};
    lanes_ = setup_.options.loops == 1 ? oneLane(lanes) : laneThreads(lanes);
    sessions_.onChange([this](const std::string& name, const role::SlabPtr& slab) { lanes_->changed(name, slab); });
    if (setup_.options.loops > 1) sessions_.onForget([this](const std::string& name) { lanes_->forgotten(name); });
  }

  Result<void> begin() {
    auto listeners = listenTogether(setup_.listen, setup_.options.loops);
    if (!listeners) return listeners.error().in("--listen");
    const auto address = localAddress(listeners->front().get());
    if (!address) return address.error().in("--listen");
    port_ = address->port();
    if (auto begun = lanes_->begin(std::move(*listeners)); !begun) return begun;
    sessions_.start();
    metricsSource_ = context_.metrics.source([this] { metrics_.update(lanes_->counts()); });
    return {};
  }

  void stop(Task done) override {
    stopping_ = true;
    lanes_->stop(std::move(done));
  }
  [[nodiscard]] bool ready() const override { return sessions_.synced() && !stopping_; }
  [[nodiscard]] std::uint16_t port() const override { return port_; }

 private:
  role::Context context_;
  const Setup setup_;
  GatewayMetrics metrics_;
  k8s::Client client_;
  role::Sessions sessions_;
  std::unique_ptr<Lanes> lanes_;
  Metrics::Source metricsSource_;
  std::uint16_t port_ = 0;
  bool stopping_ = false;
};

}  // namespace

Result<std::unique_ptr<GatewayRole>> startGateway(role::Context context, Options options) {
  Result<Setup> setup = prepare(std::move(options));
  if (!setup) return setup.error();
  const Logger log = context.log;
  const std::string address = setup->listen.toString();
  const std::uint32_t loops = setup->options.loops;
  auto gateway = std::make_unique<Gateway>(std::move(context), std::move(*setup));
  if (auto begun = gateway->begin(); !begun) return begun.error();
  log.info("gateway is listening", {{"address", address}, {"port", gateway->port()}, {"loops", loops}});
  return std::unique_ptr<GatewayRole>(std::move(gateway));
}

Result<std::unique_ptr<role::Role>> start(role::Context context, Options options) {
  auto gateway = startGateway(std::move(context), std::move(options));
  if (!gateway) return gateway.error();
  return std::unique_ptr<role::Role>(std::move(*gateway));
}

}  // namespace spawner::gateway
