#pragma once
// Target: what one pod says to the sweeper that follows it.

#include <cstdint>
#include <string>
#include <vector>

#include "backend/status_patch.hpp"
#include "session/sweep_rule.hpp"
#include "spawner/backend.hpp"
#include "spawner/result.hpp"

namespace spawner::sweeper {

struct Target {
  enum class Phase { Starting, Running, Over };

  std::string ns;
  std::string slabName;
  backend::SweptPod pod;
  std::uint16_t adminPort = 0;
  bool serviceCheck = false;  // Ready needs a connection to the Service of its name
  Phase phase = Phase::Starting;
  bool deleting = false;
  session::SessionLimits limits;
  /// Why the application cannot become Ready, where the node knows (names::listensOnPortCondition); may be empty.
  std::string portMessage;
  /// Annotations that could not be read; the default stands in for them.
  std::vector<std::string> complaints;

  /// "ip:port" of the admin port, an IPv6 address in brackets.
  [[nodiscard]] std::string authority() const;
};

/// InvalidArgument for a pod that cannot be followed: no slab uid, no owner. An annotation that is missing or cannot be read is its
/// default, never 0 (the original's fault 9).
Result<Target> targetOf(const PodView& pod);

}  // namespace spawner::sweeper
