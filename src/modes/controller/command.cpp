#include "modes/controller/command.hpp"

#include "modes/controller/controller.hpp"
#include "modes/role/command_line.hpp"

namespace spawner::controller {
namespace {

void addOptions(role::CommandLine& line, Options& o) {
  line.text("--namespace", o.ns, "SPAWNER_NAMESPACE", "Namespace of the backends");
  line.text("--sidecar", o.sidecarImage, "SPAWNER_SIDECAR", "Image of the sidecar: spawner's own");
  line.text("--sidecar-pull-policy", o.sidecarPullPolicy, "SPAWNER_CONTROLLER_SIDECAR_PULL_POLICY",
            "imagePullPolicy of the sidecar: Always, IfNotPresent or Never; empty: Kubernetes' default");
  line.text("--image-pull-secret", o.imagePullSecret, "SPAWNER_IMAGE_PULL_SECRET", "Secret to pull images with, added to every pod");
  line.choice("--sidecar-mode", o.sidecarMode, "SPAWNER_CONTROLLER_SIDECAR_MODE",
              "native (an init container that goes on), container, or auto: native where the API server is 1.32 or later",
              {"auto", "native", "container"});
  line.choice("--service", o.service, "SPAWNER_SERVICE", "The Service of a session: clusterip, headless or none",
              {"clusterip", "headless", "none"});
  line.choice("--events", o.events, "SPAWNER_EVENTS", "Kubernetes Events: one a status write, one a state, or none",
              {"write", "state", "none"});
  line.list("--allow-pod-fields", o.allowPodFields, "SPAWNER_ALLOW_POD_FIELDS",
            "Guarded pod fields that templates may use, by name (privileged, hostPath, …); *: all");
  line.text("--url-template", o.urlTemplate, "SPAWNER_URL_TEMPLATE", "URL of a backend, told to it as SPAWNER_URL; {} becomes its name");
  line.text("--service-prefix", o.servicePrefix, "SPAWNER_SERVICE_PREFIX", "What object names begin with; not part of {} above");
  line.text("--system-namespace", o.systemNamespace, "SPAWNER_SYSTEM_NAMESPACE", "Namespace of Spawner itself, for its admin key");
  line.text("--instance", o.instance, "SPAWNER_INSTANCE", "reportingInstance of Events; empty: the host's name");
  line.number("--patch-delay-ms", o.patchDelayMs, "SPAWNER_PATCH_DELAY_MS", "How long the first status write waits for the node");
  line.number("--running-delay-seconds", o.runningDelaySeconds, "SPAWNER_RUNNING_DELAY_SECONDS",
              "After this in phase Running, the controller states Running in the sweeper's place");
  line.number("--lifetime-slack-seconds", o.lifetimeSlackSeconds, "SPAWNER_LIFETIME_SLACK_SECONDS",
              "After this past its maximum lifetime, the controller ends a session in the sweeper's place");
  line.number("--keep-finished-seconds", o.keepFinishedSeconds, "SPAWNER_KEEP_FINISHED_SECONDS",
              "How long failed and completed objects without ttlSecondsAfterFinished are kept");
  line.number("--kube-timeout-seconds", o.kubeTimeoutSeconds, "SPAWNER_KUBE_TIMEOUT_SECONDS", "Limit of one call to Kubernetes");
  line.number("--concurrency", o.concurrency, "SPAWNER_CONCURRENCY", "Objects worked on at once");
  line.number("--max-backoff-seconds", o.maxBackoffSeconds, "SPAWNER_MAX_BACKOFF_SECONDS",
              "Longest wait between failing tries for one object");
  line.number("--max-queued-events", o.maxQueuedEvents, "SPAWNER_MAX_QUEUED_EVENTS",
              "Kubernetes Events that may wait; beyond, they are dropped and counted");
  line.number("--event-hold-ms", o.eventHoldMs, "SPAWNER_EVENT_HOLD_MS",
              "How long an Event waits, so that its writing takes nothing from a session's start");
  line.group("Leader election");
  line.onOff("--leader-election", o.leaderElection, "SPAWNER_LEADER_ELECTION",
             "on: of several controllers one acts, by a Lease; off: all do");
  line.text("--lease-name", o.leaseName, "SPAWNER_LEASE_NAME", "The Lease, in --system-namespace");
  line.number("--lease-seconds", o.leaseSeconds, "SPAWNER_LEASE_SECONDS", "A leader that did not renew the Lease for so long is replaced");
  line.number("--renew-seconds", o.renewSeconds, "SPAWNER_RENEW_SECONDS",
              "A leader that could not renew the Lease for so long acts no more; less than --lease-seconds");
  line.number("--retry-seconds", o.retrySeconds, "SPAWNER_RETRY_SECONDS",
              "Longest wait between looks at the Lease, and between renewals; less than --renew-seconds");
}

}  // namespace

void addCommand(CLI::App& app, std::function<int()>& run) {
  role::addRole<Options>(app, run, "controller", "Makes Pod and Service for each session, follows them, cleans up", addOptions, start);
}

}  // namespace spawner::controller
