#pragma once
// What every role's process has in common: the injected context, common options, and the way from options to an exit code.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "spawner/loop.hpp"
#include "spawner/random.hpp"
#include "spawner/result.hpp"
#include "spawner/transport.hpp"

namespace spawner::role {

/// All that a role gets from outside. In a process: Reactor, libcurl, the kernel's randomness. In `spawner dev`: the same loop for all
/// roles and a transport straight into the embedded API server. In a simulation: SimLoop, a faulty transport, a seed. Referenced objects
/// outlive the role.
struct Context {
  Loop& loop;
  Transport& kube;
  Random& random;
  Logger log;
  Metrics& metrics;
};

/// A role at work. Made started; destroyed = crashed: no call-back of it runs afterwards, nothing is tidied up in the cluster.
class Role {
 public:
  virtual ~Role() = default;
  /// Ordered end: finish what is in flight, then call done (in a later turn). The caller destroys the role then, or at its own deadline.
  virtual void stop(Task done) = 0;
  /// Ready to serve (/readyz): its informers are synced, its listeners are open.
  [[nodiscard]] virtual bool ready() const = 0;
};

class CommandLine;

/// Options that all roles share. Each has an environment form: SPAWNER_LOG_LEVEL and so on.
struct CommonOptions {
  std::string logLevel = "info";
  std::string logFormat = "json";
  std::string kubeconfig;  // empty: $KUBECONFIG, in-cluster, ~/.kube/config, in that order
  std::string kubeContext;
  std::string metricsListen;       // "address:port" of /metrics, /healthz and /readyz; empty: none
  std::uint32_t stopSeconds = 20;  // deadline of an ordered end
};
/// Adds --log-level, --log-format, --metrics-listen, --stop-seconds, and with `kube` --kubeconfig and --context.
void addCommonOptions(CommandLine& line, CommonOptions& options, bool kube = true);

/// Makes the context for one process, starts the role, runs until SIGINT or SIGTERM, stops it in order. Returns the exit code: 0, or 1
/// after one clear line on standard error. `kube` false: context.kube answers every call with Unsupported (the sidecar has no Kubernetes).
int runProcess(const std::string& roleName, const CommonOptions& options, bool kube,
               const std::function<Result<std::unique_ptr<Role>>(Context)>& start);

}  // namespace spawner::role
