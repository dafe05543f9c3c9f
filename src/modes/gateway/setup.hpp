#pragma once
// Setup: what was made of the options at the start, each checked. Never changed afterwards: all lanes read it.

#include <cstddef>
#include <optional>

#include "http/message.hpp"
#include "loop/socket.hpp"
#include "modes/gateway/options.hpp"
#include "modes/role/host_check.hpp"

namespace spawner::gateway {

struct Setup {
  Options options;
  SocketAddress listen;
  std::optional<SocketAddress> api;
  role::HostCheck hosts;
  http::Response landing;
};

/// InvalidArgument and System errors name the flag.
Result<Setup> prepare(Options options);

/// The part of a limit that the lane of this index has: the parts of all `loops` lanes add up to it.
constexpr std::size_t shareOf(std::size_t total, std::size_t loops, std::size_t index) {
  return total / loops + (index < total % loops ? 1 : 0);
}
/// The options as they are for that lane: the totals are its shares.
Options dividedLimits(Options options, std::size_t index);

}  // namespace spawner::gateway
