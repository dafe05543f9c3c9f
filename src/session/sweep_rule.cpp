#include "session/sweep_rule.hpp"

#include <algorithm>

namespace spawner::session {
namespace {

using Action = SweepStep::Action;

SweepStep send(SweepCommand command) { return SweepStep{Action::Command, std::move(command), {}, std::nullopt}; }

}  // namespace

SweepStep nextStep(const SessionLimits& limits, const std::optional<SeenReport>& seen, TimePoint now, Duration freshness,
                   std::optional<TimePoint> readyTold) {
  if (!seen) return {};
  const SidecarReport& report = seen->report;
  // Irrevocable, hence true however old the report is.
  if (report.sweptReason) return SweepStep{Action::StateSwept, std::nullopt, *report.sweptReason, std::nullopt};

  const Duration elapsed = std::max(Duration::zero(), now - seen->receivedAt);
  if (elapsed >= freshness) return {};
  if (report.shutdownRequested) return send(SweepCommand::shutdown());

  // How long until a limit is reached if no report says otherwise.
  std::optional<Duration> left;
  if (limits.maxLifetime) {
    const Duration untilOld = *limits.maxLifetime - (report.age + elapsed);
    if (untilOld <= Duration::zero()) return send(SweepCommand::age(*limits.maxLifetime, reasons::maxLifetime));
    left = untilOld;
  }
  // Only what the sidecar itself says can fail a start: its age is not extrapolated.
  if (!report.ready && report.age >= limits.startupTimeout)
    return SweepStep{Action::FailStart, std::nullopt, std::string(reasons::startTimeout), std::nullopt};

  const bool afterUseOnly = limits.grace == std::chrono::seconds(0);
  if (report.ready && !report.inUse() && report.idle && (report.used || !afterUseOnly)) {
    Duration idle = *report.idle + elapsed;
    if (readyTold && !report.used) idle = std::min(idle, now - *readyTold);
    const Duration untilIdle = limits.grace - idle;
    if (untilIdle <= Duration::zero()) return send(SweepCommand::idle(limits.grace, afterUseOnly));
    left = left ? std::min(*left, untilIdle) : untilIdle;
  }
  // A report comes before it goes stale, or the link is lost: no need to look again later than that.
  if (!left || elapsed + *left >= freshness) return {};
  return SweepStep{Action::Nothing, std::nullopt, {}, now + *left};
}

}  // namespace spawner::session
