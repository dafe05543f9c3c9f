#pragma once
// The events.k8s.io/v1 form of Events, which are stored in the core/v1 form. Pure.

#include "cluster/json.hpp"

namespace spawner::cluster {

Json toEventsV1(const Json& core);
Json fromEventsV1(const Json& event);

}  // namespace spawner::cluster
