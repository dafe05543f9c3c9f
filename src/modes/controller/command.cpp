#include "modes/controller/command.hpp"

#include <CLI/CLI.hpp>
#include <memory>

#include "modes/controller/controller.hpp"
#include "modes/role/role.hpp"

namespace spawner::controller {
namespace {

void addOptions(CLI::App& command, Options& o) {
  const auto add = [&command](const char* flag, auto& target, const char* env, const char* help) {
    return command.add_option(flag, target, help)->envname(env)->capture_default_str();
  };
  add("--namespace", o.ns, "SPAWNER_NAMESPACE", "Namespace of the backends");
  add("--sidecar", o.sidecarImage, "SPAWNER_SIDECAR", "Image of the sidecar: spawner's own");
  add("--sidecar-pull-policy", o.sidecarPullPolicy, "SPAWNER_CONTROLLER_SIDECAR_PULL_POLICY",
      "imagePullPolicy of the sidecar: Always, IfNotPresent or Never; empty: Kubernetes' default");
  add("--image-pull-secret", o.imagePullSecret, "SPAWNER_IMAGE_PULL_SECRET", "Secret to pull images with, added to every pod");
  add("--sidecar-mode", o.sidecarMode, "SPAWNER_CONTROLLER_SIDECAR_MODE",
      "native (an init container that goes on), container, or auto: native where the API server is 1.32 or later");
  add("--service", o.service, "SPAWNER_SERVICE", "The Service of a session: clusterip, headless or none");
  add("--events", o.events, "SPAWNER_EVENTS", "Kubernetes Events: one a status write, one a state, or none");
  add("--allow-pod-fields", o.allowPodFields, "SPAWNER_ALLOW_POD_FIELDS",
      "Guarded pod fields that templates may use, by name (privileged, hostPath, …); *: all")
      ->delimiter(',');
  add("--url-template", o.urlTemplate, "SPAWNER_URL_TEMPLATE", "URL of a backend, told to it as SPAWNER_URL; {} becomes its name");
  add("--service-prefix", o.servicePrefix, "SPAWNER_SERVICE_PREFIX", "What object names begin with; not part of {} above");
  add("--system-namespace", o.systemNamespace, "SPAWNER_SYSTEM_NAMESPACE", "Namespace of Spawner itself, for its admin key");
  add("--instance", o.instance, "SPAWNER_INSTANCE", "reportingInstance of Events; empty: the host's name");
  add("--patch-delay-ms", o.patchDelayMs, "SPAWNER_PATCH_DELAY_MS", "How long the first status write waits for the node");
  add("--running-delay-seconds", o.runningDelaySeconds, "SPAWNER_RUNNING_DELAY_SECONDS",
      "After this in phase Running, the controller states Running in the sweeper's place");
  add("--lifetime-slack-seconds", o.lifetimeSlackSeconds, "SPAWNER_LIFETIME_SLACK_SECONDS",
      "After this past its maximum lifetime, the controller ends a session in the sweeper's place");
  add("--keep-finished-seconds", o.keepFinishedSeconds, "SPAWNER_KEEP_FINISHED_SECONDS",
      "How long failed and completed objects without ttlSecondsAfterFinished are kept");
  add("--kube-timeout-seconds", o.kubeTimeoutSeconds, "SPAWNER_KUBE_TIMEOUT_SECONDS", "Limit of one call to Kubernetes");
  add("--concurrency", o.concurrency, "SPAWNER_CONCURRENCY", "Objects worked on at once");
  add("--max-backoff-seconds", o.maxBackoffSeconds, "SPAWNER_MAX_BACKOFF_SECONDS", "Longest wait between failing tries for one object");
  add("--max-queued-events", o.maxQueuedEvents, "SPAWNER_MAX_QUEUED_EVENTS",
      "Kubernetes Events that may wait; beyond, they are dropped and counted");
}

}  // namespace

void addCommand(CLI::App& app, std::function<int()>& run) {
  auto options = std::make_shared<Options>();
  auto common = std::make_shared<role::CommonOptions>();
  CLI::App* command = app.add_subcommand("controller", "Makes Pod and Service for each session, follows them, cleans up");
  addOptions(*command, *options);
  role::addCommonOptions(*command, *common);
  command->callback([options, common, &run] {
    run = [options, common] {
      return role::runProcess("controller", *common, true,
                              [options](role::Context context) { return start(std::move(context), *options); });
    };
  });
}

}  // namespace spawner::controller
