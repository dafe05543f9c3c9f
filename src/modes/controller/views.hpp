#pragma once
// Views: the informers' copies of the three kinds that the controller follows.

#include "k8s/informer.hpp"
#include "spawner/backend.hpp"

namespace spawner::controller {

/// Owner: Controller. Thread: the loop's.
struct Views {
  k8s::Informer<Slab> slabs;
  k8s::Informer<PodView> pods;
  k8s::Informer<ServiceView> services;

  [[nodiscard]] bool synced() const { return slabs.synced() && pods.synced() && services.synced(); }
};

}  // namespace spawner::controller
