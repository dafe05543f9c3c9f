#pragma once
// A pod's status document from what its AgentPod knows. Pure.

#include <string>

#include "cluster/agent_pod.hpp"

namespace spawner::cluster {

/// A merge patch {"status": {...}} with phase, addresses, conditions and container statuses, as the kubelet writes them.
std::string podStatusPatch(const AgentPod& pod, const std::string& nodeIp, WallTime now);

}  // namespace spawner::cluster
