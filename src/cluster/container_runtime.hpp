#pragma once
// ContainerRuntime: what the node agent starts containers with. The real one makes processes (process_runtime.hpp); the simulation's makes
// simulated applications and sidecars.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "loop/process.hpp"
#include "spawner/function.hpp"
#include "spawner/result.hpp"

namespace spawner::cluster {

struct ContainerStart {
  std::string podUid, ns, pod, container, image;
  std::string podIp;
  int restartCount = 0;
  std::vector<std::string> command, args;  // of the pod; empty: the image's own
  std::vector<std::pair<std::string, std::string>> env;
  std::string workingDir;
};

/// What Kubernetes takes from a log as termination message (Container.terminationMessagePolicy).
inline constexpr std::size_t maxLogTailBytes = 2048;
inline constexpr std::size_t maxLogTailLines = 80;

/// One running container. Destroying it kills it; onExit does not run then.
class Container {
 public:
  virtual ~Container() = default;
  virtual void terminate() = 0;  // SIGTERM
  virtual void kill() = 0;       // SIGKILL
  [[nodiscard]] virtual std::string id() const = 0;
  /// Why the container's program does not listen on the port, where that can be told ("listens on port 3000 instead"); empty otherwise.
  [[nodiscard]] virtual std::string portProblem(std::uint16_t port) const = 0;
  /// The end of what it wrote, at most maxLogTailBytes; any bytes. Empty where no log is kept.
  [[nodiscard]] virtual std::string logTail() { return {}; }
};

/// Owner: who makes the agent; outlives it. Thread: the loop's.
class ContainerRuntime {
 public:
  virtual ~ContainerRuntime() = default;
  /// NotFound: no such image (message names it and says what to do). Anything else: the program could not be started.
  /// onExit runs once, in a later turn.
  virtual Result<std::unique_ptr<Container>> start(const ContainerStart& what, UniqueFunction<void(ExitStatus)> onExit) = 0;
  /// A port of this node that nobody uses, for the application of one pod; 0: the pod's own port is free to use (own network namespace).
  virtual Result<std::uint16_t> allocatePort() = 0;
  virtual void releasePort(std::uint16_t port) = 0;
  /// The pod is gone: what was kept for it (logs, session file) goes too.
  virtual void forgetPod(const std::string& podUid) = 0;
};

}  // namespace spawner::cluster
