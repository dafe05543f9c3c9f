#pragma once
// DevCluster: the embedded Kubernetes of `spawner dev`, wired: API server with its HTTP door, controllers, one node whose containers are
// local processes, and the kubeconfig for kubectl.

#include <memory>
#include <string>

#include "base/log.hpp"
#include "cluster/agent.hpp"
#include "cluster/api_server.hpp"
#include "cluster/container_log_source.hpp"
#include "cluster/controllers.hpp"
#include "cluster/process_runtime.hpp"
#include "cluster/server.hpp"
#include "fetch/fetcher.hpp"
#include "modes/dev/options.hpp"
#include "modes/dev/state_dir.hpp"
#include "spawner/loop.hpp"

namespace spawner::dev {

/// Owner: dev. Loop, random and state outlive it. Destroying it kills every container. Thread: the loop's.
class DevCluster {
 public:
  static Result<std::unique_ptr<DevCluster>> start(Loop& loop, Random& random, const StateDir& state, const Options& options,
                                                   const std::string& instance, Logger log);
  [[nodiscard]] cluster::ApiServer& api() { return *api_; }
  /// Pods that are not gone yet.
  [[nodiscard]] std::size_t pods() const { return agent_->pods(); }
  /// "http://127.0.0.1:PORT" of the API server.
  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] const std::string& kubeconfig() const { return kubeconfig_; }
  /// Asks every pod to end, with this grace.
  void stopPods(std::uint32_t graceSeconds) { agent_->stopAll(graceSeconds); }

 private:
  DevCluster() = default;
  Result<void> serve(Loop& loop, const Options& options, Random& random, const StateDir& state);

  Fd rangeClaim_;
  std::unique_ptr<cluster::ApiServer> api_;
  std::unique_ptr<cluster::Controllers> controllers_;
  std::unique_ptr<cluster::ProcessRuntime> runtime_;
  std::unique_ptr<fetch::HttpTransport> hooks_;
  std::unique_ptr<cluster::NodeAgent> agent_;
  std::unique_ptr<cluster::ContainerLogSource> logs_;
  std::unique_ptr<cluster::Server> server_;
  std::string url_;
  std::string kubeconfig_;
};

}  // namespace spawner::dev
