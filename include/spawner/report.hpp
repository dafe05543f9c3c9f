#pragma once
// SidecarReport: what a sidecar says of its session, on GET /_events. The only thing that can end a session is a fresh one of these (P3).

#include <cstdint>
#include <optional>
#include <string>

#include "spawner/time.hpp"

namespace spawner {

struct SidecarReport {
  /// Protocol version ("v"); 1.
  int version = 1;
  /// The pod's own uid ("pod_uid"): a reader that expects another has reached a reused address.
  std::string podUid;
  /// The application listens ("ready").
  bool ready = false;
  /// Requests and upgraded connections that have begun and not ended ("live_connections").
  std::uint32_t liveConnections = 0;
  /// The application holds a busy lease ("busy"): in use even without a connection.
  bool busy = false;
  /// It was in use at least once since Ready ("used"): with a grace period of 0 a session ends after its last use, never before the first.
  bool used = false;
  /// Time unused on the sidecar's monotonic clock ("idle_ms"); absent while in use or before Ready.
  std::optional<std::chrono::milliseconds> idle;
  /// Time since the session's sidecar first started ("age_ms").
  std::chrono::milliseconds age{0};
  /// The reason of a decided sweep ("swept": {"reason": ...}); irrevocable.
  std::optional<std::string> sweptReason;
  /// The application asked to be ended ("shutdown_requested").
  bool shutdownRequested = false;

  [[nodiscard]] bool inUse() const { return liveConnections > 0 || busy; }
  bool operator==(const SidecarReport&) const = default;
};

}  // namespace spawner
