#include "modes/sidecar/local_server.hpp"

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "modes/sidecar/listen_on_all.hpp"
#include "session/protocol.hpp"

namespace spawner::sidecar {
namespace {

constexpr std::size_t maxBodyBytes = 4096;

http::FrontOptions frontOptions(const Options& options) {
  http::FrontOptions of;
  of.limits.maxConnections = options.maxAdminConnections;
  of.limits.maxHeadBytes = 8 * 1024;
  of.limits.headTimeout = std::chrono::seconds(options.headTimeoutSeconds);
  of.limits.writeTimeout = std::chrono::seconds(options.writeTimeoutSeconds);
  of.limits.maxUnsentBytes = 64 * 1024;
  return of;
}

}  // namespace

LocalServer::LocalServer(Loop& loop, Logger log, const Options& options, session::SidecarCore& core)
    : log_(std::move(log)),
      options_(options),
      core_(core),
      front_(loop, http::callHandler([this](std::unique_ptr<http::Call> call) { serve(std::move(call)); }, maxBodyBytes),
             frontOptions(options)) {
  const auto add = [this](const char* method, const char* path, auto handler) {
    router_.add(method, path, [handler](std::unique_ptr<http::Call> call, const http::PathParameters&) { handler(*call); });
  };
  add("PUT", "/busy", [this](http::Call& call) { setBusy(call); });
  add("DELETE", "/busy", [this](http::Call& call) {
    core_.clearBusy();
    call.respond(http::Response{.status = 204, .headers = {}, .body = {}});
  });
  add("POST", "/shutdown", [this](http::Call& call) {
    if (!core_.shutdownRequested()) log_.info("the application asks to be ended");
    core_.requestShutdown();
    call.respond(http::Response::json(202, session::encodeReport(core_.report())));
  });
  add("GET", "/state", [this](http::Call& call) { call.respond(http::Response::json(200, session::encodeReport(core_.report()))); });
  add("GET", "/healthz", [](http::Call& call) { call.respond(http::Response::text(200, "ok\n")); });
}

Result<void> LocalServer::start() {
  if (auto listening = listenOn(front_, options_.localAddress, options_.localPort, log_); !listening)
    return listening.error().in("--local-port");
  return {};
}

void LocalServer::serve(std::unique_ptr<http::Call> call) {
  // On a laptop (`spawner dev`) a page in a browser could send a simple POST here; an application's own client sends neither of these.
  const http::Headers& headers = call->head().headers;
  if (headers.has("Origin") || headers.has("Sec-Fetch-Site"))
    return call->respond(http::problem(403, "BrowserRefused", "this port is for the application, not for pages in a browser"));
  router_.handle(std::move(call));
}

void LocalServer::setBusy(http::Call& call) {
  const auto text = http::queryParameter(call.head().query(), "seconds");
  const auto seconds = text ? parseUnsigned(*text) : std::nullopt;
  if (!seconds) return call.respond(http::problem(400, "InvalidSeconds", "PUT /busy?seconds=N needs a whole number of seconds, 1 to 3600"));
  const auto left = core_.setBusy(*seconds);
  if (!left) {
    const bool gone = left.error().kind == ErrorKind::Gone;
    return call.respond(http::problem(gone ? 410 : 400, gone ? "Ended" : "InvalidSeconds", left.error().message));
  }
  call.respond(http::Response::json(200, nlohmann::json{{"busy_seconds", left->count()}}.dump()));
}

}  // namespace spawner::sidecar
