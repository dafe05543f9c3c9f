#include "modes/sidecar/data_plane.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "modes/sidecar/listen_on_all.hpp"
#include "proxy/respond.hpp"
#include "session/protocol.hpp"

namespace spawner::sidecar {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// The in-use guard of one request or upgraded connection (P1), in recycled memory.
class UseToken final : public http::ExchangeToken {
 public:
  static std::unique_ptr<UseToken> make(std::shared_ptr<RecycledBlocks> blocks, session::SidecarCore::Guard of) {
    void* const block = blocks->take(sizeof(UseToken));
    return std::unique_ptr<UseToken>(::new (block) UseToken(std::move(blocks), std::move(of)));
  }
  static void operator delete(UseToken* self, std::destroying_delete_t) {
    const auto blocks = std::move(self->blocks_);
    self->~UseToken();
    blocks->give(self);
  }
  session::SidecarCore::Guard guard;

 private:
  UseToken(std::shared_ptr<RecycledBlocks>&& blocks, session::SidecarCore::Guard&& of) : guard(std::move(of)), blocks_(std::move(blocks)) {}
  std::shared_ptr<RecycledBlocks> blocks_;
};

void refuse(std::unique_ptr<http::Exchange> exchange, std::string_view reason, std::string_view detail, bool again) {
  http::Response response = proxy::ownAnswer(503, reason, detail);
  if (again) response.headers.set("Retry-After", "1");
  proxy::respond(std::move(exchange), std::move(response));
}

/// A gateway's news of a pod may be old, and the pod's address another's by now. For this one that is no use.
void refuseOther(std::unique_ptr<http::Exchange> exchange) {
  if (auto* token = static_cast<UseToken*>(exchange->token())) token->guard.ignore();
  refuse(std::move(exchange), "OtherPod", "the request is for another pod, whose address this one has now", true);
}

void refuseSwept(std::unique_ptr<http::Exchange> exchange, const std::string& reason) {
  refuse(std::move(exchange), reason, "this session has ended: " + reason, false);
}

}  // namespace

DataPlane::DataPlane(Loop& loop, Logger log, const Options& options, session::SidecarCore& core, http::Front::Handler events,
                     std::function<void()> onReady)
    : loop_(loop),
      log_(std::move(log)),
      options_(options),
      core_(core),
      events_(std::move(events)),
      onReady_(std::move(onReady)),
      probe_(
          loop, [this] { return finder_.find(options_.upstreamPort); }, [this](const SocketAddress& address) { found(address); }),
      waiting_(loop, options.maxWaiting, seconds(options.readyWaitSeconds),
               [&core](std::unique_ptr<http::Exchange> exchange) {
                 if (const auto& reason = core.swept()) return refuseSwept(std::move(exchange), *reason);
                 refuse(std::move(exchange), "NotReady", "the application does not listen yet", true);
               }),
      proxy_(loop, role::proxyOptions(options), log_),
      h2c_(options.upstreamProtocol == names::h2cProtocol
               ? std::make_unique<role::H2c>(
                     loop, log_, options, role::proxyOptions(options),
                     [this](std::unique_ptr<http::Exchange> exchange) { handle(std::move(exchange)); }, [this] { return makeToken(); })
               : nullptr),
      front_(loop, [this](std::unique_ptr<http::Exchange> exchange) { handle(std::move(exchange)); },
             {.limits = role::frontLimits(options),
              .makeToken = [this] { return makeToken(); },
              .onHttp2 = h2c_ ? [this](http::Upgraded connection) { h2c_->server.adopt(std::move(connection)); }
                              : std::function<void(http::Upgraded)>()}),
      started_(loop.now()) {}

Result<void> DataPlane::start() {
  if (auto listening = listenOn(front_, options_.serveAddress, options_.servePort, log_); !listening)
    return listening.error().in("--serve-port");
  probe_.start();
  return {};
}

std::unique_ptr<http::ExchangeToken> DataPlane::makeToken() {
  auto guard = core_.admit();
  if (!guard) return nullptr;
  return UseToken::make(tokens_, std::move(*guard));
}

