#include "modes/gateway/command.hpp"

#include <memory>

#include <CLI/CLI.hpp>

#include "modes/gateway/gateway.hpp"
#include "modes/role/role.hpp"

namespace spawner::gateway {

namespace {

void addOptions(CLI::App& command, Options& o) {
  const auto add = [&command](const char* flag, auto& target, const char* env, const char* help) {
    return command.add_option(flag, target, help)->envname(env)->capture_default_str();
  };
  add("--listen", o.listen, "SPAWNER_LISTEN", "ADDRESS:PORT to listen on");
  add("--namespace", o.ns, "SPAWNER_NAMESPACE", "Namespace of the sessions");
  add("--service-prefix", o.servicePrefix, "SPAWNER_SERVICE_PREFIX", "What object names begin with");
  add("--domain", o.domains, "SPAWNER_DOMAIN", "<name>.DOMAIN is a session's own origin; repeatable")->delimiter(',');
  add("--api-upstream", o.apiUpstream, "SPAWNER_API_UPSTREAM", "ADDRESS:PORT of the API, for /api/");
  add("--allowed-hosts", o.allowedHosts, "SPAWNER_ALLOWED_HOSTS", "Host names to answer for, \"*.example.org\" for all below; none: any")
      ->delimiter(',');
  command.add_flag("--trust-forwarded", o.trustForwarded, "Keep X-Forwarded-* of requests: a proxy of yours is in front")
      ->envname("SPAWNER_TRUST_FORWARDED");
  add("--landing-page", o.landingPage, "SPAWNER_LANDING_PAGE", "HTML file to show at /");
  add("--landing-image", o.landingImage, "SPAWNER_LANDING_IMAGE", "Image that the built-in page's button spawns");
  add("--landing-title", o.landingTitle, "SPAWNER_LANDING_TITLE", "What the button says");
  add("--wait-seconds", o.waitSeconds, "SPAWNER_WAIT_SECONDS", "How long requests other than a browser's navigation wait for Ready");
  add("--max-waiting", o.maxWaiting, "SPAWNER_MAX_WAITING", "Such requests at once; 503 beyond");
  add("--remember-ends-seconds", o.rememberEndsSeconds, "SPAWNER_REMEMBER_ENDS_SECONDS", "How long the end of a session is told");
  add("--remember-ends-max", o.rememberEndsMax, "SPAWNER_REMEMBER_ENDS_MAX", "How many ends are remembered");
  add("--lookups-per-second", o.lookupsPerSecond, "SPAWNER_LOOKUPS_PER_SECOND", "Look-ups in Kubernetes of names that are not known");
  add("--kube-timeout-seconds", o.kubeTimeoutSeconds, "SPAWNER_KUBE_TIMEOUT_SECONDS", "Limit of one call to Kubernetes");
  add("--max-connections", o.maxConnections, "SPAWNER_MAX_CONNECTIONS", "Connections; 503 beyond");
  add("--max-head-bytes", o.maxHeadBytes, "SPAWNER_MAX_HEAD_BYTES", "Size of a request's head; 431 beyond");
  add("--head-timeout-seconds", o.headTimeoutSeconds, "SPAWNER_HEAD_TIMEOUT_SECONDS",
      "From the first byte of a head to its last; 408 beyond");
  add("--keep-alive-seconds", o.keepAliveSeconds, "SPAWNER_KEEP_ALIVE_SECONDS", "How long an idle connection is kept");
  add("--connect-timeout-seconds", o.connectTimeoutSeconds, "SPAWNER_CONNECT_TIMEOUT_SECONDS", "Limit of connecting to a session");
  add("--answer-timeout-seconds", o.answerTimeoutSeconds, "SPAWNER_ANSWER_TIMEOUT_SECONDS",
      "From a forwarded request to its answer's head; 0: no limit");
  add("--tunnel-dead-peer-seconds", o.tunnelDeadPeerSeconds, "SPAWNER_TUNNEL_DEAD_PEER_SECONDS",
      "A tunnel's peer that is silent on TCP this long is dead");
}

}  // namespace

void addCommand(CLI::App& app, std::function<int()>& run) {
  auto options = std::make_shared<Options>();
  auto common = std::make_shared<role::CommonOptions>();
  CLI::App* command = app.add_subcommand("gateway", "The front door: sessions by path and host, waiting page, API");
  addOptions(*command, *options);
  role::addCommonOptions(*command, *common);
  command->callback([options, common, &run] {
    run = [options, common] {
      return role::runProcess("gateway", *common, true, [options](role::Context context) { return start(std::move(context), *options); });
    };
  });
}

}  // namespace spawner::gateway
