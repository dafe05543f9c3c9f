#include "session/sweep_rule.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using spawner::SidecarReport;
using spawner::TimePoint;
using namespace spawner::session;

namespace {

using Action = SweepStep::Action;

const TimePoint t0(1000s);

SidecarReport idleFor(std::chrono::milliseconds idle) {
  SidecarReport report;
  report.podUid = "uid-1";
  report.ready = true;
  report.idle = idle;
  report.age = idle + 10s;
  report.used = true;
  return report;
}

SweepStep step(const SessionLimits& limits, const SidecarReport& report, std::chrono::milliseconds later) {
  return nextStep(limits, SeenReport{report, t0}, t0 + later);
}

}  // namespace

TEST_CASE("rule: nothing is known, nothing is done", "[session]") {
  const SweepStep got = nextStep({}, std::nullopt, t0);
  CHECK(got.action == Action::Nothing);
  CHECK_FALSE(got.lookAgain);
}

TEST_CASE("rule: idle time goes on between reports, and the command comes at the grace period", "[session]") {
  const SessionLimits limits{300s, std::nullopt, 300s};
  SweepStep got = step(limits, idleFor(295s), 0s);
  CHECK(got.action == Action::Nothing);
  CHECK(got.lookAgain == t0 + 5s);
  got = step(limits, idleFor(295s), 4999ms);
  CHECK(got.action == Action::Nothing);
  CHECK(got.lookAgain == t0 + 5s);
  got = step(limits, idleFor(295s), 5s);
  REQUIRE(got.action == Action::Command);
  CHECK(*got.command == SweepCommand::idle(300s, false));
  // Far from it, a report comes first: no timer.
  CHECK_FALSE(step(limits, idleFor(100s), 0s).lookAgain);
}

