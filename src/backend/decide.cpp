#include "backend/decide.hpp"

#include <algorithm>

#include "backend/derive.hpp"
#include "backend/status_patch.hpp"
#include "spawner/names.hpp"

namespace spawner::backend {
namespace {

bool isOurs(const ObjectMeta& meta, const Slab& slab) { return !meta.ownerUid.empty() && meta.ownerUid == slab.meta.uid; }

/// Made for another object of the same name, an earlier incarnation: it goes by itself.
bool isAnotherSlabs(const ObjectMeta& meta, const Slab& slab) {
  const auto it = meta.labels.find(std::string(names::managedByLabel));
  return !meta.ownerUid.empty() && !isOurs(meta, slab) && it != meta.labels.end() && it->second == names::managedByValue;
}

/// The one pod that the object may have: its uid, as far as it is known (P4).
const std::string& recordedUid(const Slab& slab, const Memory& memory) {
  return slab.status.podUid.empty() ? memory.podUid : slab.status.podUid;
}

bool canNeverHeal(const std::string& reason) { return reason == "ErrImageNeverPull" || reason == "InvalidImageName"; }
bool isImageTrouble(const std::string& reason) {
  return canNeverHeal(reason) || reason == "ErrImagePull" || reason == "ImagePullBackOff" || reason == "ImageInspectError" ||
         reason == "RegistryUnavailable" || reason == "SignatureValidationFailed";
}

const ContainerView* waitingFor(const PodView& pod, bool (*test)(const std::string&)) {
  for (const auto* list : {&pod.initContainers, &pod.containers})
    for (const ContainerView& container : *list)
      if (container.waiting && test(container.reason)) return &container;
  return nullptr;
}

Ending failed(std::string_view reason, std::string message) {
  return Ending{State::Failed, std::string(reason), std::move(message), {}, {}};
}

std::string describe(const ContainerView& container) {
  return "container " + container.name + ": " + container.reason + (container.message.empty() ? "" : ", " + container.message);
}

/// One look at one object.
class Mind {
 public:
  Mind(const Observed& observed, const Memory& memory, const DecideOptions& options)
      : o_(observed), m_(memory), options_(options), slab_(*observed.slab) {
    if (o_.pod && isOurs(o_.pod->meta, slab_)) ourPod_ = o_.pod;
    if (o_.service && isOurs(o_.service->meta, slab_)) ourService_ = o_.service;
    const std::string& uid = recordedUid(slab_, m_);
    if (ourPod_ && (uid.empty() || uid == ourPod_->meta.uid)) pod_ = ourPod_;
  }

  Decision run() {
    lookAgainIn(options_.resync);
    if (slab_.meta.deleting) return {};  // the garbage collector takes the rest; there are no finalizers to wait for
    if (isTerminal(slab_.state())) {
      cleanUp();
    } else if (const auto ending = endingNow()) {
      end(*ending);
    } else if (reading_) {
      act(ReadPod{});
    } else {
      makeWhatIsMissing();
      followPod();
      writeStatus();
    }
    return std::move(decision_);
  }

 private:
  void act(Action action) { decision_.actions.push_back(std::move(action)); }
  void lookAgainIn(Duration delay) {
    delay = std::max(delay, Duration::zero());
    decision_.requeueAfter = decision_.requeueAfter ? std::min(*decision_.requeueAfter, delay) : delay;
  }
  /// True when the limit has passed since then; else comes back when it does.
  bool passed(TimePoint since, Duration limit) {
    const Duration left = since + limit - o_.now;
    if (left <= Duration::zero()) return true;
    lookAgainIn(left);
    return false;
  }
  [[nodiscard]] bool wantsService() const { return options_.serviceMode != ServiceMode::None; }
  /// It has never had the Service that it should have.
  [[nodiscard]] bool lacksService() const { return wantsService() && !ourService_ && !slab_.status.has(State::Constructed); }
  [[nodiscard]] bool hasStarted() const {
    return slab_.status.has(State::Running) || slab_.status.has(State::Ready) || m_.runningSeen || (pod_ && pod_->phase == "Running");
  }

