#include "modes/controller/controller.hpp"

#include <map>
#include <set>
#include <utility>

#include "backend/decode.hpp"
#include "k8s/work_queue.hpp"
#include "modes/controller/actor.hpp"
#include "modes/controller/metrics.hpp"
#include "modes/controller/settings.hpp"
#include "modes/controller/setup.hpp"
#include "modes/controller/track.hpp"
#include "modes/controller/views.hpp"

namespace spawner::controller {
namespace {

k8s::ReflectorOptions listOf(const k8s::Resource& resource, const std::string& ns, std::string labelSelector = {}) {
  k8s::ReflectorOptions options;
  options.resource = resource;
  options.ns = ns;
  options.labelSelector = std::move(labelSelector);
  return options;
}

k8s::EventRecorderOptions recorderOptions(const Settings& settings) {
  k8s::EventRecorderOptions options;
  options.component = names::reportingComponent;
  options.instance = settings.instance;
  options.maxQueued = settings.maxQueuedEvents;
  return options;
}

k8s::WorkQueueOptions queueOptions(const Settings& settings) {
  k8s::WorkQueueOptions options;
  options.concurrency = settings.concurrency;
  options.maxBackoff = settings.maxBackoff;
  return options;
}

const std::string& managed() {
  static const std::string selector = std::string(names::managedByLabel) + "=" + std::string(names::managedByValue);
  return selector;
}

/// observe → decide → act, one object at a time, many objects at once.
class Controller final : public role::Role {
 public:
  Controller(role::Context context, Settings settings)
      : context_(std::move(context)),
        settings_(std::move(settings)),
        client_(context_.kube, settings_.kubeTimeout),
        metrics_(context_.metrics),
        events_(context_.loop, client_, context_.random, recorderOptions(settings_), context_.log),
        queue_(context_.loop, context_.random, queueOptions(settings_), [this](const std::string& key) { process(key); }),
        views_{{context_.loop, client_, context_.random, listOf(k8s::slabs, settings_.ns), backend::decodeSlab, context_.log},
               {context_.loop, client_, context_.random, listOf(k8s::pods, settings_.ns, managed()), backend::decodePod, context_.log},
               {context_.loop, client_, context_.random, listOf(k8s::services, settings_.ns, managed()), backend::decodeService,
                context_.log}},
        actor_(context_, client_, views_, events_, metrics_, settings_),
        setup_(context_, client_, settings_, [this](Setup::Found found) { setUp(std::move(found)); }) {
    views_.slabs.onChange([this](const std::string& key, const auto& before, const auto& after) { slabChanged(key, before, after); });
    views_.pods.onChange([this](const std::string& key, const auto&, const auto& after) { podChanged(key, after); });
    views_.services.onChange([this](const std::string& key, const auto&, const auto&) { queue_.add(key); });
    views_.slabs.onSynced([this] { release(); });
    views_.pods.onSynced([this] { release(); });
    views_.services.onSynced([this] { release(); });
    views_.slabs.start();
    views_.pods.start();
    views_.services.start();
    setup_.start();
  }

  void stop(Task done) override {
    stopped_ = std::move(done);
    stopping_ = true;
    finishStop();
  }
  [[nodiscard]] bool ready() const override { return isSetUp_ && views_.synced(); }

 private:
  /// The actions of one decision.
  struct Round {
    std::vector<Pending> pending;
    std::size_t left = 0;
    Outcome outcome = Outcome::Wait;
    std::optional<Duration> requeueAfter;
  };

  void setUp(Setup::Found found) {
    settings_.pod.sidecarMode = found.sidecarMode;
    settings_.pod.adminKeys = std::move(found.adminKeys);
    isSetUp_ = true;
    release();
  }

  /// Looks at everything that had to wait for the first lists and for Setup.
  void release() {
    if (!ready()) return;
    for (const std::string& key : std::exchange(parked_, {})) queue_.add(key);
  }

  void slabChanged(const std::string& key, const std::shared_ptr<const Slab>& before, const std::shared_ptr<const Slab>& after) {
    const auto state = [](const auto& slab) { return slab ? std::optional(slab->state()) : std::nullopt; };
    metrics_.moved(state(before), state(after));
    if (after && (!before || before->meta.uid != after->meta.uid)) {
      // Told by the watch as new: nothing can have happened to it yet. In the first list, or seen after a restart: it may be old news.
      Track& track = *trackOf(key, after->meta.uid);
      track.memory.slabIsLive = track.born = views_.slabs.synced();
    }
    queue_.add(key);
  }

  /// A pod is remembered when it is seen: it may be gone again when the object is looked at.
  void podChanged(const std::string& key, const std::shared_ptr<const PodView>& pod) {
    const auto slab = views_.slabs.find(key);
    if (slab && pod) backend::remember(trackOf(key, slab->meta.uid)->memory, observed(*slab, pod.get(), nullptr));
    queue_.add(key);
  }

