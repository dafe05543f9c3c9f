#pragma once
// Follower: one session as the sweeper sees it: hears its sidecar, states facts, and asks the sidecar to end what is unused or too old. It
// joins four parts that know nothing of each other: SidecarLink, ServiceCheck, the sweep rule, FactWriter.

#include <functional>
#include <optional>

#include "modes/sweeper/fact_writer.hpp"
#include "modes/sweeper/service_check.hpp"
#include "modes/sweeper/sidecar_link.hpp"
#include "modes/sweeper/target.hpp"

namespace spawner::sweeper {

/// Owner: the role. Thread: the loop's.
class Follower {
 public:
  /// known: the pod was there before this sweeper: its object may have facts already.
  Follower(const Environment& environment, Target target, bool known);
  ~Follower();
  /// The pod changed. REQUIRES: the same pod uid.
  void update(Target target);
  /// The Service of its name changed.
  void onService();
  [[nodiscard]] const std::string& podUid() const { return target_.pod.podUid; }

 private:
  void begin();
  void onReport(const SidecarReport& report);
  void onFailed(const Error& error);
  void lookAtStart();
  void tryService();
  void lookAtReady();
  void stateReady();
  /// nextStep's readyTold.
  [[nodiscard]] std::optional<TimePoint> unusedSince() const;
  void evaluate();
  void sendSweep(const session::SweepCommand& command);
  void onAnswer(const session::SweepCommand& command, Result<session::SweepAnswer> answer);
  void stateEnd(State state, const std::string& reason);
  void drain();
  void armContact();
  void contactLost();
  void setContactLost(bool lost);
  void unfollow();
  [[nodiscard]] bool mayCommand() const;

  const Environment& environment_;
  Target target_;
  bool known_;
  Logger log_;
  std::optional<session::SeenReport> seen_;
  std::optional<TimePoint> runningSeen_;  // the pod's phase, by our clock
  std::optional<WallTime> runningWall_;
  std::optional<TimePoint> listensSeen_;  // the application, by its sidecar's first word of it
  std::string lastFailure_;
  bool contactLost_ = false;
  bool gone_ = false, drained_ = false;
  bool commandUnderWay_ = false;
  TimePoint nextCommand_{};
  Backoff commandBackoff_, drainBackoff_;
  Timer look_, startTimer_, contactTimer_, drainTimer_;
  ServiceCheck service_;
  FactWriter writer_;
  SidecarLink link_;
};

}  // namespace spawner::sweeper
