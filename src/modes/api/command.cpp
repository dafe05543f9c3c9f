#include "modes/api/command.hpp"

#include <memory>

#include <CLI/CLI.hpp>

#include "modes/api/api.hpp"
#include "modes/role/role.hpp"

namespace spawner::api {

namespace {

void addOptions(CLI::App& command, Options& o) {
  const auto add = [&command](const char* flag, auto& target, const char* env, const char* help) {
    return command.add_option(flag, target, help)->envname(env)->capture_default_str();
  };
  add("--namespace", o.ns, "SPAWNER_NAMESPACE", "Namespace of the backends");
  // Not SPAWNER_PORT or SPAWNER_API_PORT: a Service named spawner or spawner-api puts those into the environment of pods
  // ("tcp://10.0.0.1:8080").
  add("--port", o.port, "SPAWNER_LISTEN_PORT", "Port to listen on, on all addresses");
  add("--listen", o.listen, "SPAWNER_LISTEN", "ADDRESS:PORT to listen on, instead of --port");
  add("--url-template", o.urlTemplate, "SPAWNER_URL_TEMPLATE", "URL of a backend; {} becomes its name");
  add("--api-server-base", o.apiServerBase, "SPAWNER_API_SERVER_BASE", "URL of this API, for readyUrl and statusUrl");
  add("--service-prefix", o.servicePrefix, "SPAWNER_SERVICE_PREFIX", "What object names begin with");
  add("--default-grace-seconds", o.defaultGraceSeconds, "SPAWNER_DEFAULT_GRACE_SECONDS", "gracePeriodSeconds where a request has none");
  add("--allowed-hosts", o.allowedHosts, "SPAWNER_ALLOWED_HOSTS", "Host names to answer for, \"*.example.org\" for all below; none: any")
      ->delimiter(',');
  add("--max-streams", o.maxStreams, "SPAWNER_MAX_STREAMS", "Open status streams; 503 beyond");
  add("--max-requests", o.maxRequests, "SPAWNER_MAX_REQUESTS", "Requests that wait for Kubernetes; 503 beyond");
  add("--max-connections", o.maxConnections, "SPAWNER_MAX_CONNECTIONS", "Connections; 503 beyond");
  add("--max-body-bytes", o.maxBodyBytes, "SPAWNER_MAX_BODY_BYTES", "Size of a request's body; 413 beyond");
  add("--max-unsent-bytes", o.maxUnsentBytes, "SPAWNER_MAX_UNSENT_BYTES",
      "Unread answer a connection may have; a slower reader is dropped");
  add("--max-list-items", o.maxListItems, "SPAWNER_MAX_LIST_ITEMS", "Sessions in one answer of GET /backends");
  add("--heartbeat-seconds", o.heartbeatSeconds, "SPAWNER_HEARTBEAT_SECONDS", "A comment on a status stream that is idle this long");
  add("--kube-timeout-seconds", o.kubeTimeoutSeconds, "SPAWNER_KUBE_TIMEOUT_SECONDS", "Limit of one call to Kubernetes");
  add("--spawn-timeout-seconds", o.spawnTimeoutSeconds, "SPAWNER_SPAWN_TIMEOUT_SECONDS", "Limit of a spawn with its repeats");
  add("--remember-ends-seconds", o.rememberEndsSeconds, "SPAWNER_REMEMBER_ENDS_SECONDS", "How long the end of a session is told");
  add("--remember-ends-max", o.rememberEndsMax, "SPAWNER_REMEMBER_ENDS_MAX", "How many ends are remembered");
  add("--lookups-per-second", o.lookupsPerSecond, "SPAWNER_LOOKUPS_PER_SECOND", "Look-ups in Kubernetes of names that are not known");
}

}  // namespace

void addCommand(CLI::App& app, std::function<int()>& run) {
  auto options = std::make_shared<Options>();
  auto common = std::make_shared<role::CommonOptions>();
  CLI::App* command = app.add_subcommand("api", "JSON over HTTP: spawn, status, streams");
  addOptions(*command, *options);
  role::addCommonOptions(*command, *common);
  command->callback([options, common, &run] {
    run = [options, common] {
      return role::runProcess("api", *common, true, [options](role::Context context) { return start(std::move(context), *options); });
    };
  });
}

}  // namespace spawner::api
