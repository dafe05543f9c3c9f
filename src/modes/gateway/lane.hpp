#pragma once
// Lane: what one loop of a gateway serves with: its listening socket, its proxy, its waiting requests, and one request's way through them:
// dispatch → (session: known? Ready?) → run, hold, or answer. Lanes share nothing but the Setup, which never changes.

#include <cstdint>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "http/front.hpp"
#include "modes/gateway/answers.hpp"
#include "modes/gateway/directory.hpp"
#include "modes/gateway/held.hpp"
#include "modes/gateway/route.hpp"
#include "modes/gateway/setup.hpp"
#include "modes/role/h2c.hpp"
#include "proxy/proxy.hpp"

namespace spawner::gateway {

/// What a lane has done, and its levels.
struct LaneCounts {
  std::uint64_t toSession = 0, toApi = 0, pages = 0, waitingPages = 0, held = 0, refused = 0, failures = 0;
  std::uint64_t tooManyWaiting = 0, waitedTooLong = 0;
  std::size_t waiting = 0;
  http::FrontStats front;
  proxy::ProxyCounters proxy;
  http2::ServerStats http2;

  /// The sum of both.
  void add(const LaneCounts& other);
  bool operator==(const LaneCounts&) const = default;
};

/// Owner: Lanes. Thread: the loop's.
class Lane {
 public:
  using ExchangePtr = std::unique_ptr<http::Exchange>;
  /// `index`: which of the Setup's loops it is: its limits are that one's shares. Setup and directory outlive it.
  Lane(Loop& loop, const Setup& setup, std::size_t index, Directory& directory, const Logger& log);
  ~Lane();
  /// Serves a socket that listens.
  Result<void> begin(Fd listener);
  /// Something about the session changed, as Sessions::OnChange tells it: requests that wait for it go on.
  void changed(const std::string& name, const role::SlabPtr& slab);
  /// Ordered end; `done` runs in a later turn.
  void stop(Task done);
  /// As they are now.
  [[nodiscard]] LaneCounts counts() const;

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
  void timedOut(std::uint64_t id);
  // forward.cpp: to the upstreams
  void toSession(ExchangePtr exchange, const Route& route, const Slab& slab);
  void toApi(ExchangePtr exchange, const std::string& target);
  void sessionFailed(ExchangePtr exchange, const Route& route, const SidecarAnswer& sidecar, const proxy::Failure& failure);
  [[nodiscard]] proxy::RequestEdit edit(const http::RequestHead& head, const std::string& target, const std::string& prefix) const;

  void answer(ExchangePtr exchange, http::Response response);
  void refuse(ExchangePtr exchange, http::Response response);

  Loop& loop_;
  const Setup& setup_;
  Directory& directory_;
  LaneCounts counts_;                     // but for what is counted elsewhere: counts()
  const std::unique_ptr<role::H2c> h2c_;  // null without --h2c
  http::Front front_;                     // destroyed after those that hold its exchanges
  HeldExchanges held_;
  proxy::Proxy proxy_;
  bool stopping_ = false;
};

}  // namespace spawner::gateway
