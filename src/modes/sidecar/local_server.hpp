#pragma once
// LocalServer: the local port, for the application: a busy lease, the wish to end, the state. Owner: the sidecar. Thread: the loop's.

#include <memory>

#include "base/log.hpp"
#include "http/front.hpp"
#include "http/router.hpp"
#include "modes/sidecar/options.hpp"
#include "session/sidecar_core.hpp"

namespace spawner::sidecar {

class LocalServer {
 public:
  LocalServer(Loop& loop, Logger log, const Options& options, session::SidecarCore& core);

  Result<void> start();
  [[nodiscard]] std::uint16_t port() const { return front_.port(); }
  [[nodiscard]] http::FrontStats frontStats() const { return front_.stats(); }

 private:
  void setBusy(http::Call& call);
  void serve(std::unique_ptr<http::Call> call);

  Logger log_;
  const Options& options_;
  session::SidecarCore& core_;
  http::Router router_;
  http::Front front_;
};

}  // namespace spawner::sidecar
