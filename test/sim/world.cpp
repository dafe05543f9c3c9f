#include "sim/world.hpp"

#include "modes/controller/controller.hpp"
#include "modes/sweeper/sweeper.hpp"

namespace spawner::sim {

using namespace std::chrono_literals;

namespace {

constexpr Duration chaosTime = 60s;
constexpr Duration calmTime = 85s;
constexpr Duration settleTime = 45s;  // longest back-off and time-out of any role, together: then "up and in contact" holds again

cluster::ControllersOptions controllersOptions() {
  cluster::ControllersOptions options;
  options.schedulerDelay = 20ms;
  options.collectorDelay = 50ms;
  return options;
}

}  // namespace

World::World(WorldOptions options)
    : options_(options),
      loop_(options.seed),
      random_(seededRandom(options.seed)),
      began_(loop_.now()),
      api_(cluster::ApiServerOptions{}, *random_, cluster::Now{loop_.now(), loop_.wallNow()}),
      oracles_(loop_, api_, truth_),
      controllers_(loop_, api_, controllersOptions()),
      network_(loop_),
      direct_(loop_, api_),
      spawns_(loop_, *random_, api_, truth_, [this] { return apiRole_.get(); }),
      visitors_(loop_, *random_, truth_, [this](const std::string& uid) { return runtimeOf(uid); }) {
  for (int i = 0; i < options_.nodes; ++i) {
    cluster::NodeAgentOptions node;
    node.nodeName = "node-" + std::to_string(i);
    node.podRange += static_cast<std::uint32_t>(i) << 16;
    runtimes_.push_back(std::make_unique<SimRuntime>(loop_, *random_, truth_, network_));
    agents_.push_back(std::make_unique<cluster::NodeAgent>(loop_, api_, *runtimes_.back(), nullptr, Logger(), node));
    addSweeper(node.nodeName);
  }
  addController();
  addController();
  addSweeper("node-0");  // as during a roll-out: two on one node
  addApi();
  for (Place& place : places_) place.start();
}

role::Context World::context(Place& place) {
  place.metrics.emplace_back();
  if (place.metrics.size() > 2) place.metrics.pop_front();
  return role::Context{loop_, *place.kube, *random_, Logger(), place.metrics.back()};
}

void World::addController() {
  Place& place = places_.emplace_back();
  place.name = "controller";
  place.kube = std::make_unique<cluster::FaultyTransport>(loop_, direct_, *random_);
  place.start = [this, &place] {
    controller::Options of;
    of.sidecarEnv = {{"SIM", "1"}};
    of.instance = "sim";
    of.leaderElection = options_.election;
    auto started = controller::start(context(place), of);
    if (!started) throw Broken("controller: " + started.error().message);
    place.role = std::move(*started);
  };
}

void World::addSweeper(const std::string& node) {
  Place& place = places_.emplace_back();
  place.name = "sweeper";
  place.kube = std::make_unique<cluster::FaultyTransport>(loop_, direct_, *random_);
  place.sidecars = std::make_unique<cluster::FaultyTransport>(loop_, network_.transport, *random_);
  place.start = [this, &place, node] {
    sweeper::Options of;
    of.nodeName = node;
    of.instance = "sim";
    auto started = sweeper::start(context(place), of, place.sidecars.get());
    if (!started) throw Broken("sweeper: " + started.error().message);
    place.role = std::move(*started);
  };
}

void World::addApi() {
  Place& place = places_.emplace_back();
  place.name = "api";
  place.kube = std::make_unique<cluster::FaultyTransport>(loop_, direct_, *random_);
  place.start = [this, &place] {
    api::Options of;
    of.urlTemplate = "http://sim/p/{}/";
    apiRole_ = std::make_unique<api::Api>(context(place), of);
    apiRole_->start();
  };
}

SimRuntime* World::runtimeOf(const std::string& podUid) {
  for (const auto& runtime : runtimes_)
    if (runtime->pods().contains(podUid)) return runtime.get();
  return nullptr;
}

cluster::Faults World::randomFaults() {
  const auto upTo = [&](double most) { return most * static_cast<double>(random_->below(1000)) / 1000; };
  cluster::Faults faults;
  faults.dropBefore = upTo(0.1);
  faults.dropAfter = upTo(0.1);
  faults.duplicate = upTo(0.05);
  faults.conflict = upTo(0.1);
  faults.gone = upTo(0.1);
  faults.tooMany = upTo(0.05);
  faults.serverError = upTo(0.1);
  faults.delay = upTo(0.3);
  faults.cutWatch = upTo(0.5);
  faults.partitioned = random_->below(8) == 0;
  return faults;
}

void World::beginChaos() {
  chaos_ = true;
  for (Place& place : places_) {
    if (random_->below(2) == 0) place.kube->setFaults(randomFaults());
    if (place.sidecars && random_->below(2) == 0) place.sidecars->setFaults(randomFaults());
  }
  mischief();
  phase_ = loop_.after(chaosTime, [this] { beginCalm(); });
}

void World::beginCalm() {
  chaos_ = false;
  mischiefTimer_.cancel();
  for (Place& place : places_) {
    place.kube->setFaults({});
    if (place.sidecars) place.sidecars->setFaults({});
  }
  calmSince_ = loop_.now() + settleTime;
  phase_ = loop_.after(calmTime, [this] { beginChaos(); });
}

/// One thing that goes wrong, and the time of the next.
void World::mischief() {
  auto place = places_.begin();
  std::advance(place, static_cast<std::ptrdiff_t>(random_->below(places_.size())));
  SimRuntime& runtime = *runtimes_[random_->below(runtimes_.size())];
  const auto& pods = runtime.pods();
  switch (random_->below(8)) {
    case 0:
    case 1:
    case 2: crash(*place); break;
    case 3: api_.cutWatches(); break;
    case 4: api_.store().compact(); break;
    case 5:
      if (!pods.empty()) {
        auto pod = pods.begin();
        std::advance(pod, static_cast<std::ptrdiff_t>(random_->below(pods.size())));
        runtime.killSidecar(std::string(pod->first));
      }
      break;
    case 6:
      if (!pods.empty()) {  // somebody's kubectl delete, of the object or of its pod
        const std::string uid = pods.begin()->first;
        const PodTruth& pod = truth_.pods[uid];
        truth_.slabs[pod.slabUid].userDeleted = true;
        const bool object = random_->below(2) == 0;
        api_.call(
            "DELETE",
            (object ? "/apis/spawner.dev/v1/namespaces/spawner/sessionlivedbackends/" : "/api/v1/namespaces/spawner/pods/") + pod.name, "",
            cluster::Now{loop_.now(), loop_.wallNow()});
      }
      break;
    default: loop_.jumpWall(std::chrono::seconds(random_->below(7200)) - 3600s); break;
  }
  mischiefTimer_ = loop_.after(std::chrono::milliseconds(random_->below(2500)), [this] { mischief(); });
}

/// The role is destroyed between two call-backs, and comes back a little later. Of controllers that elect, a third ends in order.
void World::crash(Place& place) {
  if (place.restart.active() || place.stopping) return;
  ++crashes_;
  if (options_.election && place.name == "controller" && random_->below(3) == 0) {
    place.stopping = true;
    place.role->stop([this, &place] {
      place.stopping = false;
      place.role.reset();
      restartSoon(place);
    });
    return;
  }
  place.role.reset();
  if (place.name == "api") apiRole_.reset();
  restartSoon(place);
}

void World::restartSoon(Place& place) {
  place.restart = loop_.after(std::chrono::milliseconds(random_->below(6000)), [&place] { place.start(); });
}

/// Of the controllers that are up, at most one acts.
void World::checkOneLeads() const {
  int leaders = 0;
  for (const Place& place : places_)
    if (place.role && place.metrics.back().text().find("\nspawner_leader 1") != std::string::npos) ++leaders;
  if (leaders > 1) throw Broken("two controllers lead");
}

void World::arrive() {
  spawns_.spawn();
  if (--options_.lives <= 0) return;
  const auto mean = static_cast<std::uint64_t>(options_.meanArrival.count());
  arrival_ = loop_.after(Duration(static_cast<std::int64_t>(random_->below(2 * mean + 1))), [this] { arrive(); });
}

void World::second() {
  loop_.runFor(1s);
  oracles_.throwIfBroken();
  if (options_.election) checkOneLeads();
  spawns_.look();
  visitors_.look();
  if (!chaos_ && loop_.now() > calmSince_)
    oracles_.checkUnused(calmSince_, [this](const std::string& uid) {
      SimRuntime* runtime = runtimeOf(uid);
      if (runtime == nullptr) return true;
      const SimPod& pod = *runtime->pods().at(uid);
      return !pod.sidecar->up() || pod.sidecar->core->swept().has_value();
    });
}

void World::run() {
  beginChaos();
  arrive();
  while (options_.lives > 0 || spawns_.waiting() > 0) second();
  beginCalm();
  phase_.cancel();
  // The longest way out: the last visitor leaves, its grace passes; what failed is kept for five minutes.
  const TimePoint deadline = loop_.now() + 30min;
  while (loop_.now() < deadline && !api_.store().objects(cluster::types::slabs).empty()) second();
  loop_.runFor(60s);  // what the last objects owned
  oracles_.checkNothingLeft();
}

}  // namespace spawner::sim
