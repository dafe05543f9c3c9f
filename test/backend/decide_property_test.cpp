// decide() in a small world that hurts: lagging copies, lost requests and answers, crashes, two controllers, pods that come and go.
#include <catch2/catch.hpp>
#include <set>

#include "backend/decide.hpp"
#include "backend/derive.hpp"
#include "backend/status_patch.hpp"
#include "base/crypto.hpp"
#include "samples.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace spawner::backend;
using namespace std::chrono_literals;

namespace {

/// What the API server holds of one object. Each change keeps the copies that informers may still show.
struct World {
  explicit World(Random& source) : random(source) { keep(); }
  Random& random;
  std::optional<Slab> slab = sampleSlab();
  std::optional<PodView> pod;
  std::optional<ServiceView> service;
  int version = 7;
  int podsMade = 0;
  std::optional<EndInfo> firstEnd;  // as first stated
  struct Copy {
    std::optional<Slab> slab;
    std::optional<PodView> pod;
    std::optional<ServiceView> service;
  };
  std::vector<Copy> history;

  void keep() { history.push_back({slab, pod, service}); }
  bool chance(std::uint64_t oneIn) { return random.below(oneIn) == 0; }

  void bump() {
    if (slab) slab->meta.resourceVersion = std::to_string(++version);
    if (slab && isTerminal(slab->state())) {
      REQUIRE(slab->status.end);
      if (!firstEnd) firstEnd = slab->status.end;
      REQUIRE(slab->status.end == firstEnd);  // terminal is final
    }
    REQUIRE((!firstEnd || !slab || isTerminal(slab->state())));
    keep();
  }
  void removeSlab() {
    slab.reset();
    pod.reset();  // the garbage collector
    service.reset();
    keep();
  }
  /// A sweeper's patch: no resourceVersion, facts only.
  void sweeperWrites(State state) {
    if (!slab || !pod || slab->status.has(state) || isTerminal(slab->state())) return;  // the CRD's rule keeps the first end
    if (state == State::Ready) slab->status.reached[static_cast<std::size_t>(State::Running)] = true;
    reach(slab->status, state, wall(50));
    slab->status.podUid = pod->meta.uid;
    if (isTerminal(state)) slab->status.end = EndInfo{"Idle", "m", {}, {}, wall(50)};
    bump();
  }
  void podMoves() {
    if (!pod) return;
    if (pod->meta.deleting && chance(2)) {
      pod.reset();
    } else if (pod->nodeName.empty()) {
      pod->nodeName = "node-1";
    } else if (pod->phase == "Pending") {
      const ObjectMeta meta = pod->meta;
      pod = runningPod(*slab);
      pod->meta = meta;
    } else if (chance(3)) {
      pod->containers[0].running = false;
      pod->containers[0].terminated = true;
      pod->containers[0].exitCode = chance(2) ? 0 : 1;
      pod->phase = pod->containers[0].exitCode == 0 ? "Succeeded" : "Failed";
    }
    keep();
  }
  void somebodyDeletesThePod() {
    if (!pod) return;
    if (chance(2))
      pod.reset();  // forced
    else
      pod->meta.deleting = true;
    keep();
  }
};

/// One controller process. Its copies only move forward, each at its own pace.
struct Process {
  Memory memory;
  std::size_t slabSeen = 0, podSeen = 0, serviceSeen = 0;
  bool maySeePodMade = true;  // it lives since before the first pod was made