bool DataPlane::ignored(std::string_view path) const {
  if (options_.eventsOnServePort && path == session::eventsPath) return true;
  return std::find(options_.ignorePaths.begin(), options_.ignorePaths.end(), path) != options_.ignorePaths.end();
}

void DataPlane::handle(std::unique_ptr<http::Exchange> exchange) {
  const std::string_view path = exchange->head().path();
  if (const auto pod = exchange->head().headers.get(http::FieldName::SpawnerPod);
      !pod.empty() && !options_.podUid.empty() && pod != options_.podUid)
    return refuseOther(std::move(exchange));
  if (auto* token = static_cast<UseToken*>(exchange->token()); token != nullptr && ignored(path)) token->guard.ignore();
  if (options_.eventsOnServePort && path == session::eventsPath) return events_(std::move(exchange));
  if (const auto& reason = core_.swept()) return refuseSwept(std::move(exchange), *reason);
  if (draining_) return refuse(std::move(exchange), "Draining", "this session is being ended", true);
  if (h2c_ && http2::Server::wantsUpgrade(exchange->head())) return h2c_->server.upgrade(std::move(exchange));
  if (!upstream_) return waiting_.add(std::move(exchange));
  forward(std::move(exchange));
}

void DataPlane::forward(std::unique_ptr<http::Exchange> exchange) {
  proxy::Target target;
  target.address = *upstream_;
  target.edit.trustForwarded = !options_.noTrustForwarded;
  target.onFailure = [this](std::unique_ptr<http::Exchange> failed, const proxy::Failure& failure) {
    // An application that was restarted may listen elsewhere now.
    if (failure.kind == proxy::FailureKind::ConnectFailed)
      if (const auto address = finder_.find(options_.upstreamPort)) upstream_ = address;
    proxy::respond(std::move(failed), proxy::failureResponse(failure));
  };
  if (h2c_) return h2c_->proxy.run(std::move(exchange), std::move(target));
  proxy_.run(std::move(exchange), std::move(target));
}

void DataPlane::found(const SocketAddress& address) {
  upstream_ = address;
  const auto took = std::chrono::duration_cast<milliseconds>(loop_.now() - started_).count();
  log_.info("the application listens", {{"address", address.toString()}, {"found_by", toString(finder_.way())}, {"after_ms", took}});
  onReady_();
  waiting_.release([this](std::unique_ptr<http::Exchange> exchange) { handle(std::move(exchange)); });
}

void DataPlane::drain() {
  if (draining_) return;
  draining_ = true;
  const auto proxyDone = [this] {
    proxyDone_ = true;
    checkStopped();
  };
  if (h2c_) {
    h2c_->server.drain({});
    h2c_->proxy.drain(proxyDone);
  } else {
    proxy_.drain(proxyDone);
  }
  waiting_.release([this](std::unique_ptr<http::Exchange> exchange) { handle(std::move(exchange)); });
}

void DataPlane::stop(Duration limit, Task done) {
  stopped_ = std::move(done);
  drain();
  front_.drain([this] {
    frontDone_ = true;
    checkStopped();
  });
  if (h2c_) {
    h2c_->server.drain([this] {
      http2Done_ = true;
      checkStopped();
    });
  }
  stopTimer_ = loop_.after(limit, [this] {
    log_.warn("what was in flight is cut off", {{"exchanges", counters().active}, {"tunnels", counters().tunnels}});
    proxy_.abortAll();
    if (h2c_) {
      h2c_->proxy.abortAll();
      h2c_->server.closeAll();
    }
    if (stopped_) loop_.post(std::exchange(stopped_, nullptr));
  });
}

void DataPlane::checkStopped() {
  if (!stopped_ || !frontDone_ || !proxyDone_ || (h2c_ && !http2Done_)) return;
  stopTimer_.cancel();
  loop_.post(std::exchange(stopped_, nullptr));
}

}  // namespace spawner::sidecar
