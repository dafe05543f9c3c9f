#pragma once
// ProxyCounters: what the data plane has done, for a role's metrics. Plain numbers; the role copies them into its Metrics when asked.

#include <array>
#include <cstddef>
#include <cstdint>

namespace spawner::proxy {

/// Why no answer came from the upstream. The word is API: problem body's "reason", metrics.
enum class FailureKind {
  ConnectFailed,  // refused, unreachable: nobody listens there
  ConnectTimeout,
  NoDescriptors,  // this process has none for the connection, or keeps those that are left
  ClosedEarly,    // the connection ended or broke before a head
  HeadTimeout,
  Stalled,      // ProxyOptions::stallTimeout
  BadAnswer,    // not HTTP, a head beyond the limits, an upgrade nobody asked for
  Intercepted,  // Target::intercept said so
};
inline constexpr std::size_t failureKinds = 8;

/// Owner: the Proxy. Totals only grow; the last group are levels.
struct ProxyCounters {
  std::uint64_t requests = 0;                          // exchanges given to run()
  std::uint64_t upgrades = 0;                          // of them, became tunnels
  std::uint64_t upstreamConnects = 0;                  // connections begun
  std::uint64_t upstreamReuses = 0;                    // exchanges on a pooled connection
  std::uint64_t retries = 0;                           // second tries after a stale pooled connection
  std::uint64_t failuresBeforeHead = 0;                // no answer from upstream: 502, 504, or the caller's FailureHandler
  std::uint64_t brokenAnswers = 0;                     // upstream broke off after its head: the client's connection was aborted
  std::array<std::uint64_t, failureKinds> failures{};  // failuresBeforeHead by FailureKind
  std::uint64_t tooManyTunnels = 0;                    // upgrades refused by maxTunnels: 503
  std::uint64_t tooManyInterim = 0;                    // of the BadAnswers, by maxInterim
  std::uint64_t bodiesStalled = 0;                     // of the brokenAnswers, by stallTimeout
  std::uint64_t tunnelsHalfClosed = 0;                 // ended by halfCloseTimeout
  std::uint64_t tunnelsCutOff = 0;                     // ended by closeTimeout
  std::uint64_t clientGone = 0;                        // the client left before its answer was complete
  std::uint64_t bytesToUpstream = 0;                   // bodies and tunnels, without heads
  std::uint64_t bytesToClient = 0;

  std::size_t active = 0;   // exchanges under way
  std::size_t tunnels = 0;  // upgraded connections open

  /// The sum of both: of proxies on several loops.
  void add(const ProxyCounters& other) {
    requests += other.requests;
    upgrades += other.upgrades;
    upstreamConnects += other.upstreamConnects;
    upstreamReuses += other.upstreamReuses;
    retries += other.retries;
    failuresBeforeHead += other.failuresBeforeHead;
    brokenAnswers += other.brokenAnswers;
    tooManyTunnels += other.tooManyTunnels;
    tooManyInterim += other.tooManyInterim;
    bodiesStalled += other.bodiesStalled;
    tunnelsHalfClosed += other.tunnelsHalfClosed;
    tunnelsCutOff += other.tunnelsCutOff;
    clientGone += other.clientGone;
    bytesToUpstream += other.bytesToUpstream;
    bytesToClient += other.bytesToClient;
    active += other.active;
    tunnels += other.tunnels;
    for (std::size_t i = 0; i < failures.size(); ++i) failures[i] += other.failures[i];
  }
  bool operator==(const ProxyCounters&) const = default;
};

}  // namespace spawner::proxy