  // Endings: the first that applies.
  std::optional<Ending> endingNow() {
    if (auto ending = refused()) return ending;
    if (auto ending = nameConflict()) return ending;
    if (pod_ && endingOf(*pod_)) return m_.podEnding;
    if (auto ending = podGone()) return ending;
    if (reading_) return std::nullopt;
    if (auto ending = startFailed()) return ending;
    return lifetimeOver();
  }

  /// Only before there is all that it needs: what runs is not judged anew.
  std::optional<Ending> refused() const {
    const bool podMade = ourPod_ || !recordedUid(slab_, m_).empty();
    if (m_.invalid && (!podMade || lacksService()))
      return failed(reasons::invalidSpec, "Kubernetes refuses what its template asks for: " + *m_.invalid);
    if (podMade) return std::nullopt;
    if (auto refusal = validate(slab_, options_.validation)) return failed(refusal->reason, refusal->message);
    return std::nullopt;
  }

  std::optional<Ending> nameConflict() const {
    const auto taken = [&](const ObjectMeta& meta) { return !isOurs(meta, slab_) && !isAnotherSlabs(meta, slab_); };
    const bool podTaken = recordedUid(slab_, m_).empty() && o_.pod && taken(o_.pod->meta);
    const bool serviceTaken = lacksService() && o_.service && taken(o_.service->meta);
    const char* what = podTaken ? "Pod" : serviceTaken ? "Service" : nullptr;
    if (!what) return std::nullopt;
    return failed(reasons::nameConflict, std::string("There is a ") + what + " of the name " + slab_.meta.name +
                                             " that Spawner did not make. Remove it, or choose another name.");
  }

  /// The recorded pod is not to be seen. Informers may lag behind each other: only a live read makes it gone (P1).
  std::optional<Ending> podGone() {
    if (pod_ || recordedUid(slab_, m_).empty()) return std::nullopt;
    if (!m_.podAbsenceConfirmed) {
      reading_ = true;
      return std::nullopt;
    }
    if (m_.podEnding) return m_.podEnding;
    return failed(reasons::podLost, "Its pod is gone, and nothing says why.");
  }

  /// Covers the time until pod and Service are there and the pod is Running; after that only a sidecar's report can fail the start.
  std::optional<Ending> startFailed() {
    if (hasStarted() && !lacksService()) return std::nullopt;
    if (pod_)
      if (const ContainerView* container = waitingFor(*pod_, canNeverHeal))
        return failed(reasons::imagePullFailed, "The image cannot be had (" + describe(*container) + ").");
    const auto limit = std::chrono::seconds(slab_.spec.startupTimeoutSeconds);
    if (!passed(m_.firstSeen.value_or(o_.now), limit)) return std::nullopt;
    return startTimeout(std::to_string(slab_.spec.startupTimeoutSeconds) + " s");
  }

  [[nodiscard]] Ending startTimeout(const std::string& limit) const {
    const bool made = pod_ && !lacksService();
    if (!made && !m_.createError.empty())
      return failed(reasons::createRefused, "Kubernetes did not let Spawner make its Pod and Service for " + limit + ": " + m_.createError);
    if ((!pod_ && o_.pod) || (lacksService() && o_.service))
      return failed(reasons::nameConflict, "What an earlier object of the same name left was still there after " + limit + ".");
    if (!made) return failed(reasons::startTimeout, "Its Pod and Service could not be made within " + limit + ".");
    if (const ContainerView* container = waitingFor(*pod_, isImageTrouble))
      return failed(reasons::imagePullFailed, "The image could not be had within " + limit + " (" + describe(*container) + ").");
    if (pod_->nodeName.empty() && !pod_->unschedulableMessage.empty())
      return failed(reasons::unschedulable, "No node took it within " + limit + " (" + pod_->unschedulableMessage + ").");
    const ContainerView* waiting = waitingFor(*pod_, [](const std::string& reason) { return !reason.empty(); });
    return failed(reasons::startTimeout, "It was not running within " + limit + (waiting ? " (" + describe(*waiting) + ")" : "") + "." +
                                             (pod_->portMessage.empty() ? "" : " " + pod_->portMessage + "."));
  }

