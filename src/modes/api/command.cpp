#include "modes/api/command.hpp"

#include "modes/api/api.hpp"
#include "modes/role/command_line.hpp"

namespace spawner::api {

namespace {

void addOptions(role::CommandLine& line, Options& o) {
  line.text("--namespace", o.ns, "SPAWNER_NAMESPACE", "Namespace of the backends");
  // Not SPAWNER_PORT or SPAWNER_API_PORT: a Service named spawner or spawner-api puts those into the environment of pods
  // ("tcp://10.0.0.1:8080").
  line.number("--port", o.port, "SPAWNER_LISTEN_PORT", "Port to listen on, on all addresses");
  line.text("--listen", o.listen, "SPAWNER_LISTEN", "ADDRESS:PORT to listen on, instead of --port");
  line.text("--url-template", o.urlTemplate, "SPAWNER_URL_TEMPLATE", "URL of a backend; {} becomes its name");
  line.text("--api-server-base", o.apiServerBase, "SPAWNER_API_SERVER_BASE", "URL of this API, for readyUrl and statusUrl");
  line.text("--service-prefix", o.servicePrefix, "SPAWNER_SERVICE_PREFIX", "What object names begin with");
  line.number("--default-grace-seconds", o.defaultGraceSeconds, "SPAWNER_DEFAULT_GRACE_SECONDS",
              "gracePeriodSeconds where a request has none");
  line.list("--allowed-hosts", o.allowedHosts, "SPAWNER_ALLOWED_HOSTS",
            "Host names to answer for, \"*.example.org\" for all below; none: any");
  line.number("--max-streams", o.maxStreams, "SPAWNER_MAX_STREAMS", "Open status streams; 503 beyond");
  line.number("--max-requests", o.maxRequests, "SPAWNER_MAX_REQUESTS", "Requests that wait for Kubernetes; 503 beyond");
  line.number("--max-connections", o.maxConnections, "SPAWNER_MAX_CONNECTIONS", "Connections; 503 beyond");
  line.number("--max-body-bytes", o.maxBodyBytes, "SPAWNER_MAX_BODY_BYTES", "Size of a request's body; 413 beyond");
  line.number("--max-unsent-bytes", o.maxUnsentBytes, "SPAWNER_MAX_UNSENT_BYTES",
              "Unread answer a connection may have; a slower reader is dropped");
  line.number("--max-list-items", o.maxListItems, "SPAWNER_MAX_LIST_ITEMS", "Sessions in one answer of GET /backends");
  line.number("--heartbeat-seconds", o.heartbeatSeconds, "SPAWNER_HEARTBEAT_SECONDS",
              "A comment on a status stream that is idle this long");
  line.number("--kube-timeout-seconds", o.kubeTimeoutSeconds, "SPAWNER_KUBE_TIMEOUT_SECONDS", "Limit of one call to Kubernetes");
  line.number("--spawn-timeout-seconds", o.spawnTimeoutSeconds, "SPAWNER_SPAWN_TIMEOUT_SECONDS", "Limit of a spawn with its repeats");
  line.number("--remember-ends-seconds", o.rememberEndsSeconds, "SPAWNER_REMEMBER_ENDS_SECONDS", "How long the end of a session is told");
  line.number("--remember-ends-max", o.rememberEndsMax, "SPAWNER_REMEMBER_ENDS_MAX", "How many ends are remembered");
  line.decimal("--lookups-per-second", o.lookupsPerSecond, "SPAWNER_LOOKUPS_PER_SECOND",
               "Look-ups in Kubernetes of names that are not known");
}

}  // namespace

void addCommand(CLI::App& app, std::function<int()>& run) {
  role::addRole<Options>(app, run, "api", "JSON over HTTP: spawn, status, streams", addOptions, start);
}

}  // namespace spawner::api
