#pragma once
// Options of `spawner sweeper`. Names of flags: command.cpp. Every limit is here.

#include <cstddef>
#include <cstdint>
#include <string>

#include "spawner/names.hpp"

namespace spawner::sweeper {

struct Options {
  std::string ns = std::string(names::defaultNamespace);              // --namespace (original)
  std::string nodeName;                                               // --node-name (original), NODE_NAME: required
  std::string adminKeyFile;                                           // --admin-key-file; empty: the Secret spawner-admin-key
  std::string systemNamespace = std::string(names::systemNamespace);  // --system-namespace: where the Secret is
  bool serviceCheck = true;      // --service-check on|off: Ready only after a connection to clusterIP:9090, where the session has one
  std::string events = "write";  // --events write|state|none
  std::string instance;          // --instance: reportingInstance of Events; empty: the host's name

  std::uint32_t freshSeconds = 15;          // --fresh-seconds: an older report ends nothing, and contact counts as lost
  std::uint32_t runningDelayMs = 1000;      // --running-delay-ms: a running application that is not Ready for so long is stated Running
  std::uint32_t contactEverySeconds = 60;   // --contact-every-seconds: between two writes about lost contact
  std::uint32_t commandSpacingMs = 500;     // --command-spacing-ms: between two commands to one sidecar
  std::uint32_t commandTimeoutSeconds = 5;  // --command-timeout-seconds: one call to a sidecar
  std::uint32_t firstTimeoutMs = 500;       // --first-timeout-ms: one try to connect while a sidecar has not answered yet
  std::uint32_t retryFirstMs = 5;           // --retry-first-ms: between tries to connect, growing with the time waited ...
  std::uint32_t retryMaxMs = 5000;          // --retry-max-ms: ... up to this
  std::uint32_t keyReloadSeconds = 60;      // --key-reload-seconds
  std::uint32_t kubeTimeoutSeconds = 10;    // --kube-timeout-seconds: one call to Kubernetes
  std::size_t maxFollowed = 1000;           // --max-followed: pods; more are left alone, counted and told
  std::size_t maxEventBytes = 16 * 1024;    // --max-event-bytes: of one event of a sidecar
  std::size_t maxQueuedEvents = 1000;       // --max-queued-events: Kubernetes Events; beyond, they are dropped and counted
  std::uint32_t eventHoldMs = 500;          // --event-hold-ms: an Event is sent so much later
};

}  // namespace spawner::sweeper
