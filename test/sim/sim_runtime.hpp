#pragma once
// SimRuntime: containers of a simulated node: applications with a random fate, and sidecars that are the real SidecarCore behind the
// simulated network.

#include <map>
#include <memory>
#include <string>

#include "cluster/container_runtime.hpp"
#include "modes/sweeper/fake_sidecars.hpp"
#include "sim/truth.hpp"
#include "spawner/random.hpp"

namespace spawner::sim {

class SimRuntime;

/// What one pod is made of on its node. Shared by its containers; outlives each.
struct SimPod {
  std::string uid;
  std::string address;  // "ip:adminPort"
  std::shared_ptr<test::FakeSidecar> sidecar;
  bool listening = false;  // the application
  bool applicationRuns = false;
};

class SimRuntime final : public cluster::ContainerRuntime {
 public:
  SimRuntime(Loop& loop, Random& random, Truth& truth, test::FakeSidecars& network)
      : loop_(loop), random_(random), truth_(truth), network_(network) {}

  Result<std::unique_ptr<cluster::Container>> start(const cluster::ContainerStart& what, UniqueFunction<void(ExitStatus)> onExit) override;
  Result<std::uint16_t> allocatePort() override { return std::uint16_t{0}; }
  void releasePort(std::uint16_t) override {}
  void forgetPod(const std::string& podUid) override;

  [[nodiscard]] const std::map<std::string, std::shared_ptr<SimPod>>& pods() const { return pods_; }
  /// kill -9 of the pod's sidecar, when it runs.
  void killSidecar(const std::string& podUid);

 private:
  friend class SimApplication;
  friend class SimSidecar;
  std::shared_ptr<SimPod> podOf(const cluster::ContainerStart& what);
  /// The sidecar's probe saw the application listen.
  void probe(SimPod& pod);
  void sidecarStarted(SimPod& pod);
  void sidecarEnded(SimPod& pod);

  Loop& loop_;
  Random& random_;
  Truth& truth_;
  test::FakeSidecars& network_;
  std::map<std::string, std::shared_ptr<SimPod>> pods_;
  std::map<std::string, std::function<void()>> killers_;  // by pod uid
};

}  // namespace spawner::sim