  /// A list of one kind may be older than the list of another by the time that all have come.
  void start(World& world, bool lag) {
    memory = {};
    slabSeen = podSeen = serviceSeen = world.history.size() - 1;
    if (lag) slabSeen -= std::min(slabSeen, static_cast<std::size_t>(world.random.below(8)));
    maySeePodMade = world.podsMade == 0;
  }
  void catchUp(World& world, bool fresh) {
    for (std::size_t* seen : {&slabSeen, &podSeen, &serviceSeen}) {
      const std::size_t target = fresh ? world.history.size() - 1 : *seen + world.random.below(world.history.size() - *seen);
      for (; *seen < target; ++*seen)
        if (seen == &podSeen) noticePod(world, world.history[*seen + 1]);
    }
  }
  /// As Controller::podChanged(): every event of the watch is remembered, also between two looks.
  void noticePod(const World& world, const World::Copy& copy) {
    const auto& slab = world.history[slabSeen].slab;
    if (!slab || !copy.pod) return;
    remember(memory, Observed{&*slab, &*copy.pod, nullptr, wall(0), at(0s)});
  }
};

class Run {
 public:
  Run(std::uint64_t seed, int processes, bool lag)
      : random_(seededRandom(seed)), world_(*random_), lag_(lag), processes_(static_cast<std::size_t>(processes)) {
    if (random_->below(2) == 0) world_.slab->spec.ttlSecondsAfterFinished = static_cast<std::uint32_t>(random_->below(20));
    if (random_->below(4) == 0) world_.slab->spec.maxLifetimeSeconds = 100;
    options_.serviceMode = std::array{ServiceMode::ClusterIp, ServiceMode::Headless, ServiceMode::None}[random_->below(3)];
    world_.history.clear();
    world_.keep();
    for (Process& process : processes_) {
      process.start(world_, false);
      process.memory.slabIsLive = true;  // its birth was watched
    }
  }

  void play() {
    for (int step = 0; step < 120 && world_.slab; ++step) {
      now_ += std::chrono::milliseconds(random_->below(2000));
      happen();
      for (Process& process : processes_) look(process, /*faults=*/true, /*fresh=*/!lag_);
    }
    settle();
  }

 private:
  void happen() {
    switch (random_->below(12)) {
      case 0:
      case 1:
      case 2: return world_.podMoves();
      case 3: return world_.sweeperWrites(State::Ready);
      case 4:
        if (random_->below(6) == 0) world_.sweeperWrites(State::Swept);
        return;
      case 5:
        if (random_->below(4) == 0) world_.somebodyDeletesThePod();
        return;
      case 6:
        if (random_->below(3) == 0) processes_[random_->below(processes_.size())].start(world_, lag_);  // crash and restart
        return;
      default: return;
    }
  }

  /// Without faults and with time, the session comes to its end and nothing is left.
  void settle() {
    for (int step = 0; step < 60 && world_.slab; ++step) {
      now_ += 30s;
      if (step == 2) world_.sweeperWrites(State::Swept);
      if (world_.pod && world_.pod->meta.deleting) world_.podMoves();
      for (Process& process : processes_)
        for (int i = 0; i < 4; ++i) look(process, /*faults=*/false, /*fresh=*/true);
      if (world_.slab && !isTerminal(world_.slab->state())) world_.podMoves();
    }
    INFO("state " << (world_.slab ? toString(world_.slab->state()) : "gone"));
    REQUIRE_FALSE(world_.slab);
    REQUIRE_FALSE(world_.pod);
    REQUIRE_FALSE(world_.service);
  }

  void look(Process& process, bool faults, bool fresh) {
    process.catchUp(world_, fresh);
    const auto slab = world_.history[process.slabSeen].slab;
    if (!slab) return;
    const auto pod = world_.history[process.podSeen].pod;
    const auto service = world_.history[process.serviceSeen].service;
    const Observed observed{&*slab, pod ? &*pod : nullptr, service ? &*service : nullptr,
                            wall(0) + std::chrono::duration_cast<std::chrono::microseconds>(now_), at(now_)};
    remember(process.memory, observed);
    const Decision decision = decide(observed, process.memory, options_);
    REQUIRE((!decision.actions.empty() || decision.requeueAfter));  // always a way out
    for (const Action& action : decision.actions) {
      const bool lostBefore = faults && random_->below(8) == 0;
      const bool lostAfter = faults && random_->below(8) == 0;
      if (lostBefore) {
        process.memory.slabIsLive = false;
        continue;
      }
      std::visit([&](const auto& a) { act(process, *slab, a, lostAfter); }, action);
    }
  }

