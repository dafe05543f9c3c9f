#pragma once
// Options of `spawner api`. Names of flags: command.cpp. Every limit is here.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "spawner/names.hpp"

namespace spawner::api {

struct Options {
  std::string ns = std::string(names::defaultNamespace);          // --namespace (original)
  std::uint16_t port = 8080;                                      // --port (original): on all addresses
  std::string listen;                                             // --listen ADDRESS:PORT: instead of --port
  std::string urlTemplate;                                        // --url-template (original): {} becomes the name; empty: url is null
  std::string apiServerBase;                                      // --api-server-base (original); empty: readyUrl and statusUrl are null
  std::string servicePrefix = std::string(names::defaultPrefix);  // --service-prefix (original)
  std::uint32_t defaultGraceSeconds = names::defaultGraceSeconds;

  /// Host names that requests may be for (DNS rebinding); "*.localhost" allows every name below it. Empty: any.
  std::vector<std::string> allowedHosts;

  std::size_t maxStreams = 1000;             // open status streams; beyond: 503
  std::size_t maxRequests = 500;             // requests waiting for Kubernetes; beyond: 503
  std::size_t maxConnections = 4000;         // of the listener
  std::size_t maxBodyBytes = 256 * 1024;     // of a request; beyond: 413
  std::size_t maxUnsentBytes = 1024 * 1024;  // of an answer; a slower reader is dropped
  std::size_t maxListItems = 500;            // of one answer of GET /backends
  std::uint32_t heartbeatSeconds = 15;       // a comment on idle status streams
  std::uint32_t kubeTimeoutSeconds = 10;     // one call to Kubernetes
  std::uint32_t spawnTimeoutSeconds = 20;    // a spawn with its repeats
  std::uint32_t rememberEndsSeconds = 600;
  std::size_t rememberEndsMax = 10'000;
  double lookupsPerSecond = 50;  // GETs for names that the informer does not have
};

}  // namespace spawner::api
