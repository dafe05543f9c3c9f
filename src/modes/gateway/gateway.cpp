#include "modes/gateway/gateway.hpp"

#include <fcntl.h>

#include <array>
#include <utility>

#include "backend/decode.hpp"
#include "base/text.hpp"
#include "modes/gateway/answers.hpp"
#include "modes/gateway/gateway_impl.hpp"

namespace spawner::gateway {

namespace {

constexpr std::size_t maxLandingBytes = 1024 * 1024;

Error badOption(std::string message) { return Error{ErrorKind::InvalidArgument, std::move(message), std::nullopt}; }

Result<std::string> readLandingPage(const std::string& path) {
  const std::string what = "--landing-page " + path;
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return systemError(what, errno);
  std::string text;
  std::array<char, 16 * 1024> buffer{};
  for (;;) {
    const IoResult got = readSome(file.get(), buffer);
    if (got.kind == IoResult::Kind::End) return text;
    if (got.kind != IoResult::Kind::Bytes) return systemError(what, got.errnoValue);
    text.append(buffer.data(), got.bytes);
    if (text.size() > maxLandingBytes) return badOption(what + " is larger than 1 MiB");
  }
}

Result<std::vector<std::string>> domainsOf(const std::vector<std::string>& given) {
  std::vector<std::string> domains;
  for (const std::string& domain : given) {
    std::string name = toLower(domain);
    if (name.starts_with('.')) name.erase(0, 1);
    if (name.empty() || name.find_first_of(":/*@ ") != std::string::npos || name.ends_with('.'))
      return badOption("--domain \"" + domain + "\" is not a domain name (without a port)");
    domains.push_back(std::move(name));
  }
  return domains;
}

Result<void> check(const Options& options) {
  if (options.ns.empty()) return badOption("--namespace must not be empty");
  if (options.kubeTimeoutSeconds == 0) return badOption("--kube-timeout-seconds must be at least 1");
  if (options.connectTimeoutSeconds == 0) return badOption("--connect-timeout-seconds must be at least 1");
  if (options.headTimeoutSeconds == 0) return badOption("--head-timeout-seconds must be at least 1");
  if (!options.landingPage.empty() && !options.landingImage.empty())
    return badOption("--landing-page and --landing-image exclude each other: the image is for the built-in page");
  if (auto sound = role::check(options); !sound) return sound;
  if (!options.landingImage.empty() && options.apiUpstream.empty())
    return badOption("--landing-image needs --api-upstream: its button asks the API");
  return {};
}

role::SessionsOptions sessionsOptions(const Options& options) {
  role::SessionsOptions sessions;
  sessions.ns = options.ns;
  sessions.prefix = options.servicePrefix;
  sessions.rememberEnds = std::chrono::seconds(options.rememberEndsSeconds);
  sessions.rememberEndsMax = options.rememberEndsMax;
  sessions.lookupsPerSecond = options.lookupsPerSecond;
  return sessions;
}

proxy::ProxyOptions proxyOptions(const Options& options) {
  proxy::ProxyOptions proxy = role::proxyOptions(options);
  proxy.pool.maxIdlePerAddress = options.poolSizePerSession;
  return proxy;
}

}  // namespace

Result<Setup> prepare(Options options) {
  if (auto checked = check(options); !checked) return checked.error();
  Setup setup;
  auto domains = domainsOf(options.domains);
  if (!domains) return domains.error();
  options.domains = std::move(*domains);
  auto hosts = role::HostCheck::make(options.allowedHosts);
  if (!hosts) return hosts.error().in("--allowed-hosts");
  setup.hosts = std::move(*hosts);
  auto address = SocketAddress::parse(options.listen);
  if (!address) return address.error().in("--listen");
  setup.listen = *address;
  if (!options.apiUpstream.empty()) {
    auto api = SocketAddress::parse(options.apiUpstream);
    if (!api) return api.error().in("--api-upstream");
    setup.api = *api;
  }
  if (options.landingPage.empty()) {
    setup.landing = landing(options);
  } else {
    auto page = readLandingPage(options.landingPage);
    if (!page) return page.error();
    setup.landing = http::Response::html(200, std::move(*page));
  }
  setup.options = std::move(options);
  return setup;
}

GatewayMetrics::GatewayMetrics(Metrics& metrics)
    : waiting(metrics.gauge("spawner_gateway_waiting", "Requests that wait for their session")),
      tunnels(metrics.gauge("spawner_gateway_tunnels", "Upgraded connections open")),
      exchanges(metrics.gauge("spawner_gateway_exchanges", "Requests being forwarded")),
      front(metrics, "gateway"),
      proxy(metrics) {
  const auto requests = [&metrics](const char* outcome) {
    return metrics.counter("spawner_gateway_requests_total", "Requests by what became of them", {{"outcome", outcome}});
  };
  toSession = requests("session");
  toApi = requests("api");
  pages = requests("landing");
  waitingPages = requests("waiting_page");
  held = requests("held");
  refused = requests("refused");
  const auto waitingRefused = [&metrics](const char* reason) {
    return metrics.counter("spawner_waiting_refused_total", "Requests that came too early for their session, and were refused",
                           {{"reason", reason}});
  };
  tooManyWaiting = waitingRefused("TooManyWaiting");
  waitedTooLong = waitingRefused("WaitedTooLong");
  failures = metrics.counter("spawner_gateway_upstream_failures_total", "Forwarded requests that got no answer");
}

Gateway::Gateway(role::Context context, Setup setup)
    : context_(std::move(context)),
      setup_(std::move(setup)),
      metrics_(context_.metrics),
      client_(context_.kube, std::chrono::seconds(setup_.options.kubeTimeoutSeconds)),
      front_(context_.loop, [this](ExchangePtr exchange) { dispatch(std::move(exchange)); },
             {.limits = role::frontLimits(setup_.options), .makeToken = {}}),
      held_(setup_.options.maxWaiting),
      proxy_(context_.loop, proxyOptions(setup_.options), context_.log),
      sessions_(context_, client_, sessionsOptions(setup_.options), backend::decodeSlab) {
  sessions_.onChange([this](const std::string& name, const role::SlabPtr& slab) { changed(name, slab); });
}

Gateway::~Gateway() = default;

Result<void> Gateway::begin() {
  if (auto listening = front_.listen(setup_.listen); !listening) return listening.error().in("--listen");
  sessions_.start();
  metricsSource_ = context_.metrics.source([this] { publish(); });
  return {};
}

/// Front and proxy count in plain numbers.
void Gateway::publish() {
  metrics_.waiting.set(static_cast<double>(held_.count()));
  metrics_.tunnels.set(static_cast<double>(proxy_.counters().tunnels));
  metrics_.exchanges.set(static_cast<double>(proxy_.counters().active));
  metrics_.front.update(front_.stats());
  metrics_.proxy.update(proxy_.counters());
}

void Gateway::stop(Task done) {
  stopping_ = true;
  for (const std::uint64_t id : held_.all()) {
    Held held = held_.take(id);
    if (!held.exchange) continue;
    auto response = busy(held.exchange->head(), "Stopping", "This gateway is being restarted. Try again.");
    refuse(std::move(held.exchange), std::move(response));
  }
  // Both must be over: answers under way in the front, tunnels in the proxy.
  struct Both {
    Task done;
    int left = 2;
  };
  auto both = std::make_shared<Both>(Both{std::move(done)});
  const auto over = [both] {
    if (--both->left == 0) both->done();
  };
  front_.drain(over);
  proxy_.drain(over);
}

Result<std::unique_ptr<GatewayRole>> startGateway(role::Context context, Options options) {
  Result<Setup> setup = prepare(std::move(options));
  if (!setup) return setup.error();
  const Logger log = context.log;
  const std::string address = setup->listen.toString();
  auto gateway = std::make_unique<Gateway>(std::move(context), std::move(*setup));
  if (auto begun = gateway->begin(); !begun) return begun.error();
  log.info("gateway is listening", {{"address", address}, {"port", gateway->port()}});
  return std::unique_ptr<GatewayRole>(std::move(gateway));
}

Result<std::unique_ptr<role::Role>> start(role::Context context, Options options) {
  auto gateway = startGateway(std::move(context), std::move(options));
  if (!gateway) return gateway.error();
  return std::unique_ptr<role::Role>(std::move(*gateway));
}

}  // namespace spawner::gateway
