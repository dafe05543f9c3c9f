#include "modes/sidecar/admin_server.hpp"

#include "modes/sidecar/listen_on_all.hpp"
#include "session/protocol.hpp"
#include "spawner/names.hpp"

namespace spawner::sidecar {
namespace {

constexpr std::size_t maxBodyBytes = 4096;
constexpr std::size_t maxHolds = 16;
constexpr Duration holdPeriod = std::chrono::milliseconds(20);
constexpr Duration warningSpacing = std::chrono::seconds(10);

http::FrontOptions frontOptions(const Options& options) {
  http::FrontOptions of;
  of.limits.maxConnections = options.maxAdminConnections;
  of.limits.maxHeadBytes = 8 * 1024;
  of.limits.headTimeout = std::chrono::seconds(options.headTimeoutSeconds);
  of.limits.writeTimeout = std::chrono::seconds(options.writeTimeoutSeconds);
  of.limits.deadPeerLimit = std::chrono::seconds(options.deadPeerSeconds);
  of.limits.maxUnsentBytes = 64 * 1024;
  return of;
}

}  // namespace

AdminServer::AdminServer(Loop& loop, Logger log, const Options& options, session::Verifier verifier, session::SidecarCore& core,
                         EventStreams& events, Hooks hooks)
    : loop_(loop),
      log_(std::move(log)),
      options_(options),
      verifier_(std::move(verifier)),
      core_(core),
      events_(events),
      hooks_(std::move(hooks)),
      front_(loop, http::callHandler([this](std::unique_ptr<http::Call> call) { router_.handle(std::move(call)); }, maxBodyBytes),
             frontOptions(options)) {
  addSigned("GET", session::eventsPath, options.insecureAdmin,
            [this](std::unique_ptr<http::Call> call) { events_.serve(std::move(call)); });
  addSigned("POST", session::sweepPath, false, [this](std::unique_ptr<http::Call> call) { sweep(std::move(call)); });
  addSigned("POST", session::drainPath, false, [this](std::unique_ptr<http::Call> call) {
    log_.info("draining", {{"by", call->peer()}});
    hooks_.drain();
    call->respond(http::Response::json(202, session::encodeReport(core_.report())));
  });
  router_.add("GET", std::string(session::holdPath),
              [this](std::unique_ptr<http::Call> call, const http::PathParameters&) { hold(std::move(call)); });
  router_.add("GET", "/healthz",
              [](std::unique_ptr<http::Call> call, const http::PathParameters&) { call->respond(http::Response::text(200, "ok\n")); });
}

Result<void> AdminServer::start() {
  if (auto listening = listenOn(front_, options_.adminAddress, options_.adminPort, log_); !listening)
    return listening.error().in("--admin-port");
  return {};
}

void AdminServer::addSigned(const std::string& method, std::string_view path, bool openWithoutKey, Handler handler) {
  router_.add(method, std::string(path),
              [this, openWithoutKey, handler = std::move(handler)](std::unique_ptr<http::Call> call, const http::PathParameters&) {
                if (authorized(*call, openWithoutKey)) handler(std::move(call));
              });
}

bool AdminServer::authorized(http::Call& call, bool openWithoutKey) {
  if (options_.adminKeys.empty() && openWithoutKey) return true;
  const http::RequestHead& head = call.head();
  const auto sound = verifier_.verify(head.headers.get("Authorization"), head.method, head.target, call.body());
  if (sound) return true;
  ++unauthorized_;
  const TimePoint now = loop_.now();
  if (lastWarning_ == TimePoint{} || now - lastWarning_ >= warningSpacing) {
    lastWarning_ = now;
    log_.warn("an admin call was refused",
              {{"peer", call.peer()}, {"path", head.path()}, {"error", sound.error()}, {"refused_so_far", unauthorized_}});
  }
  http::Response response = http::problem(401, "Unauthorized", sound.error().message);
  response.headers.set("WWW-Authenticate", std::string(names::signatureScheme));
  call.respond(std::move(response));
  return false;
}

void AdminServer::sweep(std::unique_ptr<http::Call> call) {
  const auto command = session::decodeSweep(call->body());
  if (!command) return call->respond(http::problem(400, "InvalidSweep", command.error().message));
  const bool before = core_.swept().has_value();
  const session::SweepAnswer answer = core_.sweep(*command, hooks_.hasUnreadInput);
  if (answer.status == 200 && !before) log_.info("swept", {{"reason", *core_.swept()}, {"by", call->peer()}});
  call->respond(http::Response::json(answer.status, session::encodeReport(answer.state)));
}

void AdminServer::hold(std::unique_ptr<http::Call> call) {
  if (holds_.size() >= maxHolds) return call->respond(http::problem(503, "TooManyHolds", "too many calls hold already"));
  const auto entry = std::make_shared<Hold>(Hold{std::move(call), loop_.now() + std::chrono::seconds(options_.drainSeconds)});
  entry->call->onGone([this, weak = std::weak_ptr(entry)] {
    if (const auto gone = weak.lock()) holds_.remove(gone);
  });
  holds_.push_back(entry);
  checkHolds();
}

void AdminServer::endHolds() {
  for (const auto& entry : std::exchange(holds_, {}))
    entry->call->respond(http::Response::json(200, session::encodeReport(core_.report())));
  holdTimer_.cancel();
}

void AdminServer::checkHolds() {
  const bool idle = core_.activity().live() == 0;
  for (auto at = holds_.begin(); at != holds_.end();) {
    const auto entry = *at;
    if (!idle && entry->until > loop_.now()) {
      ++at;
      continue;
    }
    at = holds_.erase(at);
    entry->call->respond(http::Response::json(200, session::encodeReport(core_.report())));
  }
  if (holds_.empty()) return holdTimer_.cancel();
  holdTimer_ = loop_.after(holdPeriod, [this] { checkHolds(); });
}

}  // namespace spawner::sidecar
