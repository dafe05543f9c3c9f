#pragma once
// Options of `spawner gateway`. Names of flags: command.cpp. Every limit is here or in role::DataLimits.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "modes/role/data_limits.hpp"
#include "spawner/names.hpp"

namespace spawner::gateway {

inline constexpr std::uint32_t maxLoops = 64;

struct Options : role::DataLimits {
  Options() {
    maxConnections = maxTunnels = 20'000;
    poolSize = 1024;
  }

  std::string listen = ":8080";                                   // --listen ADDRESS:PORT
  std::string ns = std::string(names::defaultNamespace);          // --namespace
  std::string servicePrefix = std::string(names::defaultPrefix);  // --service-prefix
  std::vector<std::string> domains;                               // --domain D, repeatable: <name>.D is the session's own origin
  std::string apiUpstream;                                        // --api-upstream ADDRESS:PORT: where /api/ goes; empty: 404

  /// Host names that requests may be for (DNS rebinding); "*.localhost" allows every name below it. Empty: any. Names below a --domain are
  /// always allowed.
  std::vector<std::string> allowedHosts;
  bool trustForwarded = false;  // --trust-forwarded: X-Forwarded-* of the client's side are kept (there is a proxy of ours in front)

  std::string landingPage;                   // --landing-page FILE: the page at /
  std::string landingImage;                  // --landing-image NAME: the built-in page gets a button that spawns this image
  std::string landingTitle = "New session";  // --landing-title TEXT: what the button says

  /// --loops: event loops that serve requests. 1: the role's own. More: so many threads, which share nothing; each has its share of the
  /// numbers below that are totals (dividedLimits()), and the kernel spreads the connections over them.
  std::uint32_t loops = 1;

  std::uint32_t waitSeconds = 10;  // a request that is not a browser's navigation waits this long for Ready; 0: 503 at once
  std::size_t maxWaiting = 1000;   // such requests at once; beyond: 503
  std::uint32_t rememberEndsSeconds = 600;
  std::size_t rememberEndsMax = 10'000;
  double lookupsPerSecond = 50;  // GETs for names that the informer does not have
  std::uint32_t kubeTimeoutSeconds = 10;

  std::size_t poolSizePerSession = 128;  // --pool-size-per-session: of --pool-size, to one sidecar
  bool h2c = false;                      // --h2c: clients may speak HTTP/2 without TLS, and gRPC goes on by it
};

}  // namespace spawner::gateway
