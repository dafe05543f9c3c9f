#pragma once
// The sweeper's rule: from a session's limits, its last report and when that came (the sweeper's own monotonic clock), what to do now and
// when to look again. Pure. It ends nothing: a command is decided by the sidecar.

#include <optional>
#include <string>

#include "session/commands.hpp"
#include "spawner/report.hpp"
#include "spawner/time.hpp"

namespace spawner::session {

struct SessionLimits {
  std::chrono::seconds grace{300};
  std::optional<std::chrono::seconds> maxLifetime;
  std::chrono::seconds startupTimeout{300};
  bool operator==(const SessionLimits&) const = default;
};

struct SeenReport {
  SidecarReport report;
  TimePoint receivedAt{};
};

/// A report older than this (three missed states) is not fresh: nothing follows from it any more, and the link counts as lost (P3).
inline constexpr Duration reportFreshness = std::chrono::seconds(15);

struct SweepStep {
  enum class Action {
    Nothing,
    Command,     // send `command` to the sidecar
    StateSwept,  // it is swept, whoever decided (P4): write the fact with `reason`
    FailStart,   // Running, and not Ready within the start limit by its own report: write Failed with reason StartTimeout
  };
  Action action = Action::Nothing;
  std::optional<SweepCommand> command;
  std::string reason;
  /// When the answer may change without a new report; nothing: only a report can change it.
  std::optional<TimePoint> lookAgain;
};

/// `readyTold`: when this sweeper itself told the world of Ready, if it did; `now` while it is still to be told. Nobody could come before:
/// a session that was never used is idle since then and no longer, whatever its sidecar counts (the sweeper may have been away while the
/// application began to listen).
SweepStep nextStep(const SessionLimits& limits, const std::optional<SeenReport>& seen, TimePoint now, Duration freshness = reportFreshness,
                   std::optional<TimePoint> readyTold = std::nullopt);

}  // namespace spawner::session
