#pragma once
// Options of `spawner controller`. Names of flags: command.cpp. Every limit is here.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "spawner/names.hpp"

namespace spawner::controller {

struct Options {
  std::string ns = std::string(names::defaultNamespace);              // --namespace (original)
  std::string sidecarImage = "spawner";                               // --sidecar (original)
  std::string sidecarPullPolicy;                                      // --sidecar-pull-policy; empty: Kubernetes' default
  std::string imagePullSecret;                                        // --image-pull-secret (original)
  std::string sidecarMode = "auto";                                   // --sidecar-mode auto|native|container
  std::string service = "clusterip";                                  // --service clusterip|headless|none
  std::string events = "write";                                       // --events write|state|none
  std::vector<std::string> allowPodFields;                            // --allow-pod-fields
  std::string urlTemplate;                                            // --url-template: SPAWNER_URL of the applications; empty: none
  std::string servicePrefix = std::string(names::defaultPrefix);      // --service-prefix: not part of {} in the URL template
  std::string systemNamespace = std::string(names::systemNamespace);  // --system-namespace: where the Secret spawner-admin-key is
  std::string instance;                                               // --instance: reportingInstance of Events; empty: the host's name
  /// What the applications' sidecars get as environment; empty: the controller's own SPAWNER_SIDECAR_* variables, prefix removed.
  std::vector<std::pair<std::string, std::string>> sidecarEnv;

  std::uint32_t patchDelayMs = 150;         // --patch-delay-ms: the first status write waits so long for the node
  std::uint32_t runningDelaySeconds = 5;    // --running-delay-seconds: then the controller states Running in the sweeper's place
  std::uint32_t lifetimeSlackSeconds = 60;  // --lifetime-slack-seconds: then the controller ends a session past its maximum lifetime
  std::uint32_t keepFinishedSeconds = 300;  // --keep-finished-seconds: Failed and Completed objects without a ttl
  std::uint32_t kubeTimeoutSeconds = 10;    // --kube-timeout-seconds: one call to Kubernetes
  std::size_t concurrency = 64;             // --concurrency: objects worked on at once
  std::uint32_t maxBackoffSeconds = 30;     // --max-backoff-seconds: between failing tries for one object
  std::size_t maxQueuedEvents = 1000;       // --max-queued-events: beyond, Events are dropped and counted
  std::uint32_t eventHoldMs = 500;          // --event-hold-ms: an Event is sent so much later

  bool leaderElection = false;                   // --leader-election: of several replicas one acts
  std::string leaseName = "spawner-controller";  // --lease-name: the Lease in --system-namespace
  std::uint32_t leaseSeconds = 15;               // --lease-seconds: a leader that was not heard of for so long is replaced
  std::uint32_t renewSeconds = 10;               // --renew-seconds: a leader that could not renew for so long acts no more
  std::uint32_t retrySeconds = 2;                // --retry-seconds: between looks at the Lease, and between renewals
};

}  // namespace spawner::controller
