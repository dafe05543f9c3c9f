#pragma once
// Options of `spawner sidecar`. Names of flags: command.cpp. Every limit is here or in role::DataLimits.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "modes/role/data_limits.hpp"
#include "spawner/names.hpp"
#include "spawner/upstream_protocol.hpp"

namespace spawner::sidecar {

struct Options : role::DataLimits {
  std::uint16_t servePort = names::servePort;           // --serve-port (original); 0 picks one (tests)
  std::uint16_t upstreamPort = names::defaultHttpPort;  // --upstream-port (original): the application's
  std::uint16_t adminPort = names::adminPort;           // --admin-port
  std::uint16_t localPort = names::localPort;           // --local-port: for the application

  std::string address;                     // --address IP: stands for all three below (a pod of `spawner dev` has its own loopback address)
  std::string serveAddress;                // --serve-address IP; empty: all, IPv4 and IPv6
  std::string adminAddress;                // --admin-address IP; empty: all, IPv4 and IPv6
  std::string localAddress = "127.0.0.1";  // --local-address IP

  std::vector<std::string> adminKeys;                    // --admin-key ID:BASE64, at most two: public keys. None: commands are refused
  std::string podUid;                                    // --pod-uid: what signatures are bound to, and what the events say
  bool insecureAdmin = false;                            // --insecure-admin: without a key the admin port gives events to anybody
  bool eventsOnServePort = false;                        // --events-on-serve-port (original): GET /_events there is ours, unsigned
  std::string sessionFile = "/dev/shm/spawner-session";  // --session-file; empty: none
  std::vector<std::string> ignorePaths;                  // --ignore-path PATH, repeatable: such requests are no use
  bool noTrustForwarded = false;                         // --no-trust-forwarded: X-Forwarded-* from our client are thrown away

  std::uint32_t drainSeconds = 20;      // --drain-seconds: what is in flight has this long, at SIGTERM and at most in GET /_hold
  std::uint32_t readyWaitSeconds = 10;  // --ready-wait-seconds: a request that comes before Ready waits this long, then 503
  std::size_t maxWaiting = 100;         // --max-waiting: such requests at once; beyond: 503

  /// --upstream-protocol http1|h2c: what the application speaks.
  std::string upstreamProtocol = std::string(names::http1Protocol);

  std::size_t maxEventReaders = 16;      // --max-event-readers
  bool exportMetrics = false;            // there are metrics (set where --metrics-listen is)
  std::size_t maxAdminConnections = 64;  // --max-admin-connections, of the admin port and of the local port

  std::function<void()> endProcess;  // asks for the ordered end of this process; empty: there is none of its own
};

}  // namespace spawner::sidecar
