#include "modes/sweeper/fact_writer.hpp"

#include <algorithm>
#include <utility>

#include "backend/decode.hpp"
#include "spawner/names.hpp"

namespace spawner::sweeper {

FactWriter::FactWriter(const Environment& environment, std::string ns, std::string slabName, backend::SweptPod pod, Logger log,
                       Handlers handlers)
    : environment_(environment),
      ns_(std::move(ns)),
      slabName_(std::move(slabName)),
      pod_(std::move(pod)),
      log_(std::move(log)),
      handlers_(std::move(handlers)),
      backoff_({std::chrono::milliseconds(100), std::chrono::seconds(10), 2.0, 0.2}) {}

void FactWriter::learnFirst() { mustLearn_ = true; }

void FactWriter::running(WallTime at) {
  if (running_ || end_) return;
  running_ = at;
  next();
}

void FactWriter::ready(WallTime running, WallTime at) {
  if (ready_ || end_) return;
  if (!running_) running_ = running;
  ready_ = backend::stateTime(at, running_);
  next();
}

void FactWriter::end(State state, EndInfo end) {
  if (end_) return;
  end.time = backend::stateTime(end.time, ready_ ? ready_ : running_);
  end_ = End{state, std::move(end)};
  next();
}

std::optional<TimePoint> FactWriter::toldReady() const {
  return (mustLearn_ || !readyDone_) && !stopped_ ? environment_.loop.now() : toldReady_;
}

void FactWriter::contact(bool lost, WallTime since, std::string message) {
  contact_ = Lost{lost, since, std::move(message)};
  next();
}

bool FactWriter::contactDue() const { return contact_ && contact_->lost != contactWritten_; }

/// Starts the next request, if there is one to make.
void FactWriter::next() {
  if (stopped_ || busy_ || retry_.active() || endDone_) return;
  const bool statesDue = (ready_ && !readyDone_) || (running_ && !runningDone_);
  // Before anything is compared: a restarted sweeper does not know what is written, nor that contact was lost.
  if (mustLearn_) return read();
  if (statesDue) return writeStates();
  if (end_) return writeEnd();
  if (contactDue()) writeContact();
}

void FactWriter::read() {
  busy_ = true;
  request_ = environment_.client.get(k8s::slabs, ns_, slabName_, [this](Result<std::string> object) { takeObject(std::move(object)); });
}

void FactWriter::writeStates() {
  std::vector<State> states;
  if (!runningDone_) states.push_back(State::Running);
  if (!ready_ || readyDone_) return send(backend::runningPatch(pod_, *running_), std::move(states));
  states.push_back(State::Ready);
  send(backend::readyPatch(pod_, runningDone_ ? std::nullopt : running_, *ready_), std::move(states));
}

void FactWriter::writeEnd() { send(backend::endPatch(pod_, end_->state, end_->info), {end_->state}); }

void FactWriter::writeContact() {
  const Duration spacing = std::chrono::seconds(environment_.options.contactEverySeconds);
  const TimePoint now = environment_.loop.now();
  if (lastContactWrite_ && now - *lastContactWrite_ < spacing) {
    contactTimer_ = environment_.loop.after(*lastContactWrite_ + spacing - now, [this] { next(); });
    return;
  }
  contactInFlight_ = contact_;
  send(contact_->lost ? backend::contactLostPatch(pod_.slabUid, contact_->since, contact_->message)
                      : backend::contactRegainedPatch(pod_.slabUid),
       {});
}

void FactWriter::send(std::string patch, std::vector<State> states) {
  busy_ = true;
  inFlight_ = std::move(states);
  request_ = environment_.client.jsonPatch(k8s::slabs, ns_, slabName_, "status", std::move(patch),
                                           [this](Result<std::string> answer) { takeAnswer(std::move(answer)); });
}

void FactWriter::takeAnswer(Result<std::string> answer) {
  busy_ = false;
  request_ = Pending();
  const auto contact = std::exchange(contactInFlight_, std::nullopt);
  if (!answer) return refused(answer.error());
  backoff_.reset();
  environment_.metrics.statusWrites.add();
  const auto slab = backend::decodeSlab(*answer);
  if (slab && slab->meta.uid != pod_.slabUid) return stop();
  for (const State state : inFlight_) {
    (state == State::Running ? runningDone_ : state == State::Ready ? readyDone_ : endDone_) = true;
    if (state != State::Ready) continue;
    runningDone_ = true;
    toldReady_ = environment_.loop.now();
  }
  if (contact) {
    contactWritten_ = contact->lost;
    lastContactWrite_ = environment_.loop.now();
  }
  recordEvents(slab ? slab->meta.resourceVersion : std::string());
  // Another writer may have ended it meanwhile.
  if (slab) learn(*slab);
  next();
}

void FactWriter::takeObject(Result<std::string> object) {
  busy_ = false;
  request_ = Pending();
  if (!object) return object.error().kind == ErrorKind::NotFound ? stop() : retry(object.error());
  const auto slab = backend::decodeSlab(*object);
  if (!slab) return retry(slab.error());
  if (slab->meta.uid != pod_.slabUid) return stop();
  // A pod whose create was long on its way, and another was there before it: it is not the session's, and the controller deletes it.
  if (!slab->status.podUid.empty() && slab->status.podUid != pod_.podUid) return stop();
  mustLearn_ = false;
  learn(*slab);
  contactWritten_ = slab->status.contactLost.has_value();
  next();
  handlers_.learned();
}

void FactWriter::learn(const Slab& slab) {
  runningDone_ = runningDone_ || slab.status.has(State::Running);
  readyDone_ = readyDone_ || slab.status.has(State::Ready);
  endDone_ = endDone_ || slab.status.has(State::Swept) || slab.status.has(State::Failed);
  // Nothing comes before what is there: a later state implies it.
  if (readyDone_) runningDone_ = true;
}

void FactWriter::refused(const Error& error) {
  if (error.kind == ErrorKind::NotFound) return stop();
  // 422: the uid is not the object's, or validation refuses the patch. Only the object can tell which.
  if (error.kind == ErrorKind::Invalid) mustLearn_ = true;
  retry(error);
}

void FactWriter::retry(const Error& error) {
  environment_.metrics.statusWriteErrors.add();
  if (backoff_.tries() % 10 == 0) log_.warn("status write failed; trying again", {{"error", error}, {"tries", backoff_.tries()}});
  const Duration delay = backoff_.next(environment_.random, error.retryAfter);
  retry_ = environment_.loop.after(delay, [this] { next(); });
}

void FactWriter::recordEvents(const std::string& resourceVersion) {
  const k8s::ObjectReference about{std::string(names::apiVersion), std::string(names::kind), ns_, slabName_, pod_.slabUid, resourceVersion};
  const std::optional<EndInfo> end = end_ ? std::optional(end_->info) : std::nullopt;
  for (const auto& event : backend::eventsOf(inFlight_, end, environment_.eventMode))
    environment_.events.record(about, event.type, event.reason, event.message);
  inFlight_.clear();
}

void FactWriter::stop() {
  if (std::exchange(stopped_, true)) return;
  environment_.metrics.objectsGone.add();
  log_.info("the object is gone; the pod is not followed any more");
  handlers_.gone();
}

}  // namespace spawner::sweeper
