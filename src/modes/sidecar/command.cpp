#include "modes/sidecar/command.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "modes/role/command_line.hpp"
#include "modes/sidecar/sidecar.hpp"

namespace spawner::sidecar {
namespace {

void addPorts(role::CommandLine& line, Options& o) {
  line.number("--serve-port", o.servePort, "SERVE_PORT", "port of the data: everything goes to the application");
  line.number("--upstream-port", o.upstreamPort, "UPSTREAM_PORT", "port that the application listens on");
  line.number("--admin-port", o.adminPort, "ADMIN_PORT", "port of signed events and commands");
  line.number("--local-port", o.localPort, "LOCAL_PORT", "port for the application itself (busy lease, shutdown, state)");
  line.text("--address", o.address, "ADDRESS", "IP address that stands for the three below");
  line.text("--serve-address", o.serveAddress, "SERVE_ADDRESS", "IP address of --serve-port; empty: all");
  line.text("--admin-address", o.adminAddress, "ADMIN_ADDRESS", "IP address of --admin-port; empty: all");
  line.text("--local-address", o.localAddress, "LOCAL_ADDRESS", "IP address of --local-port");
}

void addSession(role::CommandLine& line, Options& o) {
  line.list("--admin-key", o.adminKeys, "ADMIN_KEY",
            "ID:BASE64 of a public key that may command; at most two. Without one commands are refused");
  line.text("--pod-uid", o.podUid, "SPAWNER_POD_UID", "uid of this pod (downward API); signatures are bound to it");
  line.flag("--insecure-admin", o.insecureAdmin, "INSECURE_ADMIN", "without a key: give events to anybody");
  line.flag("--events-on-serve-port", o.eventsOnServePort, "EVENTS_ON_SERVE_PORT",
            "GET /_events on the serve port is the sidecar's, unsigned, as in the original");
  line.text("--session-file", o.sessionFile, "SESSION_FILE", "memory that outlives this process; empty: none");
  line.flag("--no-trust-forwarded", o.noTrustForwarded, "NO_TRUST_FORWARDED", "throw X-Forwarded-* of clients away");
  line.list("--ignore-path", o.ignorePaths, "IGNORE_PATH", "a path whose requests are no use of the session (health checks); repeatable");
  line.number("--drain-seconds", o.drainSeconds, "DRAIN_SECONDS", "what is in flight has this long at the end");
  line.number("--ready-wait-seconds", o.readyWaitSeconds, "READY_WAIT_SECONDS",
              "a request that comes before the application listens waits this long; 0: 503 at once");
  line.number("--max-waiting", o.maxWaiting, "MAX_WAITING", "such requests at once; 503 beyond");
}

void addLimits(role::CommandLine& line, Options& o) {
  role::addDataLimits(line, o, "", "the application");
  line.number("--max-event-readers", o.maxEventReaders, "MAX_EVENT_READERS", "readers of /_events; 503 beyond");
  line.number("--max-admin-connections", o.maxAdminConnections, "MAX_ADMIN_CONNECTIONS",
              "connections to the admin port, and to the local port");
}

void addHttp2(role::CommandLine& line, Options& o) {
  line.text("--upstream-protocol", o.upstreamProtocol, "UPSTREAM_PROTOCOL",
            "what the application speaks: http1, or h2c: HTTP/2 without TLS (gRPC). With h2c clients may speak either");
}

}  // namespace

void addCommand(CLI::App& app, std::function<int()>& run) {
  const auto options = std::make_shared<Options>();
  role::addRole(app, run,
                {.name = "sidecar",
                 .what = "reverse proxy beside the application in each pod; knows what is in use",
                 .bind =
                     [options](role::CommandLine& line) {
                       addPorts(line, *options);
                       addSession(line, *options);
                       addLimits(line, *options);
                       addHttp2(line, *options);
                     },
                 .start =
                     [options](role::Context context) {
                       options->endProcess = [] { ::kill(::getpid(), SIGTERM); };
                       return start(std::move(context), *options);
                     },
                 .kube = false,
                 .prepare =
                     [options](role::CommonOptions& common) {
                       // The ordered end must have the time that was promised to what is in flight.
                       common.stopSeconds = std::max(common.stopSeconds, options->drainSeconds + 2);
                       options->exportMetrics = !common.metricsListen.empty();
                     }});
}

}  // namespace spawner::sidecar
