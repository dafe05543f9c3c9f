#include "modes/controller/controller.hpp"

#include <cstdio>
#include <utility>

#include "backend/decode.hpp"
#include "k8s/events.hpp"
#include "k8s/leader_elector.hpp"
#include "modes/controller/metrics.hpp"
#include "modes/controller/settings.hpp"
#include "modes/controller/setup.hpp"
#include "modes/controller/views.hpp"
#include "modes/controller/worker.hpp"

namespace spawner::controller {
namespace {

k8s::ReflectorOptions listOf(const k8s::Resource& resource, const std::string& ns, std::string labelSelector = {}) {
  k8s::ReflectorOptions options;
  options.resource = resource;
  options.ns = ns;
  options.labelSelector = std::move(labelSelector);
  return options;
}

const std::string& managed() {
  static const std::string selector = std::string(names::managedByLabel) + "=" + std::string(names::managedByValue);
  return selector;
}

k8s::EventRecorderOptions recorderOptions(const Settings& settings) {
  k8s::EventRecorderOptions options;
  options.component = names::reportingComponent;
  options.instance = settings.instance;
  options.maxQueued = settings.maxQueuedEvents;
  options.hold = settings.eventHold;
  return options;
}

/// The identity of a process, of which there is never a second.
std::string unique(const std::string& instance, Random& random) {
  char suffix[17];
  std::snprintf(suffix, sizeof suffix, "%016llx", static_cast<unsigned long long>(random.next()));
  return instance + "_" + suffix;
}

/// Keeps the copies, takes part in the election, and has a Worker while it leads. A follower has all but the Worker: it is as ready.
class Controller final : public role::Role {
 public:
  Controller(role::Context context, Settings settings)
      : context_(std::move(context)),
        settings_(std::move(settings)),
        client_(context_.kube, settings_.kubeTimeout),
        metrics_(context_.metrics),
        views_{{context_.loop, client_, context_.random, listOf(k8s::slabs, settings_.ns), backend::decodeSlab, context_.log},
               {context_.loop, client_, context_.random, listOf(k8s::pods, settings_.ns, managed()), backend::decodePod, context_.log},
               {context_.loop, client_, context_.random, listOf(k8s::services, settings_.ns, managed()), backend::decodeService,
                context_.log}},
        events_(context_.loop, client_, context_.random, recorderOptions(settings_), context_.log),
        setup_(context_, client_, settings_, [this](Setup::Found found) { setUp(std::move(found)); }) {
    views_.slabs.onChange([this](const std::string& key, const auto& before, const auto& after) {
      const auto state = [](const auto& slab) { return slab ? std::optional(slab->state()) : std::nullopt; };
      metrics_.moved(state(before), state(after));
      if (!after || (before && before->meta.uid != after->meta.uid)) views_.endedPods.erase(key);
      if (worker_) worker_->slabChanged(key, before, after);
    });
    views_.pods.onChange([this](const std::string& key, const auto& before, const auto& after) {
      if (before && views_.slabs.find(key)) keepEnd(key, before, after.get());
      if (worker_) worker_->podChanged(key, after);
    });
    views_.services.onChange([this](const std::string& key, const auto&, const auto&) {
      if (worker_) worker_->serviceChanged(key);
    });
    views_.slabs.onSynced([this] { update(); });
    views_.pods.onSynced([this] { update(); });
    views_.services.onSynced([this] { update(); });
    views_.slabs.start();
    views_.pods.start();
    views_.services.start();
    setup_.start();
    if (settings_.election) {
      settings_.election->identity = unique(settings_.instance, context_.random);
      elector_.emplace(context_.loop, context_.kube, context_.random, *settings_.election, context_.log, [this] { update(); });
      elector_->start();
    }
  }

  void stop(Task done) override {
    stopped_ = std::move(done);
    stopping_ = true;
    if (!worker_) return release();
    worker_->stop([this] { release(); });
  }
  [[nodiscard]] bool ready() const override { return warm() && (!elector_ || elector_->observed()); }

 private:
  /// An end that a pod told before it was deleted is not its deletion's.
  void keepEnd(const std::string& key, const std::shared_ptr<const PodView>& before, const PodView* after) {
    const auto kept = views_.endedPods.find(key);
    if (kept != views_.endedPods.end() && kept->second->meta.uid == before->meta.uid) return;
    if (!after || (after->meta.deleting && !before->meta.deleting && backend::endingOf(*before))) views_.endedPods[key] = before;
  }
  [[nodiscard]] bool leads() const { return !elector_ || elector_->leads(); }
  /// Knows what it needs to act.
  [[nodiscard]] bool warm() const { return isSetUp_ && views_.synced(); }

  void setUp(Setup::Found found) {
    settings_.pod.sidecarMode = found.sidecarMode;
    settings_.pod.adminKeys = std::move(found.adminKeys);
    isSetUp_ = true;
    update();
  }

  /// There is a worker exactly while this leads and is warm.
  void update() {
    metrics_.leader.set(leads() ? 1 : 0);
    if (elector_) metrics_.leaderTransitions.set(static_cast<double>(elector_->transitions()));
    if (!leads() || !warm()) {
      worker_.reset();
      if (stopping_) release();
    } else if (!worker_ && !stopping_) {
      worker_.emplace(context_, client_, views_, events_, metrics_, settings_, [this] { return leads(); });
    }
  }

  /// Nothing is under way: another may lead. What is still to be told needs no leadership.
  void release() {
    if (!stopped_) return;
    metrics_.leader.set(0);
    if (elector_) return elector_->stop([this] { tellTheRest(); });
    tellTheRest();
  }
  void tellTheRest() { events_.flush(std::exchange(stopped_, nullptr)); }

  role::Context context_;
  Settings settings_;
  k8s::Client client_;
  ControllerMetrics metrics_;
  Views views_;
  k8s::EventRecorder events_;  // what happened is told also when this leads no more
  Setup setup_;
  std::optional<k8s::LeaderElector> elector_;
  std::optional<Worker> worker_;
  bool isSetUp_ = false;
  bool stopping_ = false;
  Task stopped_;
};

}  // namespace

Result<std::unique_ptr<role::Role>> start(role::Context context, Options options) {
  auto settings = makeSettings(options);
  if (!settings) return settings.error();
  return std::unique_ptr<role::Role>(std::make_unique<Controller>(std::move(context), std::move(*settings)));
}

}  // namespace spawner::controller
