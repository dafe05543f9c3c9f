#include "modes/controller/actor.hpp"

#include <utility>

#include "backend/decode.hpp"
#include "backend/status_patch.hpp"

namespace spawner::controller {

/// One action under way. Call-backs share it; `pending` is the round's, which lives as long as any of them can run.
struct Actor::Job {
  std::string_view name;
  Subject subject;
  std::vector<Pending>& pending;
  Done done;
};

void Actor::perform(const backend::Action& action, const Subject& subject, std::vector<Pending>& pending, Done done) {
  const auto job = std::make_shared<Job>(Job{backend::nameOf(action), subject, pending, std::move(done)});
  std::visit([&](const auto& a) { run(job, a); }, action);
}

void Actor::finish(const JobPtr& job, Outcome outcome, const Error* error) {
  metrics_.acted(job->name, error == nullptr);
  if (error)
    context_.log.warn("action failed", {{"action", job->name}, {"object", job->subject.key}, {"error", *error}});
  else
    context_.log.debug("action done", {{"action", job->name}, {"object", job->subject.key}});
  job->done({outcome, error ? error->retryAfter.value_or(Duration::zero()) : Duration::zero()});
}

void Actor::run(const JobPtr& job, const backend::CreateService&) {
  const Slab& slab = *job->subject.slab;
  job->pending.push_back(
      client_.create(k8s::services, slab.meta.ns, backend::serviceJson(slab, settings_.pod.serviceMode), [this, job](Answer answer) {
        if (answer) {
          learnService(job, *answer);
          return finish(job, Outcome::Wait);
        }
        if (answer.error().kind != ErrorKind::AlreadyExists) return createFailed(job, answer.error());
        // Somebody has the name. The informer tells of it when it is of our making; only a stranger's must be read.
        if (views_.services.find(job->subject.key)) return finish(job, Outcome::Again);
        const ObjectMeta& meta = job->subject.slab->meta;
        job->pending.push_back(client_.get(k8s::services, meta.ns, meta.name, [this, job](Answer existing) {
          if (!existing) return finish(job, Outcome::Retry, existing.error().kind == ErrorKind::NotFound ? nullptr : &existing.error());
          learnService(job, *existing);
          finish(job, Outcome::Again);
        }));
      }));
}

void Actor::run(const JobPtr& job, const backend::CreatePod&) {
  const Slab& slab = *job->subject.slab;
  backend::Memory& memory = job->subject.track->memory;
  const Result<std::string> json = backend::podJson(slab, settings_.pod);
  if (!json) {
    memory.invalid = json.error().message;
    return finish(job, Outcome::Again, &json.error());
  }
  ++memory.podAttempts;
  job->pending.push_back(client_.create(k8s::pods, slab.meta.ns, *json, [this, job](Answer answer) {
    if (answer) {
      learnPod(job, *answer);
      return finish(job, Outcome::Wait);
    }
    if (answer.error().kind != ErrorKind::AlreadyExists) return createFailed(job, answer.error());
    if (views_.pods.find(job->subject.key)) return finish(job, Outcome::Again);
    const ObjectMeta& meta = job->subject.slab->meta;
    job->pending.push_back(client_.get(k8s::pods, meta.ns, meta.name, [this, job](Answer existing) {
      if (!existing) {
        job->subject.track->memory.slabIsLive = false;
        return finish(job, Outcome::Retry, existing.error().kind == ErrorKind::NotFound ? nullptr : &existing.error());
      }
      learnPod(job, *existing);
      finish(job, Outcome::Again);
    }));
  }));
}

void Actor::createFailed(const JobPtr& job, const Error& error) {
  backend::Memory& memory = job->subject.track->memory;
  // The answer may be lost though the pod was made, and the session may be over by the next try: that one reads the object first (P4).
  memory.slabIsLive = false;
  if (error.kind == ErrorKind::Invalid || error.kind == ErrorKind::InvalidArgument) memory.invalid = error.message;
  if (error.kind == ErrorKind::Forbidden && memory.createError != error.message)
    events_.record(reference(*job->subject.slab), "Warning", "CreateRefused", error.message);
  memory.createError = error.message;
  finish(job, Outcome::Retry, &error);
}

void Actor::learnPod(const JobPtr& job, const std::string& json) {
  Result<PodView> pod = backend::decodePod(json);
  if (!pod) return context_.log.error("answer cannot be decoded", {{"object", job->subject.key}, {"error", pod.error()}});
  Track& track = *job->subject.track;
  const auto label = pod->meta.labels.find(std::string(names::managedByLabel));
  if (label == pod->meta.labels.end() || label->second != names::managedByValue) {
    track.foreignPod = std::move(*pod);
    return;
  }
  // Remembered here and not only when it is looked at: it may be gone again by then.
  backend::remember(track.memory, {job->subject.slab.get(), &*pod, nullptr, context_.loop.wallNow(), context_.loop.now()});
  views_.pods.learn(std::move(*pod));
}

void Actor::learnService(const JobPtr& job, const std::string& json) {
  Result<ServiceView> service = backend::decodeService(json);
  if (!service) return context_.log.error("answer cannot be decoded", {{"object", job->subject.key}, {"error", service.error()}});
  const auto label = service->meta.labels.find(std::string(names::managedByLabel));
  if (label == service->meta.labels.end() || label->second != names::managedByValue)
    job->subject.track->foreignService = std::move(*service);
  else
    views_.services.learn(std::move(*service));
}

void Actor::run(const JobPtr& job, const backend::ReadSlab&) {
  const ObjectMeta& meta = job->subject.slab->meta;
  job->pending.push_back(client_.get(k8s::slabs, meta.ns, meta.name, [this, job](Answer answer) {
    if (!answer) {
      if (answer.error().kind == ErrorKind::NotFound) return finish(job, Outcome::Wait);  // the informer is about to say so
      return finish(job, Outcome::Retry, &answer.error());
    }
    Result<Slab> slab = backend::decodeSlab(*answer);
    if (!slab) return finish(job, Outcome::Retry, &slab.error());
    if (slab->meta.uid == job->subject.track->uid) job->subject.track->memory.slabIsLive = true;
    views_.slabs.learn(std::move(*slab));
    finish(job, Outcome::Again);
  }));
}

void Actor::run(const JobPtr& job, const backend::ReadPod&) {
  const ObjectMeta& meta = job->subject.slab->meta;
  job->pending.push_back(client_.get(k8s::pods, meta.ns, meta.name, [this, job](Answer answer) {
    backend::Memory& memory = job->subject.track->memory;
    const std::string& recorded = job->subject.slab->status.podUid.empty() ? memory.podUid : job->subject.slab->status.podUid;
    if (!answer && answer.error().kind != ErrorKind::NotFound) return finish(job, Outcome::Retry, &answer.error());
    const Result<PodView> pod = answer ? backend::decodePod(*answer) : Result<PodView>(answer.error());
    if (answer && !pod) return finish(job, Outcome::Retry, &pod.error());
    if (!answer || pod->meta.uid != recorded) {
      memory.podAbsenceConfirmed = true;
      return finish(job, Outcome::Again);
    }
    learnPod(job, *answer);
    finish(job, Outcome::Retry);  // the informer's copy is behind
  }));
}

void Actor::run(const JobPtr& job, const backend::PatchStatus& action) {
  const Slab& slab = *job->subject.slab;
  std::string json = backend::statusPatch(slab, action.after);
  if (json.empty()) return finish(job, Outcome::Wait);
  job->pending.push_back(client_.mergePatch(k8s::slabs, slab.meta.ns, slab.meta.name, "status", std::move(json),
                                            [this, job, after = action.after](Answer answer) {
                                              if (answer) return statusWritten(job, after, *answer);
                                              const ErrorKind kind = answer.error().kind;
                                              if (kind == ErrorKind::NotFound) return finish(job, Outcome::Wait);
                                              if (kind != ErrorKind::Conflict) return finish(job, Outcome::Retry, &answer.error());
                                              // Someone wrote in between, often the sweeper; the informer brings it, or its watch is dead.
                                              const std::string& version = job->subject.slab->meta.resourceVersion;
                                              if (std::exchange(job->subject.track->conflictAt, version) == version)
                                                return run(job, backend::ReadSlab{});
                                              finish(job, Outcome::Retry);
                                            }));
}

void Actor::statusWritten(const JobPtr& job, const SlabStatus& after, const std::string& json) {
  const Slab& before = *job->subject.slab;
  std::vector<State> states;
  for (const State state : allStates)
    if (state != State::Submitted && after.has(state) && !before.status.has(state)) states.push_back(state);
  if (!states.empty()) {
    const std::string reason = isTerminal(states.back()) && after.end ? after.end->reason : after.reason;
    context_.log.info("session state", {{"object", job->subject.key}, {"state", toString(states.back())}, {"reason", reason}});
    if (isTerminal(states.back())) metrics_.ended(states.back(), reason);
    for (const backend::EventText& event : backend::eventsOf(states, after.end, settings_.events))
      events_.record(reference(before), event.type, event.reason, event.message);
  }
  Result<Slab> slab = backend::decodeSlab(json);
  if (slab)
    views_.slabs.learn(std::move(*slab));
  else
    context_.log.error("answer cannot be decoded", {{"object", job->subject.key}, {"error", slab.error()}});
  finish(job, Outcome::Wait);
}

void Actor::run(const JobPtr& job, const backend::PatchPod& action) {
  const ObjectMeta& meta = job->subject.slab->meta;
  job->pending.push_back(client_.mergePatch(k8s::pods, meta.ns, meta.name, "", action.json, [this, job](Answer answer) {
    if (answer) {
      learnPod(job, *answer);
      return finish(job, Outcome::Wait);
    }
    if (answer.error().kind == ErrorKind::NotFound) return finish(job, Outcome::Wait);
    finish(job, Outcome::Retry, &answer.error());
  }));
}

void Actor::run(const JobPtr& job, const backend::DeletePod& action) { remove(job, k8s::pods, action.uid); }
void Actor::run(const JobPtr& job, const backend::DeleteService& action) { remove(job, k8s::services, action.uid); }
void Actor::run(const JobPtr& job, const backend::DeleteSlab& action) { remove(job, k8s::slabs, action.uid); }

void Actor::remove(const JobPtr& job, const k8s::Resource& resource, const std::string& uid) {
  const ObjectMeta& meta = job->subject.slab->meta;
  k8s::DeleteOptions options;
  options.uid = uid;
  job->pending.push_back(client_.remove(resource, meta.ns, meta.name, options, [this, job, uid](Answer answer) {
    // Gone already, or there is another one of the name by now: both are what was wanted.
    if (answer || answer.error().kind == ErrorKind::NotFound || answer.error().kind == ErrorKind::Conflict) {
      job->subject.track->deletions[uid] = context_.loop.now();
      return finish(job, Outcome::Wait);
    }
    finish(job, Outcome::Retry, &answer.error());
  }));
}

k8s::ObjectReference Actor::reference(const Slab& slab) const {
  return {std::string(names::apiVersion), std::string(names::kind), slab.meta.ns, slab.meta.name, slab.meta.uid, slab.meta.resourceVersion};
}

}  // namespace spawner::controller