  /// The sweeper's duty; this is for when it is out of contact, which has no other timer (P5).
  std::optional<Ending> lifetimeOver() {
    if (!slab_.spec.maxLifetimeSeconds || !m_.runningSeen) return std::nullopt;
    const auto limit = std::chrono::seconds(*slab_.spec.maxLifetimeSeconds) + options_.lifetimeSlack;
    if (!passed(*m_.runningSeen, limit)) return std::nullopt;
    return Ending{State::Swept,
                  std::string(reasons::maxLifetime),
                  "Its maximum lifetime of " + std::to_string(*slab_.spec.maxLifetimeSeconds) + " s is over.",
                  {},
                  {}};
  }

  /// One write: the end, and every fact of the way to it that is known by now.
  void end(const Ending& ending) {
    SlabStatus after = slab_.status;
    addFacts(after, /*ended=*/true);
    if (after.podUid.empty()) after.podUid = recordedUid(slab_, m_);
    reach(after, ending.state, o_.wallNow);
    EndInfo info{ending.reason, ending.message, ending.exitCode, ending.signal, *after.stateTimes[static_cast<std::size_t>(ending.state)],
                 ending.log};
    after.end = std::move(info);
    after.contactLost.reset();
    write(std::move(after));
  }

  void cleanUp() {
    const bool completed = slab_.status.end && slab_.status.end->reason == reasons::completed;
    const auto& ttl = slab_.spec.ttlSecondsAfterFinished;
    const Duration keep = ttl                                           ? Duration(std::chrono::seconds(*ttl))
                          : slab_.state() == State::Swept && !completed ? Duration::zero()
                                                                        : options_.keepFinished;
    if (keep == Duration::zero() || (m_.endedSeen && passed(*m_.endedSeen, keep))) return act(DeleteSlab{slab_.meta.uid});
    if (ourPod_ && !ourPod_->meta.deleting) act(DeletePod{ourPod_->meta.uid});
    if (ourService_ && !ourService_->meta.deleting) act(DeleteService{ourService_->meta.uid});
    SlabStatus after = slab_.status;
    for (const State state : allStates)
      if (after.has(state)) reach(after, state, o_.wallNow);
    write(std::move(after));
  }

  /// Both creates go together, the pod's first: its start is what takes time.
  void makeWhatIsMissing() {
    const bool noPod = !pod_ && recordedUid(slab_, m_).empty();
    const bool noService = wantsService() && !ourService_;
    // An earlier object's are waited for.
    if ((noPod && o_.pod) || (noService && o_.service)) return lookAgainIn(options_.recheck);
    // A copy of the object that may be old must not make a pod: its session may have ended since (P4).
    if (noPod && !m_.slabIsLive) return act(ReadSlab{});
    if (noPod) act(CreatePod{});
    if (noService) act(CreateService{});
  }

  void followPod() {
    if (!pod_ || pod_->meta.deleting) return;
    if (std::string json = annotationPatch(slab_, *pod_); !json.empty()) act(PatchPod{pod_->meta.uid, std::move(json)});
  }

  [[nodiscard]] bool constructed() const { return pod_ && (!wantsService() || ourService_); }

  /// What Pod and Service tell, as far as it is time to say it. Empty values never replace known ones.
  void addFacts(SlabStatus& after, bool ended) {
    if (constructed() && (ended || after.has(State::Constructed) || timeForConstructed())) {
      reach(after, State::Submitted, slab_.meta.creationTime == WallTime{} ? o_.wallNow : slab_.meta.creationTime);
      reach(after, State::Constructed, o_.wallNow);
      after.podName = pod_->meta.name;
      after.podUid = pod_->meta.uid;
      after.port = names::servePort;
      if (options_.serviceMode == ServiceMode::ClusterIp) after.ip = ourService_->clusterIp;
      after.url = url();
      if (!pod_->nodeName.empty()) {
        after.nodeName = pod_->nodeName;
        reach(after, State::Scheduled, o_.wallNow);
      }
    }
    // What the sweeper may have said alone: every lower state is implied, every state has a time.
    if (pod_ && runningIsOurs(after, ended)) reach(after, State::Running, o_.wallNow);
    for (const State state : allStates)
      if (after.has(state)) reach(after, state, o_.wallNow);
    // The pod's address goes with any other fact; alone it is not worth a write, for the sweeper tells it with Ready.
    if (pod_ && !pod_->podIp.empty() && after != slab_.status) after.podIp = pod_->podIp;
  }