  std::shared_ptr<Track> trackOf(const std::string& key, const std::string& uid) {
    std::shared_ptr<Track>& track = tracks_[key];
    if (!track || track->uid != uid) {
      track = std::make_shared<Track>();
      track->uid = uid;
    }
    return track;
  }

  backend::Observed observed(const Slab& slab, const PodView* pod, const ServiceView* service) const {
    return {&slab, pod, service, context_.loop.wallNow(), context_.loop.now()};
  }

  void process(const std::string& key) {
    metrics_.queueLength.set(static_cast<double>(queue_.length()));
    metrics_.eventsQueued.set(static_cast<double>(events_.queued()));
    const auto slab = views_.slabs.find(key);
    if (!slab || !ready() || stopping_) {
      if (!slab) tracks_.erase(key);
      if (slab && !ready()) parked_.insert(key);
      queue_.forget(key);
      return queue_.done(key);
    }
    const std::shared_ptr<Track> track = trackOf(key, slab->meta.uid);
    const auto pod = views_.pods.find(key);
    const auto service = views_.services.find(key);
    // A stranger's was read for this look only: nothing would tell of its changes.
    const auto foreignPod = std::exchange(track->foreignPod, std::nullopt);
    const auto foreignService = std::exchange(track->foreignService, std::nullopt);
    const backend::Observed seen = observed(*slab,
                                            pod          ? pod.get()
                                            : foreignPod ? &*foreignPod
                                                         : nullptr,
                                            service          ? service.get()
                                            : foreignService ? &*foreignService
                                                             : nullptr);
    backend::remember(track->memory, seen);
    measureStart(*slab, *track);
    backend::Decision decision = backend::decide(seen, track->memory, settings_.decide);
    std::erase_if(decision.actions, [&](const backend::Action& action) { return wasAsked(action, *track); });
    act(Subject{key, slab, track}, std::move(decision));
  }

  /// True for a deletion that was answered a moment ago: the watch will tell of it.
  bool wasAsked(const backend::Action& action, const Track& track) const {
    const auto recent = [&](const std::string& uid) {
      const auto it = track.deletions.find(uid);
      return it != track.deletions.end() && context_.loop.now() - it->second < settings_.kubeTimeout;
    };
    if (const auto* a = std::get_if<backend::DeletePod>(&action)) return recent(a->uid);
    if (const auto* a = std::get_if<backend::DeleteService>(&action)) return recent(a->uid);
    if (const auto* a = std::get_if<backend::DeleteSlab>(&action)) return recent(a->uid);
    return false;
  }

  void measureStart(const Slab& slab, Track& track) {
    if (track.readyMeasured || !track.born || !slab.status.has(State::Ready)) return;
    track.readyMeasured = true;
    metrics_.startSeconds.observe(std::chrono::duration<double>(context_.loop.now() - *track.memory.firstSeen).count());
  }

  void act(Subject subject, backend::Decision decision) {
    Round& round = rounds_[subject.key];
    round.requeueAfter = decision.requeueAfter;
    round.left = decision.actions.size();
    if (round.left == 0) return endRound(subject.key);
    for (const backend::Action& action : decision.actions) {
      actor_.perform(action, subject, round.pending, [this, &round, key = subject.key](Outcome outcome) {
        round.outcome = std::max(round.outcome, outcome);
        // Not from here: the round owns the call whose call-back this is.
        if (--round.left == 0)
          context_.loop.post([this, key, alive = std::weak_ptr<bool>(alive_)] {
            if (!alive.expired()) endRound(key);
          });
      });
    }
  }

  void endRound(const std::string& key) {
    const auto node = rounds_.extract(key);
    const Round& round = node.mapped();
    queue_.done(key);
    if (round.outcome == Outcome::Retry) {
      queue_.addRateLimited(key);
    } else {
      queue_.forget(key);
      if (round.outcome == Outcome::Again) queue_.add(key);
      if (round.requeueAfter) queue_.addAfter(key, *round.requeueAfter);
    }
    finishStop();
  }

  void finishStop() {
    if (stopping_ && rounds_.empty() && stopped_) context_.loop.post(std::exchange(stopped_, nullptr));
  }

  role::Context context_;
  Settings settings_;
  k8s::Client client_;
  ControllerMetrics metrics_;
  k8s::EventRecorder events_;
  std::map<std::string, std::shared_ptr<Track>> tracks_;
  std::set<std::string> parked_;
  std::map<std::string, Round> rounds_;
  k8s::WorkQueue queue_;
  Views views_;
  Actor actor_;
  Setup setup_;
  bool isSetUp_ = false;
  bool stopping_ = false;
  Task stopped_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

Result<std::unique_ptr<role::Role>> start(role::Context context, Options options) {
  auto settings = makeSettings(options);
  if (!settings) return settings.error();
  return std::unique_ptr<role::Role>(std::make_unique<Controller>(std::move(context), std::move(*settings)));
}

}  // namespace spawner::controller
