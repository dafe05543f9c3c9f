#pragma once
// Environment: what every part of the sweeper works with. Owner: the role; all that is referred to outlives the parts.

#include "backend/events.hpp"
#include "base/log.hpp"
#include "k8s/client.hpp"
#include "k8s/events.hpp"
#include "k8s/informer.hpp"
#include "modes/sweeper/admin_keys.hpp"
#include "modes/sweeper/metrics.hpp"
#include "modes/sweeper/options.hpp"
#include "modes/sweeper/service_probe.hpp"
#include "spawner/loop.hpp"
#include "spawner/random.hpp"
#include "spawner/transport.hpp"

namespace spawner::sweeper {

struct Environment {
  Loop& loop;
  Random& random;
  Logger log;
  Transport& sidecars;
  ServiceProbe* probe;                         // null: no service check
  const k8s::Informer<ServiceView>& services;  // of the namespace; empty without a service check
  k8s::Client& client;
  k8s::EventRecorder& events;
  AdminKeys& keys;
  SweeperMetrics& metrics;
  const Options& options;
  backend::EventMode eventMode;
};

}  // namespace spawner::sweeper
