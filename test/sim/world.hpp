#pragma once
// World: a whole cluster of roles in virtual time: embedded API server, nodes with simulated containers, controllers, sweepers, API, users,
// and what goes wrong. Repeatable from its seed.

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/crypto.hpp"
#include "base/metrics.hpp"
#include "cluster/agent.hpp"
#include "cluster/controllers.hpp"
#include "cluster/direct_transport.hpp"
#include "cluster/faulty_transport.hpp"
#include "loop/sim_loop.hpp"
#include "modes/api/api.hpp"
#include "modes/role/role.hpp"
#include "sim/oracles.hpp"
#include "sim/sim_runtime.hpp"
#include "sim/spawns.hpp"
#include "sim/visitors.hpp"

namespace spawner::sim {

struct WorldOptions {
  std::uint64_t seed = 1;
  int lives = 1000;
  int nodes = 3;
  bool election = false;  // the controllers elect a leader; else both act at once, which must be as safe
  Duration meanArrival = std::chrono::milliseconds(200);
};

/// Thread: one. Throws Broken.
class World {
 public:
  explicit World(WorldOptions options);
  /// Spawns all lives, waits for their ends, and looks at what is left.
  void run();
  [[nodiscard]] const Oracles& oracles() const { return oracles_; }
  [[nodiscard]] const SimLoop& loop() const { return loop_; }
  [[nodiscard]] const Spawns& spawns() const { return spawns_; }
  [[nodiscard]] int crashes() const { return crashes_; }
  [[nodiscard]] Duration lasted() const { return loop_.now() - began_; }

 private:
  /// A role's place: what runs there, and how it is started again. The transports outlive the role.
  struct Place {
    std::string name;
    std::unique_ptr<cluster::FaultyTransport> kube;
    std::unique_ptr<cluster::FaultyTransport> sidecars;
    std::list<Metrics> metrics;
    std::function<void()> start;
    std::unique_ptr<role::Role> role;
    Timer restart;
    bool stopping = false;
  };
  role::Context context(Place& place);
  void addController();
  void addSweeper(const std::string& node);
  void addApi();
  void second();
  void beginChaos();
  void beginCalm();
  void mischief();
  void crash(Place& place);
  void restartSoon(Place& place);
  void checkOneLeads() const;
  void arrive();
  [[nodiscard]] cluster::Faults randomFaults();
  [[nodiscard]] SimRuntime* runtimeOf(const std::string& podUid);

  WorldOptions options_;
  SimLoop loop_;
  std::unique_ptr<Random> random_;
  TimePoint began_;
  cluster::ApiServer api_;
  Truth truth_;
  Oracles oracles_;
  cluster::Controllers controllers_;
  test::FakeSidecars network_;
  std::vector<std::unique_ptr<SimRuntime>> runtimes_;
  std::vector<std::unique_ptr<cluster::NodeAgent>> agents_;
  cluster::DirectTransport direct_;
  std::list<Place> places_;
  std::unique_ptr<api::Api> apiRole_;  // behind places_: it uses its place's transport
  Spawns spawns_;
  Visitors visitors_;
  int crashes_ = 0;
  bool chaos_ = false;
  TimePoint calmSince_{};
  Timer phase_, mischiefTimer_, arrival_;
};

}  // namespace spawner::sim
