#include "modes/controller/worker.hpp"

#include <utility>

namespace spawner::controller {
namespace {

k8s::WorkQueueOptions queueOptions(const Settings& settings) {
  k8s::WorkQueueOptions options;
  options.concurrency = settings.concurrency;
  options.maxBackoff = settings.maxBackoff;
  return options;
}

}  // namespace

Worker::Worker(role::Context& context, k8s::Client& client, Views& views, k8s::EventRecorder& events, ControllerMetrics& metrics,
               const Settings& settings, std::function<bool()> mayAct)
    : context_(context),
      views_(views),
      metrics_(metrics),
      settings_(settings),
      mayAct_(std::move(mayAct)),
      events_(events),
      queue_(context.loop, context.random, queueOptions(settings), [this](const std::string& key) { process(key); }),
      actor_(context, client, views, events, metrics, settings) {
  for (const auto& [key, slab] : views_.slabs.items()) queue_.add(key);
}

void Worker::slabChanged(const std::string& key, const std::shared_ptr<const Slab>& before, const std::shared_ptr<const Slab>& after) {
  if (after && (!before || before->meta.uid != after->meta.uid)) {
    // Told by the watch as new: nothing can have happened to it yet. What was there before this worker may be old news.
    Track& track = *trackOf(key, after->meta.uid);
    track.memory.slabIsLive = track.born = true;
  }
  queue_.add(key);
}

/// A pod is remembered when it is seen: it may be gone again when the object is looked at.
void Worker::podChanged(const std::string& key, const std::shared_ptr<const PodView>& pod) {
  const auto slab = views_.slabs.find(key);
  if (slab && pod) backend::remember(trackOf(key, slab->meta.uid)->memory, observed(*slab, pod.get(), nullptr));
  queue_.add(key);
}

std::shared_ptr<Track> Worker::trackOf(const std::string& key, const std::string& uid) {
  std::shared_ptr<Track>& track = tracks_[key];
  if (!track || track->uid != uid) {
    track = std::make_shared<Track>();
    track->uid = uid;
    const auto slab = views_.slabs.find(key);
    const auto ended = views_.endedPods.find(key);
    if (slab && slab->meta.uid == uid && ended != views_.endedPods.end())
      backend::remember(track->memory, observed(*slab, ended->second.get(), nullptr));
  }
  return track;
}

backend::Observed Worker::observed(const Slab& slab, const PodView* pod, const ServiceView* service) const {
  return {&slab, pod, service, context_.loop.wallNow(), context_.loop.now()};
}

void Worker::process(const std::string& key) {
  metrics_.queueLength.set(static_cast<double>(queue_.length()));
  metrics_.eventsQueued.set(static_cast<double>(events_.queued()));
  const auto slab = views_.slabs.find(key);
  if (slab && !stopping_ && mayAct_()) return look(key, slab);
  if (!slab) tracks_.erase(key);
  queue_.forget(key);
  queue_.done(key);
}

void Worker::look(const std::string& key, const std::shared_ptr<const Slab>& slab) {
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
bool Worker::wasAsked(const backend::Action& action, const Track& track) const {
  const auto recent = [&](const std::string& uid) {
    const auto it = track.deletions.find(uid);
    return it != track.deletions.end() && context_.loop.now() - it->second < settings_.kubeTimeout;
  };
  if (const auto* a = std::get_if<backend::DeletePod>(&action)) return recent(a->uid);
  if (const auto* a = std::get_if<backend::DeleteService>(&action)) return recent(a->uid);
  if (const auto* a = std::get_if<backend::DeleteSlab>(&action)) return recent(a->uid);
  return false;
}

void Worker::measureStart(const Slab& slab, Track& track) {
  if (track.readyMeasured || !track.born || !slab.status.has(State::Ready)) return;
  track.readyMeasured = true;
  metrics_.startSeconds.observe(std::chrono::duration<double>(context_.loop.now() - *track.memory.firstSeen).count());
}

void Worker::act(const Subject& subject, backend::Decision decision) {
  Round& round = rounds_[subject.key];
  round.requeueAfter = decision.requeueAfter;
  round.left = decision.actions.size();
  if (round.left == 0) return endRound(subject.key);
  for (const backend::Action& action : decision.actions) {
    actor_.perform(action, subject, round.pending, [this, &round, key = subject.key](End end) {
      round.end.outcome = std::max(round.end.outcome, end.outcome);
      round.end.notBefore = std::max(round.end.notBefore, end.notBefore);
      // Not from here: the round owns the call whose call-back this is.
      if (--round.left == 0)
        context_.loop.post([this, key, alive = std::weak_ptr<bool>(alive_)] {
          if (!alive.expired()) endRound(key);
        });
    });
  }
}

void Worker::endRound(const std::string& key) {
  const auto node = rounds_.extract(key);
  const Round& round = node.mapped();
  queue_.done(key);
  switch (round.end.outcome) {
    case Outcome::Retry: queue_.addRateLimited(key, std::min(round.end.notBefore, settings_.maxBackoff)); break;
    case Outcome::Again: queue_.add(key); break;  // between two tries, as a rule: only what went well ends the backoff
    case Outcome::Wait: queue_.forget(key);
  }
  if (round.requeueAfter) queue_.addAfter(key, *round.requeueAfter);
  finishStop();
}

void Worker::stop(Task done) {
  stopped_ = std::move(done);
  stopping_ = true;
  finishStop();
}

void Worker::finishStop() {
  if (!stopped_ || !rounds_.empty()) return;
  tellStopped_ = context_.loop.after(Duration::zero(), [done = std::exchange(stopped_, nullptr)]() mutable { done(); });
}

}  // namespace spawner::controller
