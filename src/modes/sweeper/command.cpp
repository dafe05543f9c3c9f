#include "modes/sweeper/command.hpp"

#include "modes/role/command_line.hpp"
#include "modes/sweeper/sweeper.hpp"

namespace spawner::sweeper {
namespace {

void addLimits(role::CommandLine& line, Options& options) {
  line.number("--fresh-seconds", options.freshSeconds, "SPAWNER_FRESH_SECONDS",
              "An older report of a sidecar ends nothing; contact counts as lost");
  line.number("--running-delay-ms", options.runningDelayMs, "SPAWNER_RUNNING_DELAY_MS",
              "A running application that is not Ready for so long is stated Running");
  line.number("--contact-every-seconds", options.contactEverySeconds, "SPAWNER_CONTACT_EVERY_SECONDS",
              "Least time between two status writes about lost contact");
  line.number("--command-spacing-ms", options.commandSpacingMs, "SPAWNER_COMMAND_SPACING_MS",
              "Least time between two commands to one sidecar");
  line.number("--command-timeout-seconds", options.commandTimeoutSeconds, "SPAWNER_COMMAND_TIMEOUT_SECONDS",
              "Deadline of one call to a sidecar");
  line.number("--first-timeout-ms", options.firstTimeoutMs, "SPAWNER_FIRST_TIMEOUT_MS",
              "Deadline of one try to connect to a sidecar that has not answered yet; grows");
  line.number("--retry-first-ms", options.retryFirstMs, "SPAWNER_RETRY_FIRST_MS",
              "First delay between tries to connect; grows with the time waited");
  line.number("--retry-max-ms", options.retryMaxMs, "SPAWNER_RETRY_MAX_MS", "Longest delay between tries to connect");
  line.number("--key-reload-seconds", options.keyReloadSeconds, "SPAWNER_KEY_RELOAD_SECONDS", "How often the admin key is read again");
  line.number("--kube-timeout-seconds", options.kubeTimeoutSeconds, "SPAWNER_KUBE_TIMEOUT_SECONDS", "Deadline of one call to Kubernetes");
  line.number("--max-followed", options.maxFollowed, "SPAWNER_MAX_FOLLOWED",
              "Pods followed at once; more are left alone, counted and told");
  line.number("--max-event-bytes", options.maxEventBytes, "SPAWNER_MAX_EVENT_BYTES", "Longest event of a sidecar");
  line.number("--max-queued-events", options.maxQueuedEvents, "SPAWNER_MAX_QUEUED_EVENTS",
              "Kubernetes Events waiting; more are dropped and counted");
  line.number("--event-hold-ms", options.eventHoldMs, "SPAWNER_EVENT_HOLD_MS",
              "How long an Event waits, so that its writing takes nothing from a session's start");
}

void addOptions(role::CommandLine& line, Options& options) {
  line.text("--namespace", options.ns, "SPAWNER_NAMESPACE", "Namespace of the sessions");
  // NODE_NAME: what the downward API of the original's DaemonSet sets.
  line.text("--node-name", options.nodeName, "NODE_NAME", "The node whose pods are followed (also from NODE_NAME); required");
  line.text("--admin-key-file", options.adminKeyFile, "SPAWNER_ADMIN_KEY_FILE",
            "File with the admin key; without it, the Secret spawner-admin-key is read");
  line.text("--system-namespace", options.systemNamespace, "SPAWNER_SYSTEM_NAMESPACE", "Namespace of the Secret");
  line.onOff("--service-check", options.serviceCheck, "SPAWNER_SERVICE_CHECK",
             "Ready only after a connection to the session's Service, where it has a cluster IP; watches Services");
  line.choice("--events", options.events, "SPAWNER_EVENTS", "Kubernetes Events: one a status write, one a state, or none",
              {"write", "state", "none"});
  line.text("--instance", options.instance, "SPAWNER_INSTANCE", "reportingInstance of Events; default: the host's name");
  addLimits(line, options);
}

}  // namespace

void addCommand(CLI::App& app, std::function<int()>& run) {
  role::addRole<Options>(app, run, "sweeper", "Follow the sidecars of this node: state Ready, end what is unused", addOptions, start);
}

}  // namespace spawner::sweeper
