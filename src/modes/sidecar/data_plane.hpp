#pragma once
// DataPlane: the serve port: every request to the application, counted from its first byte to its last; those before Ready wait, those
// after the sweep are refused. Owner: the sidecar. Thread: the loop's.

#include <functional>
#include <memory>
#include <optional>

#include "base/log.hpp"
#include "base/recycled.hpp"
#include "http/front.hpp"
#include "modes/role/h2c.hpp"
#include "modes/sidecar/listen_probe.hpp"
#include "modes/sidecar/listeners.hpp"
#include "modes/sidecar/options.hpp"
#include "modes/sidecar/waiting_room.hpp"
#include "proxy/proxy.hpp"
#include "session/sidecar_core.hpp"
#include "spawner/loop.hpp"

namespace spawner::sidecar {

class DataPlane {
 public:
  /// `events` serves GET /_events where options.eventsOnServePort; may be empty otherwise. `onReady` runs when the application is found to
  /// listen (also after a restart of ours).
  DataPlane(Loop& loop, Logger log, const Options& options, session::SidecarCore& core, http::Front::Handler events,
            std::function<void()> onReady);

  /// Opens the port and begins to look for the application.
  Result<void> start();
  [[nodiscard]] std::uint16_t port() const { return front_.port(); }
  /// True when a byte has come that is not counted as a use yet (fault 16).
  bool hasUnreadInput() { return front_.hasUnreadInput() || (h2c_ && h2c_->server.hasUnreadInput()); }
  /// New requests get 503 Draining, WebSockets are closed with 1001, what is in flight goes on.
  void drain();
  /// drain(), and no new connections; `done` when nothing is left, or when `limit` has passed and the rest was cut off.
  void stop(Duration limit, Task done);

  [[nodiscard]] const proxy::ProxyCounters& counters() const { return h2c_ ? h2c_->proxy.counters() : proxy_.counters(); }
  [[nodiscard]] http::FrontStats frontStats() const {
    http::FrontStats stats = front_.stats();
    if (h2c_) stats.add(h2c_->server.stats().limits);
    return stats;
  }
  /// Null where the application speaks HTTP/1.1.
  [[nodiscard]] const role::H2c* h2c() const { return h2c_.get(); }
  [[nodiscard]] WaitingRoom::Refused waitingRefused() const { return waiting_.refused(); }
  /// Where the application was found.
  [[nodiscard]] const std::optional<SocketAddress>& upstream() const { return upstream_; }

 private:
  std::unique_ptr<http::ExchangeToken> makeToken();
  void handle(std::unique_ptr<http::Exchange> exchange);
  void forward(std::unique_ptr<http::Exchange> exchange);
  void found(const SocketAddress& address);
  [[nodiscard]] bool ignored(std::string_view path) const;
  void checkStopped();

  Loop& loop_;
  Logger log_;
  const Options& options_;
  session::SidecarCore& core_;
  http::Front::Handler events_;
  std::function<void()> onReady_;
  ListenerFinder finder_;
  ListenProbe probe_;
  std::optional<SocketAddress> upstream_;
  const std::shared_ptr<RecycledBlocks> tokens_ = std::make_shared<RecycledBlocks>(64);  // as many as the front keeps exchanges
  WaitingRoom waiting_;
  proxy::Proxy proxy_;
  const std::unique_ptr<role::H2c> h2c_;
  http::Front front_;  // last: its exchanges go first
  bool draining_ = false, frontDone_ = false, proxyDone_ = false, http2Done_ = false;
  TimePoint started_;
  Task stopped_;
  Timer stopTimer_;
};

}  // namespace spawner::sidecar
