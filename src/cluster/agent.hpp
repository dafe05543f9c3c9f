#pragma once
// NodeAgent: the embedded cluster's kubelet: takes up the pods bound to its node, gives each an address, runs their containers through
// ContainerRuntime, and writes their status. In a simulation several run side by side with a simulated runtime.

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/log.hpp"
#include "cluster/agent_pod.hpp"
#include "cluster/api_server.hpp"
#include "cluster/container_runtime.hpp"
#include "spawner/loop.hpp"
#include "spawner/transport.hpp"

namespace spawner::cluster {

struct NodeAgentOptions {
  std::string nodeName = "local";
  std::string nodeIp = "127.0.0.1";
  std::uint32_t podRange = 0x7F400000;    // 127.64.0.0: pod addresses are taken from here upwards …
  std::uint32_t podRangeSize = 1U << 16;  // … when no Service of the pod's name gives its cluster IP
  std::size_t maxPods = 1000;
  /// How long a pod with the annotation `spawner.dev/cluster-ip` waits for its Service, which is made beside it; without it, it starts then
  /// with an address of its own, and the Service never works.
  Duration serviceWait = std::chrono::seconds(10);
  AgentPodOptions pod;
};

/// Owner: dev or a simulation. Server, runtime and hooks outlive it. Destroying it kills its containers and writes nothing (a node that
/// crashed). Thread: the loop's.
class NodeAgent final : private AgentPodHost {
 public:
  /// Registers the node and takes up what is bound to it. `hooks` carries out preStop httpGet hooks; null: they are skipped.
  NodeAgent(Loop& loop, ApiServer& server, ContainerRuntime& runtime, Transport* hooks, Logger log, NodeAgentOptions options);
  ~NodeAgent() override;

  [[nodiscard]] std::size_t pods() const { return pods_.size(); }
  /// Asks every pod to end with this grace, whatever its own is.
  void stopAll(std::uint32_t graceSeconds);
  [[nodiscard]] const AgentPod* find(const std::string& podUid) const;

 private:
  void publish(AgentPod& pod) override;
  void finished(AgentPod& pod) override;
  std::optional<std::string> lookUp(bool secret, const std::string& ns, const std::string& name, const std::string& key) override;
  [[nodiscard]] const std::string& nodeIp() const override { return options_.nodeIp; }

  void seen(const Commit& commit);
  void work();
  void takeUp(const ObjectPtr& object);
  void forget(const std::string& uid);
  [[nodiscard]] bool waitsForService(const PodPlan& plan);
  [[nodiscard]] std::string addressFor(const PodPlan& plan);
  [[nodiscard]] Now now() const { return Now{loop_.now(), loop_.wallNow()}; }

  Loop& loop_;
  ApiServer& server_;
  ContainerRuntime& runtime_;
  Transport* hooks_;
  Logger log_;
  NodeAgentOptions options_;
  std::map<std::string, std::unique_ptr<AgentPod>> pods_;  // by uid
  std::map<std::string, std::string> addresses_;           // address → pod uid
  std::uint32_t nextAddress_ = 0;
  std::set<std::string> changedKeys_;  // pods to look at in the next turn
  std::set<std::string> goneUids_;
  std::map<std::string, Timer> waiting_;  // by key: pods without their Service
  bool workPosted_ = false;
  std::shared_ptr<void> hook_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace spawner::cluster
