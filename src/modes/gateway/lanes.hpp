#pragma once
// Lanes: all lanes of a gateway as its control part sees them: one on the same loop, or several, each on a thread of its own.

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "loop/socket.hpp"
#include "modes/gateway/lane.hpp"
#include "modes/role/role.hpp"
#include "modes/role/sessions.hpp"

namespace spawner::gateway {

/// Owner: the gateway. Thread: the control loop's. Destroyed: no lane runs any more, what was open is closed.
class Lanes {
 public:
  virtual ~Lanes() = default;
  /// Each lane serves one of these sockets, which listen.
  virtual Result<void> begin(std::vector<Fd> listeners) = 0;
  /// As Sessions::OnChange and Sessions::OnForget tell it.
  virtual void changed(const std::string& name, const role::SlabPtr& slab) = 0;
  virtual void forgotten(const std::string& name) = 0;
  /// By lane. As they are now, of a lane on another loop as they were when it told them last, a second ago at most.
  [[nodiscard]] virtual std::vector<LaneCounts> counts() const = 0;
  /// Ordered end of all; `done` runs in a later turn.
  virtual void stop(Task done) = 0;
};

/// What both kinds are made of. All of it outlives them.
struct LanesContext {
  role::Context& context;
  const Setup& setup;
  role::Sessions& sessions;
};
/// One lane on the control loop itself: no threads, no copies.
std::unique_ptr<Lanes> oneLane(const LanesContext& context);
/// Setup's loops many, each on its own thread.
std::unique_ptr<Lanes> laneThreads(const LanesContext& context);

}  // namespace spawner::gateway
