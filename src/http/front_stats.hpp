#pragma once
// FrontStats: what a Front has done and what its limits did, as plain numbers. Owner: the Front. FrontMetrics publishes them.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace spawner::http {

/// What a limit (or the guard) did to a client. The words are API: the label "reason" of spawner_http_refused_total (docs/limits.md).
inline constexpr std::array<std::string_view, 15> refusalReasons = {
    "TooManyConnections",     // maxConnections: 503
    "NoDescriptors",          // the process has no descriptor for it, or keeps those that are left: 503
    "AcceptFailed",           // accept(2) failed and nothing could be shed: accepting pauses for a moment, clients wait in the kernel
    "HeadTooLarge",           // maxHeadBytes: 431
    "TooManyFields",          // maxHeadFields: 431
    "HeadTimeout",            // headTimeout: 408
    "BodyTimeout",            // Exchange::limitBodyIdle: 408
    "ChunkExtensionTooLong",  // chunks.maxExtensionBytes: 400
    "TrailersTooLong",        // chunks.maxTrailerBytes: 400
    "Malformed",              // what the guard and the parsers refuse for what it is: 400, 501, 505
    "NoAnswer",               // 500: the handler gave none that can be sent
    "SlowReader",             // maxUnsentBytes: closed
    "WriteTimeout",           // writeTimeout: closed
    "IdleTimeout",            // keepAliveTimeout: closed
    "LingerLimit",            // lingerTimeout and maxLingerBytes: closed
};

struct FrontStats {
  std::uint64_t accepted = 0, requests = 0, refused = 0;  // refused: answered by the front itself (400, 408, 431, 500, 503)
  std::uint64_t passedBytes = 0;                          // of bodies that went from socket to socket inside the kernel
  std::size_t connections = 0, exchanges = 0;
  std::array<std::uint64_t, refusalReasons.size()> byReason{};  // as refusalReasons

  /// Counts a reason. One that has no counter of its own is a kind of Malformed.
  void count(std::string_view reason) {
    std::size_t at = 0;
    while (at < refusalReasons.size() && refusalReasons[at] != reason) ++at;
    if (at == refusalReasons.size()) return count(reason == "BadAnswerHead" ? "NoAnswer" : "Malformed");
    ++byReason[at];
  }
  /// The same for what is answered.
  void refuse(std::string_view reason) {
    ++refused;
    count(reason);
  }

  /// The sum of both: of fronts on several loops.
  void add(const FrontStats& other) {
    accepted += other.accepted;
    requests += other.requests;
    refused += other.refused;
    passedBytes += other.passedBytes;
    connections += other.connections;
    exchanges += other.exchanges;
    for (std::size_t i = 0; i < byReason.size(); ++i) byReason[i] += other.byReason[i];
  }
  bool operator==(const FrontStats&) const = default;
};

}  // namespace spawner::http
