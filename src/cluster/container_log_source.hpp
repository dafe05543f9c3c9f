#pragma once
// ContainerLogSource: pods/<name>/log of the embedded API server, from the files that ProcessRuntime keeps.

#include "cluster/agent.hpp"
#include "cluster/log_source.hpp"
#include "cluster/process_runtime.hpp"

namespace spawner::cluster {

/// Agent and runtime outlive it; its streams may outlive it. Thread: the loop's.
class ContainerLogSource final : public LogSource {
 public:
  ContainerLogSource(const NodeAgent& agent, const ProcessRuntime& runtime) : agent_(agent), runtime_(runtime) {}
  Result<std::unique_ptr<Stream>> open(const LogQuery& query) override;

 private:
  const NodeAgent& agent_;
  const ProcessRuntime& runtime_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace spawner::cluster
