#pragma once
// listenOn: a front on one address, or on all of them in both families.

#include <string>

#include "base/log.hpp"
#include "http/front.hpp"

namespace spawner::sidecar {

/// An empty ip: every IPv4 and, where there is IPv6, every IPv6 address, with the same port.
Result<void> listenOn(http::Front& front, const std::string& ip, std::uint16_t port, const Logger& log);

}  // namespace spawner::sidecar
