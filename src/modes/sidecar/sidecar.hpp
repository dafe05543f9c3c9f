#pragma once
// The sidecar: reverse proxy in each pod; knows what is in use, and alone decides that a session is over. No Kubernetes access.
//   serve port: everything goes to the application (data_plane.hpp)
//   admin port: signed events and commands (admin_server.hpp)
//   local port: for the application (local_server.hpp)

#include <memory>

#include "modes/role/role.hpp"
#include "modes/sidecar/options.hpp"

namespace spawner::sidecar {

/// The ports in use, where an option was 0.
struct Ports {
  std::uint16_t serve = 0, admin = 0, local = 0;
};

/// InvalidArgument names the option. context.kube is not used. stop(): refuses what is new, gives what is in flight options.drainSeconds
/// (WebSockets are closed with 1001), then cuts off what is left.
Result<std::unique_ptr<role::Role>> start(role::Context context, Options options);
/// REQUIRES: a role that start() above made.
Ports portsOf(const role::Role& sidecar);

}  // namespace spawner::sidecar