TEST_CASE("rule, fault 07: a report that is not fresh ends nothing, however idle it was", "[session]") {
  const SessionLimits limits{300s, 3600s, 300s};
  CHECK(step(limits, idleFor(400s), 14'999ms).action == Action::Command);
  for (const auto later : {15'000ms, 60'000ms, 86'400'000ms}) {
    const SweepStep got = step(limits, idleFor(400s), later);
    CHECK(got.action == Action::Nothing);
    CHECK_FALSE(got.lookAgain);
  }
  SidecarReport old = idleFor(1s);
  old.age = 5000s;
  CHECK(step(limits, old, 1s).action == Action::Command);
  CHECK(step(limits, old, 15s).action == Action::Nothing);
  old.shutdownRequested = true;
  CHECK(step(limits, old, 15s).action == Action::Nothing);
}

TEST_CASE("rule: in use is never idle", "[session]") {
  const SessionLimits limits{0s, std::nullopt, 300s};
  SidecarReport live = idleFor(0s);
  live.idle.reset();
  live.liveConnections = 1;
  CHECK(step(limits, live, 14s).action == Action::Nothing);
  SidecarReport busy = live;
  busy.liveConnections = 0;
  busy.busy = true;
  CHECK(step(limits, busy, 14s).action == Action::Nothing);
  // Even a report that contradicts itself.
  live.idle = 500s;
  CHECK(step(limits, live, 14s).action == Action::Nothing);
}

TEST_CASE("rule: grace period 0 waits for the first use and asks for it in the command", "[session]") {
  const SessionLimits limits{0s, std::nullopt, 300s};
  SidecarReport report = idleFor(500s);
  report.used = false;
  CHECK(step(limits, report, 1s).action == Action::Nothing);
  CHECK_FALSE(step(limits, report, 1s).lookAgain);
  report.used = true;
  const SweepStep got = step(limits, report, 0s);
  REQUIRE(got.action == Action::Command);
  CHECK(*got.command == SweepCommand::idle(0s, true));
  // With a grace period, idle time counts from Ready, used or not.
  report.used = false;
  CHECK(step({300s, std::nullopt, 300s}, report, 0s).command == SweepCommand::idle(300s, false));
}

TEST_CASE("rule: maximum lifetime ends what is in use, too, by the sidecar's own age", "[session]") {
  const SessionLimits limits{300s, 3600s, 300s};
  SidecarReport live;
  live.ready = true;
  live.liveConnections = 3;
  live.age = 3595s;
  CHECK(step(limits, live, 0s).lookAgain == t0 + 5s);
  CHECK(step(limits, live, 4999ms).action == Action::Nothing);
  const SweepStep got = step(limits, live, 5s);
  REQUIRE(got.action == Action::Command);
  CHECK(*got.command == SweepCommand::age(3600s, "MaxLifetime"));
  // The earlier of two limits decides when to look again.
  SidecarReport idle = idleFor(298s);
  idle.age = 3599s;
  CHECK(step(limits, idle, 0s).lookAgain == t0 + 1s);
}

TEST_CASE("rule: shutdown goes through the same door", "[session]") {
  SidecarReport live;
  live.ready = true;
  live.liveConnections = 3;
  live.shutdownRequested = true;
  CHECK(step({}, live, 0s).command == SweepCommand::shutdown());
}

TEST_CASE("rule, fault 16: what is swept is stated, whoever decided and however old the report", "[session]") {
  SidecarReport swept = idleFor(1s);
  swept.sweptReason = "MaxLifetime";
  const SweepStep got = step({}, swept, 1h);
  CHECK(got.action == Action::StateSwept);
  CHECK(got.reason == "MaxLifetime");
}

TEST_CASE("rule: only a report that says so fails a start", "[session]") {
  const SessionLimits limits{300s, std::nullopt, 60s};
  SidecarReport starting;
  starting.age = 59'999ms;
  CHECK(step(limits, starting, 14s).action == Action::Nothing);  // not extrapolated
  starting.age = 60s;
  const SweepStep got = step(limits, starting, 0s);
  CHECK(got.action == Action::FailStart);
  CHECK(got.reason == "StartTimeout");
  CHECK(step(limits, starting, 15s).action == Action::Nothing);
  starting.ready = true;
  starting.idle = 0ms;
  CHECK(step(limits, starting, 0s).action == Action::Nothing);
}

TEST_CASE("rule: the longest periods there are do not overflow", "[session]") {
  const SessionLimits limits{4'294'967'295s, 4'294'967'295s, 4'294'967'295s};
  CHECK(step(limits, idleFor(4'294'967'284s), 0s).lookAgain == t0 + 1s);
  CHECK(step(limits, idleFor(0s), 0s).action == Action::Nothing);
  CHECK(step(limits, idleFor(4'294'967'295s), 10s).action == Action::Command);
}

TEST_CASE("rule: a receive time in the future counts as now", "[session]") {
  const SessionLimits limits{300s, std::nullopt, 300s};
  const SweepStep got = nextStep(limits, SeenReport{idleFor(299s), t0 + 100s}, t0);
  CHECK(got.action == Action::Nothing);
  CHECK(got.lookAgain == t0 + 1s);
}

TEST_CASE("rule: a session that was never used is idle since Ready was told, by whoever tells it late", "[session]") {
  const SessionLimits limits{300s, std::nullopt, 300s};
  SidecarReport report = idleFor(400s);
  const auto stepOf = [&](std::chrono::seconds told) { return nextStep(limits, SeenReport{report, t0}, t0, reportFreshness, t0 - told); };
  report.used = false;
  CHECK(stepOf(0s).action == Action::Nothing);
  CHECK(stepOf(299s).action == Action::Nothing);
  CHECK(stepOf(299s).lookAgain == t0 + 1s);
  CHECK(stepOf(300s).action == Action::Command);
  report.idle = 10s;  // the sidecar's own count, where it is the shorter one
  CHECK(stepOf(1000s).action == Action::Nothing);
  report.idle = 400s;
  report.used = true;  // who used it knew of it
  CHECK(stepOf(0s).action == Action::Command);
}
