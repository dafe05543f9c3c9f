#pragma once
// Views: the informers' copies of the three kinds that the controller follows.

#include <map>
#include <memory>
#include <string>

#include "k8s/informer.hpp"
#include "spawner/backend.hpp"

namespace spawner::controller {

/// Owner: Controller. Thread: the loop's.
struct Views {
  k8s::Informer<Slab> slabs;
  k8s::Informer<PodView> pods;
  k8s::Informer<ServiceView> services;

  /// By key: pods that are gone, or were deleted when they had ended, while their object is there, as they were when they told of their
  /// end. A follower keeps them too: when a node is drained, its leader goes with the sessions, and the next one is to know why they ended.
  std::map<std::string, std::shared_ptr<const PodView>> endedPods = {};

  [[nodiscard]] bool synced() const { return slabs.synced() && pods.synced() && services.synced(); }
};

}  // namespace spawner::controller
