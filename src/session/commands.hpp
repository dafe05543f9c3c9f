#pragma once
// The sweep command: its body, its answer, and the decision. The condition is in the signed body; the sidecar alone decides whether it
// holds.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "spawner/report.hpp"
#include "spawner/result.hpp"

namespace spawner::session {

namespace reasons {  // API: status, Event, log, metric, 503 body
inline constexpr std::string_view idle = "Idle";
inline constexpr std::string_view maxLifetime = "MaxLifetime";
inline constexpr std::string_view shutdown = "Shutdown";
inline constexpr std::string_view startTimeout = "StartTimeout";
}  // namespace reasons

/// POST /_sweep. Exactly one condition:
///   {"idle_at_least_ms": N}                                unused for N ms; with "used": true also: was used at least once (grace period
///   0)
///   {"age_at_least_ms": M, "reason": "MaxLifetime"}        old enough, in use or not
///   {"shutdown_requested": true}                           the application asked for it, in use or not
struct SweepCommand {
  enum class Condition { Idle, Age, Shutdown };
  Condition condition = Condition::Idle;
  std::chrono::milliseconds atLeast{0};  // Idle, Age
  bool used = false;                     // Idle only
  std::string reason;                    // Idle: "Idle"; Shutdown: "Shutdown"; Age: as sent

  static SweepCommand idle(std::chrono::milliseconds atLeast, bool used);
  static SweepCommand age(std::chrono::milliseconds atLeast, std::string_view reason);
  static SweepCommand shutdown();
  bool operator==(const SweepCommand&) const = default;
};

std::string encodeSweep(const SweepCommand& command);
/// InvalidArgument for anything but exactly one known condition: an unknown field may be a condition, so it is refused, never skipped.
Result<SweepCommand> decodeSweep(std::string_view body);

/// True when the condition holds for the state. Pure; unread input is the caller's to look for.
bool holds(const SweepCommand& command, const SidecarReport& state);

/// The answer: 200 = swept, irrevocably, by this or an earlier command; 409 = not, and this is the state. Body: encodeReport(state).
struct SweepAnswer {
  int status = 409;
  SidecarReport state;
};

}  // namespace spawner::session