  void act(Process& process, const Slab&, const CreateService&, bool lost) {
    if (world_.slab && !world_.service) {
      world_.service = sampleService(*world_.slab);
      world_.keep();
    }
    if (lost) process.memory.slabIsLive = false;
  }
  void act(Process& process, const Slab&, const CreatePod&, bool lost) {
    if (!world_.slab) return;
    if (!world_.pod) {
      // The promise: no second pod once one is recorded, nor by a process that lives since before the first.
      INFO("pods made before: " << world_.podsMade);
      if (world_.podsMade > 0) {
        REQUIRE(world_.slab->status.podUid.empty());
        REQUIRE_FALSE(isTerminal(world_.slab->state()));
        REQUIRE((!process.maySeePodMade || lag_ || processes_.size() > 1));
      }
      world_.pod = samplePod(*world_.slab);
      world_.pod->meta.uid = "pod-" + std::to_string(++world_.podsMade);
      world_.keep();
      if (!lost) process.memory.podUid = world_.pod->meta.uid;
    }
    if (lost) process.memory.slabIsLive = false;
  }
  void act(Process& process, const Slab&, const ReadSlab&, bool lost) {
    if (lost || !world_.slab) return;
    process.memory.slabIsLive = true;
    process.slabSeen = world_.history.size() - 1;
  }
  void act(Process& process, const Slab& slab, const ReadPod&, bool lost) {
    if (lost) return;
    const std::string& recorded = slab.status.podUid.empty() ? process.memory.podUid : slab.status.podUid;
    if (!world_.pod || world_.pod->meta.uid != recorded)
      process.memory.podAbsenceConfirmed = true;
    else
      process.podSeen = world_.history.size() - 1;
  }
  void act(Process&, const Slab& slab, const PatchStatus& patch, bool) {
    if (!world_.slab || world_.slab->meta.resourceVersion != slab.meta.resourceVersion) return;  // 409
    if (patch.after.end && !slab.status.end &&
        (patch.after.end->reason == reasons::podLost || patch.after.end->reason == reasons::podDeleted)) {
      // P1: a session is not given up because a copy was old.
      REQUIRE((!world_.pod || world_.pod->meta.deleting || (!slab.status.podUid.empty() && world_.pod->meta.uid != slab.status.podUid) ||
               world_.podsMade > 1));
    }
    for (std::size_t i = 0; i < allStates.size(); ++i) REQUIRE((!slab.status.reached[i] || patch.after.reached[i]));  // set once
    if (!slab.status.podUid.empty()) REQUIRE(patch.after.podUid == slab.status.podUid);
    world_.slab->status = patch.after;
    world_.bump();
  }
  void act(Process&, const Slab&, const PatchPod&, bool) {}
  void act(Process&, const Slab& slab, const DeletePod& a, bool) {
    REQUIRE(isTerminal(slab.state()));
    if (!world_.pod || world_.pod->meta.uid != a.uid) return;
    world_.pod->meta.deleting = true;
    world_.keep();
  }
  void act(Process&, const Slab& slab, const DeleteService& a, bool) {
    REQUIRE(isTerminal(slab.state()));
    if (!world_.service || world_.service->meta.uid != a.uid) return;
    world_.service.reset();
    world_.keep();
  }
  void act(Process&, const Slab& slab, const DeleteSlab&, bool) {
    REQUIRE(isTerminal(slab.state()));
    if (world_.slab) world_.removeSlab();
  }

  std::unique_ptr<Random> random_;
  World world_;
  bool lag_;
  DecideOptions options_;
  std::vector<Process> processes_;
  Duration now_ = 0s;
};

}  // namespace

TEST_CASE("no history of events makes a second pod, reopens an end, or leaves anything") {
  const auto [processes, lag] = GENERATE(table<int, bool>({{1, false}, {1, true}, {2, false}}));
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    INFO("seed " << seed << ", processes " << processes << ", lag " << lag);
    Run(seed, processes, lag).play();
  }
}
