#include "modes/role/process.hpp"

namespace spawner::role {
namespace {

constexpr std::size_t maxBodyBytes = 1024;

http::FrontOptions opsOptions() {
  http::FrontOptions options;
  options.limits.maxConnections = 100;
  options.limits.maxUnsentBytes = 16 * 1024 * 1024;  // a scrape in one piece
  return options;
}

}  // namespace

OpsServer::OpsServer(Loop& loop, const Metrics& metrics, std::function<bool()> ready)
    : front_(loop, http::callHandler([this](std::unique_ptr<http::Call> call) { router_.handle(std::move(call)); }, maxBodyBytes),
             opsOptions()) {
  router_.add("GET", "/metrics", [&metrics](std::unique_ptr<http::Call> call, const http::PathParameters&) {
    http::Response response = http::Response::text(200, metrics.text());
    response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    call->respond(std::move(response));
  });
  router_.add("GET", "/healthz",
              [](std::unique_ptr<http::Call> call, const http::PathParameters&) { call->respond(http::Response::text(200, "ok\n")); });
  router_.add("GET", "/readyz", [ready = std::move(ready)](std::unique_ptr<http::Call> call, const http::PathParameters&) {
    call->respond(ready() ? http::Response::text(200, "ok\n") : http::Response::text(503, "not ready\n"));
  });
}

Result<void> OpsServer::listen(const std::string& address) {
  Result<SocketAddress> parsed = SocketAddress::parse(address);
  if (!parsed) return parsed.error().in("--metrics-listen " + address);
  if (Result<void> listening = front_.listen(*parsed); !listening) return listening.error().in("--metrics-listen " + address);
  return {};
}

}  // namespace spawner::role