  [[nodiscard]] std::string url() const {
    if (wantsService()) return inClusterUrl(slab_.meta);
    if (pod_->podIp.empty()) return slab_.status.url;
    const bool v6 = pod_->podIp.find(':') != std::string::npos;
    return "http://" + (v6 ? "[" + pod_->podIp + "]" : pod_->podIp) + ":" + std::to_string(names::servePort) + "/";
  }

  /// Patch A: when the node is known, else a moment after the creates.
  bool timeForConstructed() {
    if (!pod_->nodeName.empty()) return true;
    return m_.constructedSeen && passed(*m_.constructedSeen, options_.patchDelay);
  }

  /// Running is the sweeper's to say, together with Ready. The controller says it when the sweeper does not, or skipped it.
  bool runningIsOurs(const SlabStatus& status, bool ended) {
    if (status.has(State::Running)) return false;
    if (status.has(State::Ready)) return true;
    if (ended)
      return std::any_of(pod_->containers.begin(), pod_->containers.end(),
                         [](const ContainerView& c) { return c.running || (c.terminated && !neverStarted(c)); });
    return pod_->phase == "Running" && status.has(State::Constructed) && m_.runningSeen && passed(*m_.runningSeen, options_.runningDelay);
  }

  void writeStatus() {
    SlabStatus after = slab_.status;
    addFacts(after, /*ended=*/false);
    // Before patch A there is nothing to correct: a status of its own for Submitted would be one more request a session.
    if (after.has(State::Constructed) || after != slab_.status) write(std::move(after));
  }

  /// Adds the derived fields; sends it when anything differs.
  void write(SlabStatus after) {
    const bool factsDiffer = after != slab_.status;
    Slab next{slab_.meta, slab_.spec, after};
    DeriveInput input{std::nullopt, o_.wallNow};
    if (pod_) input.ignoredFields = slab_.meta.generation > 1 ? ignoredFields(slab_, *pod_) : std::string();
    const Derived derived = derive(next, input);
    if (!factsDiffer && differences(slab_.status, derived).empty()) return;
    apply(after, derived);
    act(PatchStatus{std::move(after)});
  }

  const Observed& o_;
  const Memory& m_;
  const DecideOptions& options_;
  const Slab& slab_;
  const PodView* ourPod_ = nullptr;          // owned by the object, whatever its uid
  const PodView* pod_ = nullptr;             // … and the one that counts
  const ServiceView* ourService_ = nullptr;  // owned by the object
  bool reading_ = false;                     // a live read of the pod must come first
  Decision decision_;
};

}  // namespace

void remember(Memory& memory, const Observed& observed) {
  const Slab& slab = *observed.slab;
  if (!memory.firstSeen) memory.firstSeen = observed.now;
  if (!memory.endedSeen && isTerminal(slab.state())) memory.endedSeen = observed.now;
  if (!memory.runningSeen && (slab.status.has(State::Running) || slab.status.has(State::Ready))) memory.runningSeen = observed.now;
  const PodView* pod = observed.pod;
  if (!pod || !isOurs(pod->meta, slab)) return;
  if (memory.podUid.empty()) memory.podUid = slab.status.podUid.empty() ? pod->meta.uid : slab.status.podUid;
  if (pod->meta.uid != recordedUid(slab, memory)) return;
  memory.podAbsenceConfirmed = false;
  if (auto ending = endingOf(*pod); ending && !(pod->meta.deleting && memory.endedUndeleted)) {
    memory.podEnding = std::move(ending);
    memory.endedUndeleted = !pod->meta.deleting;
  }
  if (!memory.constructedSeen) memory.constructedSeen = observed.now;
  if (!memory.runningSeen && pod->phase == "Running") memory.runningSeen = observed.now;
}

std::string_view nameOf(const Action& action) {
  constexpr std::string_view texts[] = {"create Service", "create Pod", "read object",    "read Pod",     "patch status",
                                        "patch Pod",      "delete Pod", "delete Service", "delete object"};
  static_assert(std::size(texts) == std::variant_size_v<Action>);
  return texts[action.index()];
}

Decision decide(const Observed& observed, const Memory& memory, const DecideOptions& options) {
  return Mind(observed, memory, options).run();
}

}  // namespace spawner::backend
