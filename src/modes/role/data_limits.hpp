#pragma once
// DataLimits: every limit of what carries users' bytes, with one name and one meaning in the sidecar and in the gateway. What each does to
// a client, and which metric tells of it: docs/limits.md.

#include <cstddef>
#include <cstdint>
#include <string>

#include "http/front.hpp"
#include "modes/role/command_line.hpp"
#include "proxy/proxy.hpp"
#include "spawner/result.hpp"

namespace spawner::role {

/// Times of 0: no limit where the help says so; a keep-alive or lingering of 0 ends at once. "Upstream" is the application (sidecar), or a
/// session's sidecar (gateway).
struct DataLimits {
  // clients
  std::size_t maxConnections = 10'000;       // --max-connections
  std::size_t maxTunnels = 10'000;           // --max-tunnels: upgraded connections
  std::size_t spareDescriptors = 128;        // --spare-descriptors: clients leave them free; upstreams leave a quarter of them
  std::size_t maxHeadBytes = 32 * 1024;      // --max-head-bytes
  std::size_t maxHeadFields = 100;           // --max-head-fields
  std::uint32_t headTimeoutSeconds = 10;     // --head-timeout-seconds: first byte to the head's end
  std::uint32_t keepAliveSeconds = 75;       // --keep-alive-seconds: of a client's idle connection
  std::uint32_t writeTimeoutSeconds = 60;    // --write-timeout-seconds: a client that takes nothing for this long is gone
  std::size_t maxUnsentBytes = 1024 * 1024;  // --max-unsent-bytes: of an answer in memory
  std::size_t maxPipes = 64;                 // --max-pipes: for answers that pass inside the kernel
  std::uint32_t lingerSeconds = 2;           // --linger-seconds: input thrown away after a last answer
  std::size_t maxLingerBytes = 1024 * 1024;  // --max-linger-bytes
  std::size_t maxChunkExtensionBytes = 256;  // --max-chunk-extension-bytes
  std::size_t maxTrailerBytes = 8 * 1024;    // --max-trailer-bytes
  std::uint32_t deadPeerSeconds = 60;        // --dead-peer-seconds: TCP keep-alive and user time-out; 0: the system's

  // upstreams
  std::uint32_t connectTimeoutSeconds = 5;         // --connect-timeout-seconds
  std::uint32_t answerTimeoutSeconds = 3600;       // --answer-timeout-seconds: request sent to the answer's head
  std::uint32_t stallTimeoutSeconds = 0;           // --stall-timeout-seconds: without a byte in a body under way
  std::size_t maxAnswerHeadBytes = 64 * 1024;      // --max-answer-head-bytes
  std::size_t maxAnswerHeadFields = 200;           // --max-answer-head-fields
  std::size_t maxAnswerChunkExtensionBytes = 256;  // --max-answer-chunk-extension-bytes
  std::size_t maxAnswerTrailerBytes = 8 * 1024;    // --max-answer-trailer-bytes
  std::size_t maxInterimAnswers = 32;              // --max-interim-answers: of 1xx, before the final one
  std::size_t poolSize = 128;                      // --pool-size: idle connections
  std::uint32_t poolIdleMs = 4000;                 // --pool-idle-ms
  std::uint32_t unsafeReuseMs = 1000;              // --unsafe-reuse-ms (docs/decisions/0030)
  std::uint32_t busyPollUs = 100;                  // --busy-poll-us (docs/decisions/0065)
  std::uint32_t halfCloseSeconds = 60;             // --half-close-seconds: an upgraded connection with one side ended
  std::uint32_t closeSeconds = 5;                  // --close-seconds: between our 1001 and the hard end of a WebSocket
  std::size_t bufferBytes = 16 * 1024;             // --buffer-bytes: of an exchange or tunnel, a direction

  // HTTP/2 (h2c.hpp)
  std::uint32_t maxStreams = 1000;                        // --max-streams: open at once on a client's connection
  std::uint32_t streamWindowBytes = 256 * 1024;           // --stream-window-bytes: held of a stream, a direction
  std::uint32_t connectionWindowBytes = 4 * 1024 * 1024;  // --connection-window-bytes: of all requests of a client's connection
  std::uint32_t maxStreamResets = 1000;                   // --max-stream-resets: at once on a client's connection; GOAWAY beyond
  std::uint32_t streamResetsPerSecond = 100;              // --stream-resets-per-second: the same, going on
  std::size_t maxUpstreamConnections = 16;                // --max-upstream-connections: HTTP/2, to one upstream
};

/// Binds them all. `envPrefix` stands in front of each variable's name; `upstream` is what the help calls it ("the application").
void addDataLimits(CommandLine& line, DataLimits& limits, const std::string& envPrefix, const std::string& upstream);
/// InvalidArgument names the option.
Result<void> check(const DataLimits& limits);
http::FrontLimits frontLimits(const DataLimits& limits);
proxy::ProxyOptions proxyOptions(const DataLimits& limits);

}  // namespace spawner::role
