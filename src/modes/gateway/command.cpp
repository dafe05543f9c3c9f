#include "modes/gateway/command.hpp"

#include "modes/gateway/gateway.hpp"
#include "modes/role/command_line.hpp"

namespace spawner::gateway {

namespace {

void addOptions(role::CommandLine& line, Options& o) {
  line.text("--listen", o.listen, "SPAWNER_LISTEN", "ADDRESS:PORT to listen on");
  line.text("--namespace", o.ns, "SPAWNER_NAMESPACE", "Namespace of the sessions");
  line.text("--service-prefix", o.servicePrefix, "SPAWNER_SERVICE_PREFIX", "What object names begin with");
  line.list("--domain", o.domains, "SPAWNER_DOMAIN", "<name>.DOMAIN is a session's own origin; repeatable");
  line.text("--api-upstream", o.apiUpstream, "SPAWNER_API_UPSTREAM", "ADDRESS:PORT of the API, for /api/");
  line.list("--allowed-hosts", o.allowedHosts, "SPAWNER_ALLOWED_HOSTS",
            "Host names to answer for, \"*.example.org\" for all below; none: any");
  line.flag("--trust-forwarded", o.trustForwarded, "SPAWNER_TRUST_FORWARDED",
            "Keep X-Forwarded-* of requests: a proxy of yours is in front");
  line.text("--landing-page", o.landingPage, "SPAWNER_LANDING_PAGE", "HTML file to show at /");
  line.text("--landing-image", o.landingImage, "SPAWNER_LANDING_IMAGE", "Image that the built-in page's button spawns");
  line.text("--landing-title", o.landingTitle, "SPAWNER_LANDING_TITLE", "What the button says");
  line.number("--loops", o.loops, "SPAWNER_LOOPS",
              "Event loops that serve, each a thread when more than one; limits of numbers are divided among them", {1, maxLoops});
  line.number("--wait-seconds", o.waitSeconds, "SPAWNER_WAIT_SECONDS",
              "How long requests other than a browser's navigation wait for Ready");
  line.number("--max-waiting", o.maxWaiting, "SPAWNER_MAX_WAITING", "Such requests at once; 503 beyond");
  line.number("--remember-ends-seconds", o.rememberEndsSeconds, "SPAWNER_REMEMBER_ENDS_SECONDS", "How long the end of a session is told");
  line.number("--remember-ends-max", o.rememberEndsMax, "SPAWNER_REMEMBER_ENDS_MAX", "How many ends are remembered");
  line.decimal("--lookups-per-second", o.lookupsPerSecond, "SPAWNER_LOOKUPS_PER_SECOND",
               "Look-ups in Kubernetes of names that are not known");
  line.number("--kube-timeout-seconds", o.kubeTimeoutSeconds, "SPAWNER_KUBE_TIMEOUT_SECONDS", "Limit of one call to Kubernetes");
  role::addDataLimits(line, o, "SPAWNER_", "sessions' sidecars and the API");
  line.number("--pool-size-per-session", o.poolSizePerSession, "SPAWNER_POOL_SIZE_PER_SESSION", "of --pool-size, to one sidecar");
}

void addAll(role::CommandLine& line, Options& o) {
  addOptions(line, o);
  line.flag("--h2c", o.h2c, "SPAWNER_H2C", "Clients may speak HTTP/2 without TLS; gRPC goes on to the session by HTTP/2");
}

}  // namespace

void addCommand(CLI::App& app, std::function<int()>& run) {
  role::addRole<Options>(app, run, "gateway", "The front door: sessions by path and host, waiting page, API", addAll, start);
}

}  // namespace spawner::gateway
