#pragma once
// AdminServer: the admin port: signed events and commands for the sweeper, the kubelet's hold, health. Owner: the sidecar.
// Thread: the loop's.

#include <functional>
#include <list>
#include <memory>

#include "base/log.hpp"
#include "http/call.hpp"
#include "http/front.hpp"
#include "http/router.hpp"
#include "modes/sidecar/event_streams.hpp"
#include "modes/sidecar/options.hpp"
#include "session/sidecar_core.hpp"
#include "session/signature.hpp"

namespace spawner::sidecar {

class AdminServer {
 public:
  struct Hooks {
    std::function<bool()> hasUnreadInput;
    std::function<void()> drain;
  };
  AdminServer(Loop& loop, Logger log, const Options& options, session::Verifier verifier, session::SidecarCore& core, EventStreams& events,
              Hooks hooks);

  Result<void> start();
  [[nodiscard]] std::uint16_t port() const { return front_.port(); }
  [[nodiscard]] http::FrontStats frontStats() const { return front_.stats(); }
  /// Nothing is in flight any more, or the time is over: whoever holds is told.
  void endHolds();
  /// Calls refused for a missing or wrong signature.
  [[nodiscard]] std::uint64_t unauthorized() const { return unauthorized_; }

 private:
  using Handler = std::function<void(std::unique_ptr<http::Call>)>;
  struct Hold {
    std::unique_ptr<http::Call> call;
    TimePoint until;
  };
  void addSigned(const std::string& method, std::string_view path, bool openWithoutKey, Handler handler);
  [[nodiscard]] bool authorized(http::Call& call, bool openWithoutKey);
  void sweep(std::unique_ptr<http::Call> call);
  void hold(std::unique_ptr<http::Call> call);
  void checkHolds();

  Loop& loop_;
  Logger log_;
  const Options& options_;
  session::Verifier verifier_;
  session::SidecarCore& core_;
  EventStreams& events_;
  Hooks hooks_;
  http::Router router_;
  http::Front front_;
  std::list<std::shared_ptr<Hold>> holds_;
  Timer holdTimer_;
  std::uint64_t unauthorized_ = 0;
  TimePoint lastWarning_{};
};

}  // namespace spawner::sidecar
