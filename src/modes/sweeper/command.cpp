#include "modes/sweeper/command.hpp"

#include <CLI/CLI.hpp>
#include <memory>

#include "modes/role/role.hpp"
#include "modes/sweeper/sweeper.hpp"

namespace spawner::sweeper {
namespace {

void addLimits(CLI::App& command, Options& options) {
  const auto limit = [&command](const char* flag, auto& field, const char* env, const char* help) {
    command.add_option(flag, field, help)->envname(env)->check(CLI::NonNegativeNumber)->capture_default_str();
  };
  limit("--fresh-seconds", options.freshSeconds, "SPAWNER_FRESH_SECONDS",
        "An older report of a sidecar ends nothing; contact counts as lost");
  limit("--running-delay-ms", options.runningDelayMs, "SPAWNER_RUNNING_DELAY_MS",
        "A running application that is not Ready for so long is stated Running");
  limit("--contact-every-seconds", options.contactEverySeconds, "SPAWNER_CONTACT_EVERY_SECONDS",
        "Least time between two status writes about lost contact");
  limit("--command-spacing-ms", options.commandSpacingMs, "SPAWNER_COMMAND_SPACING_MS", "Least time between two commands to one sidecar");
  limit("--command-timeout-seconds", options.commandTimeoutSeconds, "SPAWNER_COMMAND_TIMEOUT_SECONDS", "Deadline of one call to a sidecar");
  limit("--first-timeout-ms", options.firstTimeoutMs, "SPAWNER_FIRST_TIMEOUT_MS",
        "Deadline of one try to connect to a sidecar that has not answered yet; grows");
  limit("--retry-first-ms", options.retryFirstMs, "SPAWNER_RETRY_FIRST_MS",
        "First delay between tries to connect; grows with the time waited");
  limit("--retry-max-ms", options.retryMaxMs, "SPAWNER_RETRY_MAX_MS", "Longest delay between tries to connect");
  limit("--key-reload-seconds", options.keyReloadSeconds, "SPAWNER_KEY_RELOAD_SECONDS", "How often the admin key is read again");
  limit("--kube-timeout-seconds", options.kubeTimeoutSeconds, "SPAWNER_KUBE_TIMEOUT_SECONDS", "Deadline of one call to Kubernetes");
  limit("--max-followed", options.maxFollowed, "SPAWNER_MAX_FOLLOWED", "Pods followed at once; more are left alone, counted and told");
  limit("--max-event-bytes", options.maxEventBytes, "SPAWNER_MAX_EVENT_BYTES", "Longest event of a sidecar");
  limit("--max-queued-events", options.maxQueuedEvents, "SPAWNER_MAX_QUEUED_EVENTS",
        "Kubernetes Events waiting; more are dropped and counted");
}

}  // namespace

void addCommand(CLI::App& app, std::function<int()>& run) {
  CLI::App* command = app.add_subcommand("sweeper", "Follow the sidecars of this node: state Ready, end what is unused");
  const auto options = std::make_shared<Options>();
  const auto common = std::make_shared<role::CommonOptions>();
  const auto serviceCheck = std::make_shared<std::string>("on");
  role::addCommonOptions(*command, *common);
  command->add_option("--namespace", options->ns, "Namespace of the sessions")->envname("SPAWNER_NAMESPACE")->capture_default_str();
  // NODE_NAME: what the downward API of the original's DaemonSet sets.
  command->add_option("--node-name", options->nodeName, "The node whose pods are followed (also from NODE_NAME); required")
      ->envname("NODE_NAME");
  command
      ->add_option("--admin-key-file", options->adminKeyFile, "File with the admin key; without it, the Secret spawner-admin-key is read")
      ->envname("SPAWNER_ADMIN_KEY_FILE");
  command->add_option("--system-namespace", options->systemNamespace, "Namespace of the Secret")
      ->envname("SPAWNER_SYSTEM_NAMESPACE")
      ->capture_default_str();
  command->add_option("--service-check", *serviceCheck, "Ready only after a connection to the Service, where the pod names its address")
      ->envname("SPAWNER_SERVICE_CHECK")
      ->check(CLI::IsMember({"on", "off"}))
      ->capture_default_str();
  command->add_option("--events", options->events, "Kubernetes Events: one a status write, one a state, or none")
      ->envname("SPAWNER_EVENTS")
      ->check(CLI::IsMember({"write", "state", "none"}))
      ->capture_default_str();
  command->add_option("--instance", options->instance, "reportingInstance of Events; default: the host's name")
      ->envname("SPAWNER_INSTANCE");
  addLimits(*command, *options);
  command->callback([options, common, serviceCheck, &run] {
    options->serviceCheck = *serviceCheck == "on";
    run = [options, common] {
      return role::runProcess("sweeper", *common, true, [&options](role::Context context) { return start(context, *options); });
    };
  });
}

}  // namespace spawner::sweeper
