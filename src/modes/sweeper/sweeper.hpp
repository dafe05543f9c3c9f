#pragma once
// The sweeper role: follows the sidecars of its node, states the facts Running, Ready and Swept, and asks sidecars to end what is unused or
// too old. It decides nothing itself: only a sidecar's fresh report can end a session (P3). Restarting it, or running two, changes nothing.

#include <memory>

#include "modes/role/role.hpp"
#include "modes/sweeper/options.hpp"
#include "modes/sweeper/service_probe.hpp"

namespace spawner::sweeper {

/// sidecars: HTTP to podIP:adminPort (TransportRequest::authority). probe: null means no service check. Both outlive the role.
Result<std::unique_ptr<role::Role>> start(role::Context context, Options options, Transport* sidecars, ServiceProbe* probe = nullptr);
/// With libcurl and sockets on the context's loop.
Result<std::unique_ptr<role::Role>> start(role::Context context, Options options);

}  // namespace spawner::sweeper
