#pragma once
// The gateway role: the front door: /p/<name>/ and <name>.<domain> to the session's sidecar, /api/ to the API, the waiting page while a
// session starts, and pages that say why for all that cannot be served.

#include <cstdint>
#include <memory>

#include "modes/gateway/options.hpp"
#include "modes/role/role.hpp"

namespace spawner::gateway {

/// The role with its listener's port (of use with port 0).
class GatewayRole : public role::Role {
 public:
  [[nodiscard]] virtual std::uint16_t port() const = 0;
};

/// Bad options, an unreadable landing page and a taken address are errors that name the flag.
Result<std::unique_ptr<GatewayRole>> startGateway(role::Context context, Options options);
Result<std::unique_ptr<role::Role>> start(role::Context context, Options options);

}  // namespace spawner::gateway
