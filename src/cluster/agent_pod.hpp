#pragma once
// AgentPod: the life of one pod on the embedded node: init containers, native sidecars, application containers, restarts, the ordered end.
// Driven by NodeAgent; starts programs through ContainerRuntime; tells of each change through its host.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "cluster/agent_spec.hpp"
#include "cluster/container_runtime.hpp"
#include "spawner/loop.hpp"
#include "spawner/transport.hpp"

namespace spawner::cluster {

/// The state of one container, as containerStatuses tell it.
struct ContainerState {
  enum class Kind { Waiting, Running, Terminated } kind = Kind::Waiting;
  std::string reason = "PodInitializing";
  std::string message;
  int exitCode = 0;
  std::optional<int> signal;
  WallTime startedAt{};
  WallTime finishedAt{};
};

/// What a pod's status says beside its containers.
struct PodFacts {
  std::string ip;
  std::uint16_t movedPort = 0;  // the application's PORT on this node, when it is not the pod's own
  std::string portProblem;
  WallTime startedAt{};
  bool initialized = false;
};

struct AgentPodOptions {
  Duration firstRestartDelay = std::chrono::seconds(1);  // the first restart is immediate (as the kubelet's), then this, doubling
  Duration maxRestartDelay = std::chrono::seconds(30);
  std::vector<Duration> portChecks = {std::chrono::seconds(2), std::chrono::seconds(5), std::chrono::seconds(15), std::chrono::seconds(60)};
};

class AgentPod;

/// What a pod asks of its agent. Thread: the loop's.
class AgentPodHost {
 public:
  virtual ~AgentPodHost() = default;
  /// The pod's status has changed; called at most once a turn.
  virtual void publish(AgentPod& pod) = 0;
  /// All its containers have ended after a deletion: the object can go. The pod is destroyed by this call's consequences, in a later turn.
  virtual void finished(AgentPod& pod) = 0;
  /// The value of a secret's or config map's key.
  virtual std::optional<std::string> lookUp(bool secret, const std::string& ns, const std::string& name, const std::string& key) = 0;
  [[nodiscard]] virtual const std::string& nodeIp() const = 0;
};

class AgentPod {
 public:
  AgentPod(Loop& loop, ContainerRuntime& runtime, Transport* hooks, AgentPodHost& host, Logger log, PodPlan plan, std::string ip,
           AgentPodOptions options);
  ~AgentPod();

  /// Starts what can be started, at once.
  void start();
  /// The object has a deletionTimestamp: preStop hooks, SIGTERM, at the end of the grace period SIGKILL; then host.finished().
  void beginDeletion(std::uint32_t graceSeconds);

  struct Slot {
    ContainerPlan plan;
    ContainerState state;
    std::optional<ContainerState> last;
    std::unique_ptr<Container> running;
    int restarts = 0;
    Timer restart;
    bool everStarted = false;
  };
  [[nodiscard]] const PodPlan& plan() const { return plan_; }
  [[nodiscard]] const PodFacts& facts() const { return facts_; }
  [[nodiscard]] const std::vector<Slot>& initSlots() const { return init_; }
  [[nodiscard]] const std::vector<Slot>& slots() const { return main_; }
  /// Pending, Running, Succeeded or Failed (the kubelet's rule).
  [[nodiscard]] std::string phase() const;
  [[nodiscard]] bool deleting() const { return deleting_; }

 private:
  void advance();
  bool advanceInit();
  void launch(Slot& slot);
  void ended(Slot& slot, ExitStatus status);
  bool scheduleRestart(Slot& slot, bool failed);
  void stopSidecarsIfDone();
  void terminateMain();
  void finishIfDone();
  void changed();
  void checkPort(std::size_t attempt);
  [[nodiscard]] bool mainDone() const;
  [[nodiscard]] bool anyRunning() const;
  [[nodiscard]] std::optional<std::vector<std::pair<std::string, std::string>>> environment(Slot& slot);
  [[nodiscard]] std::optional<std::string> fieldValue(const std::string& path) const;
  void movePort();

  Loop& loop_;
  ContainerRuntime& runtime_;
  Transport* hooks_;
  AgentPodHost& host_;
  Logger log_;
  PodPlan plan_;
  AgentPodOptions options_;
  PodFacts facts_;
  std::vector<Slot> init_;
  std::vector<Slot> main_;
  bool deleting_ = false;
  bool initFailed_ = false;
  bool publishPosted_ = false;
  bool finishedTold_ = false;
  int hooksRunning_ = 0;
  std::vector<Pending> hookCalls_;
  Timer graceTimer_;
  Timer sidecarGrace_;
  Timer portTimer_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace spawner::cluster
