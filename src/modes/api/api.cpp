#include "modes/api/api.hpp"

#include <utility>

#include "backend/decode.hpp"
#include "base/die.hpp"
#include "http/front.hpp"
#include "modes/api/api_impl.hpp"
#include "modes/api/openapi.hpp"

namespace spawner::api {

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

StatusStreamsOptions streamsOptions(const Options& options) {
  return StatusStreamsOptions{options.maxStreams, std::chrono::seconds(options.heartbeatSeconds)};
}

role::HostCheck hostCheck(const Options& options) {
  Result<role::HostCheck> check = role::HostCheck::make(options.allowedHosts);
  if (!check) die("api: " + check.error().message);  // start() refuses such options
  return std::move(*check);
}

}  // namespace

ApiImpl::ApiImpl(role::Context given, Options givenOptions)
    : context(std::move(given)),
      options(std::move(givenOptions)),
      hosts(hostCheck(options)),
      client(context.kube, std::chrono::seconds(options.kubeTimeoutSeconds)),
      sessions(context, client, sessionsOptions(options), backend::decodeSlab),
      streams(context.loop, streamsOptions(options), context.metrics),
      waiting(options.maxRequests),
      callMetrics(context.metrics),
      spawned(context.metrics.counter("spawner_api_spawns_total", "Spawns by outcome", {{"outcome", "made"}})),
      spawnFailed(context.metrics.counter("spawner_api_spawns_total", "Spawns by outcome", {{"outcome", "failed"}})),
      spawnSeconds(context.metrics.histogram("spawner_api_spawn_seconds", "Time from POST /spawn to its answer",
                                             {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20})) {
  sessions.onChange([this](const std::string& name, const role::SlabPtr& slab) { streams.changed(name, slab); });
  addRoutes();
}

void ApiImpl::addRoutes() {
  const auto add = [this](const char* method, const char* pattern, void (ApiImpl::*handler)(CallPtr, const Parameters&)) {
    router.add(method, pattern,
               [this, handler](CallPtr call, const Parameters& parameters) { (this->*handler)(std::move(call), parameters); });
  };
  add("POST", "/spawn", &ApiImpl::spawn);                         // (original)
  add("GET", "/backend/{name}/status", &ApiImpl::status);         // (original)
  add("GET", "/backend/{name}/status/stream", &ApiImpl::stream);  // (original)
  add("GET", "/backend/{name}/ready", &ApiImpl::readiness);       // (original)
  add("GET", "/backend/{name}", &ApiImpl::detail);
  add("DELETE", "/backend/{name}", &ApiImpl::remove);
  add("GET", "/backends", &ApiImpl::list);
  add("GET", "/healthz", &ApiImpl::health);
  add("GET", "/readyz", &ApiImpl::ready);
  add("GET", "/metrics", &ApiImpl::metricsText);
  router.add("GET", "/", [](CallPtr call, const Parameters&) {
    call->respond(http::Response::json(200, R"({"about":"Spawner's API","calls":"openapi.json","sessions":"backends"})"));
  });
  router.add("GET", "/openapi.json",
             [](CallPtr call, const Parameters&) { call->respond(http::Response::json(200, std::string(openapi))); });
}

void ApiImpl::handle(CallPtr call) {
  call = track(std::move(call), context.loop, callMetrics);
  const std::string_view path = call->head().path();
  // Probes come with the pod's address as Host.
  const bool probe = path == "/healthz" || path == "/readyz";
  if (!probe && !hosts.allows(call->head().host())) {
    call->respond(http::problem(421, "HostNotAllowed",
                                "this server does not answer for the host name \"" + role::hostName(call->head().host()) +
                                    "\"; if it should, its operator can allow it: --allowed-hosts; of spawner dev, --allow-host"));
    return;
  }
  router.handle(std::move(call));
}

void ApiImpl::health(CallPtr call, const Parameters&) { call->respond(http::Response::text(200, "ok\n")); }

void ApiImpl::ready(CallPtr call, const Parameters&) {
  if (sessions.synced()) return call->respond(http::Response::text(200, "ok\n"));
  call->respond(http::Response::text(503, "not ready: the first list of sessions has not come from Kubernetes yet\n"));
}

void ApiImpl::metricsText(CallPtr call, const Parameters&) {
  http::Response response = http::Response::text(200, context.metrics.text());
  response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  call->respond(std::move(response));
}

Api::Api(role::Context context, Options options) : impl_(std::make_unique<ApiImpl>(std::move(context), std::move(options))) {}
Api::~Api() = default;
void Api::start() { impl_->sessions.start(); }
void Api::handle(std::unique_ptr<http::Call> call) { impl_->handle(std::move(call)); }
bool Api::ready() const { return impl_->sessions.synced(); }
void Api::drain() { impl_->streams.drain(); }
std::size_t Api::streams() const { return impl_->streams.count(); }

}  // namespace spawner::api
