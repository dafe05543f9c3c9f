#include "modes/sweeper/follower.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "spawner/names.hpp"

namespace spawner::sweeper {
namespace {

using session::SweepCommand;
using session::SweepStep;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string messageOf(const std::string& reason, const Target& target) {
  const session::SessionLimits& limits = target.limits;
  if (reason == session::reasons::idle)
    return limits.grace == seconds(0) ? std::string("Its last use is over, and its grace period is 0 s.")
                                      : fmt::format("It was not used for its grace period of {} s.", limits.grace.count());
  if (reason == session::reasons::maxLifetime && limits.maxLifetime)
    return fmt::format("It reached its maximum lifetime of {} s.", limits.maxLifetime->count());
  if (reason == session::reasons::shutdown) return "The application asked to be ended.";
  if (reason == session::reasons::startTimeout)
    return fmt::format("The application did not listen on its port within {} s{}{}.", limits.startupTimeout.count(),
                       target.portMessage.empty() ? "" : ": ", target.portMessage);
  return "Its sidecar ended it: " + reason + ".";
}

}  // namespace

Follower::Follower(const Environment& environment, Target target, bool known)
    : environment_(environment),
      target_(std::move(target)),
      known_(known),
      log_(environment.log.with("slab", target_.slabName).with("pod_uid", target_.pod.podUid)),
      commandBackoff_({milliseconds(environment.options.commandSpacingMs), seconds(5), 2.0, 0.2}),
      drainBackoff_({milliseconds(200), seconds(5), 2.0, 0.2}),
      service_(environment.loop, environment.random, environment.probe, log_, [this] { lookAtReady(); }),
      writer_(environment, target_.ns, target_.slabName, target_.pod, log_, {[this] { unfollow(); }, [this] { evaluate(); }}),
      link_(environment, target_.pod.podUid, log_,
            {[this](const SidecarReport& report) { onReport(report); }, [this](const Error& error) { onFailed(error); }}) {
  if (known_) writer_.learnFirst();
  for (const std::string& complaint : target_.complaints)
    log_.warn("annotation cannot be read; its default stands in", {{"annotation", complaint}});
  begin();
}

Follower::~Follower() { setContactLost(false); }

void Follower::update(Target target) {
  const bool limitsChanged = target.limits != target_.limits;
  if (target.complaints != target_.complaints)
    for (const std::string& complaint : target.complaints)
      log_.warn("annotation cannot be read; its default stands in", {{"annotation", complaint}});
  target_ = std::move(target);
  writer_.setPod(target_.pod);
  begin();
  if (limitsChanged) evaluate();
}

/// Goes on from what the pod says: where to listen, whether it runs, whether it is to go.
void Follower::begin() {
  if (gone_) return;
  if (target_.phase == Target::Phase::Over) {  // its end is the controller's to tell
    link_.close();
    service_.stop();
    contactTimer_.cancel();
    drainTimer_.cancel();
    setContactLost(false);
    return;
  }
  if (target_.phase == Target::Phase::Running && !runningSeen_) {
    runningSeen_ = environment_.loop.now();
    runningWall_ = environment_.loop.wallNow();
    armContact();
    lookAtStart();
  }
  if (target_.pod.podIp.empty()) return;
  link_.open(target_.authority());
  link_.poke();
  if (target_.deleting) drain();
}

void Follower::onReport(const SidecarReport& report) {
  const bool first = !seen_;
  seen_ = session::SeenReport{report, environment_.loop.now()};
  if (report.ready && !listensSeen_) listensSeen_ = environment_.loop.now();
  lastFailure_.clear();
  if (contactLost_) {
    log_.info("contact to the sidecar regained");
    setContactLost(false);
    writer_.contact(false, environment_.loop.wallNow(), {});
  } else if (first && known_) {
    // An earlier sweeper may have said that contact was lost.
    writer_.contact(false, environment_.loop.wallNow(), {});
  }
  armContact();
  tryService();  // the sidecar is up: the Service can be tried before the application listens
  lookAtReady();
  evaluate();
}

void Follower::onFailed(const Error& error) {
  lastFailure_ = error.message;
  log_.debug("sidecar not heard", {{"error", error}});
}

/// A slow application: Running is stated alone once it runs for a while and its sidecar answers.
void Follower::lookAtStart() {
  if (!runningSeen_ || !seen_) return;
  const TimePoint due = *runningSeen_ + milliseconds(environment_.options.runningDelayMs);
  if (environment_.loop.now() >= due) {
    if (!target_.deleting) writer_.running(*runningWall_);
    return;
  }
  if (!startTimer_.active()) startTimer_ = environment_.loop.after(due - environment_.loop.now(), [this] { lookAtStart(); });
}

void Follower::onService() {
  if (seen_ && !gone_ && target_.phase != Target::Phase::Over) tryService();
}

void Follower::tryService() {
  if (!target_.serviceCheck) return;
  const auto service = environment_.services.find(target_.ns + "/" + target_.slabName);
  // One that an earlier object of the name has left is not ours.
  service_.start(service && service->meta.ownerUid == target_.pod.slabUid ? service->clusterIp : std::string());
}

void Follower::lookAtReady() {
  if (seen_ && seen_->report.ready && (!target_.serviceCheck || service_.works()))
    stateReady();
  else
    lookAtStart();
}

void Follower::stateReady() {
  if (writer_.readyWanted()) return;
  // The controller states Running in our place when we take long: then the object knows better than we when that was.
  if (runningSeen_ && environment_.loop.now() - *runningSeen_ > seconds(3)) writer_.learnFirst();
  const WallTime now = environment_.loop.wallNow();
  writer_.ready(runningWall_.value_or(now), now);
  startTimer_.cancel();
}

bool Follower::mayCommand() const {
  return !gone_ && !target_.deleting && target_.phase != Target::Phase::Over && !writer_.endWanted() && !writer_.over();
}

/// Nobody comes to what is not told Ready, so it is not idle yet. But where the Service keeps it from being told, that holds only as long
/// as a start may take: one whose Service never works ends by its sidecar's count (P5).
std::optional<TimePoint> Follower::unusedSince() const {
  const bool waitsForService = listensSeen_ && !writer_.readyWanted();
  if (waitsForService && environment_.loop.now() - *listensSeen_ >= target_.limits.startupTimeout) return std::nullopt;
  return writer_.toldReady();
}

void Follower::evaluate() {
  look_.cancel();
  const TimePoint now = environment_.loop.now();
  const SweepStep step = session::nextStep(target_.limits, seen_, now, seconds(environment_.options.freshSeconds), unusedSince());
  switch (step.action) {
    case SweepStep::Action::StateSwept: return stateEnd(State::Swept, step.reason);
    case SweepStep::Action::FailStart:
      // Until Running the start limit is the controller's.
      if (target_.phase == Target::Phase::Running && mayCommand()) {
        environment_.metrics.startTimeouts.add();
        stateEnd(State::Failed, step.reason);
      }
      return;
    case SweepStep::Action::Command:
      if (!mayCommand() || commandUnderWay_) return;
      if (now >= nextCommand_) return sendSweep(*step.command);
      look_ = environment_.loop.after(nextCommand_ - now, [this] { evaluate(); });
      return;
    case SweepStep::Action::Nothing: break;
  }
  if (step.lookAgain && mayCommand()) look_ = environment_.loop.after(*step.lookAgain - now, [this] { evaluate(); });
}

void Follower::sendSweep(const SweepCommand& command) {
  commandUnderWay_ = true;
  link_.sweep(command, [this, command](Result<session::SweepAnswer> answer) { onAnswer(command, std::move(answer)); });
}

void Follower::onAnswer(const SweepCommand& command, Result<session::SweepAnswer> answer) {
  commandUnderWay_ = false;
  if (!answer) {
    environment_.metrics.commandErrors.add();
    log_.warn("sweep command without a usable answer; trying again", {{"error", answer.error()}, {"reason", command.reason}});
    nextCommand_ = environment_.loop.now() + commandBackoff_.next(environment_.random);
    return evaluate();
  }
  commandBackoff_.reset();
  nextCommand_ = environment_.loop.now() + milliseconds(environment_.options.commandSpacingMs);
  SweeperMetrics& metrics = environment_.metrics;
  if (answer->status == 200) {
    (command.condition == SweepCommand::Condition::Idle  ? metrics.decidedIdle
     : command.condition == SweepCommand::Condition::Age ? metrics.decidedMaxLifetime
                                                         : metrics.decidedShutdown)
        .add();
    log_.info("session swept", {{"reason", *answer->state.sweptReason}});
  } else {
    metrics.refused.add();
    log_.info("sweep refused by the sidecar", {{"reason", command.reason}, {"live_connections", answer->state.liveConnections}});
  }
  onReport(answer->state);
}

void Follower::stateEnd(State state, const std::string& reason) {
  if (writer_.endWanted()) return;
  EndInfo end;
  end.reason = reason;
  end.message = messageOf(reason, target_);
  end.time = environment_.loop.wallNow();
  writer_.end(state, std::move(end));
}

void Follower::drain() {
  if (drained_ || drainTimer_.active()) return;
  drained_ = true;
  link_.drain([this](Result<void> done) {
    if (done || gone_ || target_.phase == Target::Phase::Over) return;
    drained_ = false;
    drainTimer_ = environment_.loop.after(drainBackoff_.next(environment_.random), [this] { drain(); });
  });
}

/// Contact is lost when the running pod's sidecar is not heard for as long as a report is fresh.
void Follower::armContact() {
  if (!runningSeen_ || target_.phase == Target::Phase::Over) return;
  contactTimer_ = environment_.loop.after(seconds(environment_.options.freshSeconds), [this] { contactLost(); });
}

void Follower::contactLost() {
  if (target_.deleting || writer_.endWanted() || writer_.over() || gone_) return;
  log_.warn("contact to the sidecar lost; nothing follows from it", {{"address", target_.authority()}, {"error", lastFailure_}});
  setContactLost(true);
  const WallTime since = environment_.loop.wallNow() - seconds(environment_.options.freshSeconds);
  writer_.contact(true, since, lastFailure_.empty() ? "The sidecar says nothing." : lastFailure_);
}

void Follower::setContactLost(bool lost) {
  if (lost == contactLost_) return;
  contactLost_ = lost;
  environment_.metrics.contactLost.add(lost ? 1 : -1);
  if (lost) environment_.metrics.contactLosses.add();
}

void Follower::unfollow() {
  gone_ = true;
  link_.close();
  look_.cancel();
  startTimer_.cancel();
  contactTimer_.cancel();
  drainTimer_.cancel();
  service_.stop();
  setContactLost(false);
}

}  // namespace spawner::sweeper
