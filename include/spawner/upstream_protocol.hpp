#pragma once
// What an application speaks, by name: on slabs, in spawn requests, and to the sidecar.

#include <string_view>

namespace spawner::names {

/// On a slab, by whoever creates it: one of the two below. Read when its pod is made. Without it: http1.
inline constexpr std::string_view upstreamProtocolAnnotation = "spawner.dev/upstream-protocol";
inline constexpr std::string_view http1Protocol = "http1";  // HTTP/1.1
inline constexpr std::string_view h2cProtocol = "h2c";      // HTTP/2 without TLS (gRPC)

}  // namespace spawner::names
