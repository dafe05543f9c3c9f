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
  line.number("--max-connections", o.maxConnections, "MAX_CONNECTIONS", "clients' connections; 503 beyond");
  line.number("--max-tunnels", o.maxTunnels, "MAX_TUNNELS", "upgraded connections (WebSockets); 503 beyond");
  line.number("--max-head-bytes", o.maxHeadBytes, "MAX_HEAD_BYTES", "of a request's head; 431 beyond");
  line.number("--max-head-fields", o.maxHeadFields, "MAX_HEAD_FIELDS", "of a request's head; 431 beyond");
  line.number("--head-timeout-seconds", o.headTimeoutSeconds, "HEAD_TIMEOUT_SECONDS", "from a head's first byte to its last; 408 beyond");
  line.number("--keep-alive-seconds", o.keepAliveSeconds, "KEEP_ALIVE_SECONDS", "of a client's idle connection");
  line.number("--write-timeout-seconds", o.writeTimeoutSeconds, "WRITE_TIMEOUT_SECONDS",
              "a client that takes nothing for this long is gone");
  line.number("--dead-peer-seconds", o.deadPeerSeconds, "DEAD_PEER_SECONDS",
              "a peer that does not answer for this long (TCP) is gone; 0: the system's");
  line.number("--connect-timeout-seconds", o.connectTimeoutSeconds, "CONNECT_TIMEOUT_SECONDS", "to the application; 504 beyond");
  line.number("--answer-timeout-seconds", o.answerTimeoutSeconds, "ANSWER_TIMEOUT_SECONDS",
              "from a request's last byte to its answer's head; 504 beyond; 0: no limit");
  line.number("--stall-timeout-seconds", o.stallTimeoutSeconds, "STALL_TIMEOUT_SECONDS", "of a body under way without a byte; 0: no limit");
  line.number("--max-answer-head-bytes", o.maxAnswerHeadBytes, "MAX_ANSWER_HEAD_BYTES", "of the application's answers; 502 beyond");
  line.number("--pool-size", o.poolSize, "POOL_SIZE", "idle connections to the application; 0: none is kept");
  line.number("--pool-idle-ms", o.poolIdleMs, "POOL_IDLE_MS", "such a connection is closed after this time");
  line.number("--half-close-seconds", o.halfCloseSeconds, "HALF_CLOSE_SECONDS",
              "an upgraded connection with one side ended, without data, is closed");
  line.number("--close-seconds", o.closeSeconds, "CLOSE_SECONDS", "between our WebSocket close 1001 and the hard end");
  line.number("--buffer-bytes", o.bufferBytes, "BUFFER_BYTES", "of an exchange or upgraded connection, a direction");
  line.number("--max-event-readers", o.maxEventReaders, "MAX_EVENT_READERS", "readers of /_events; 503 beyond");
  line.number("--max-admin-connections", o.maxAdminConnections, "MAX_ADMIN_CONNECTIONS",
              "connections to the admin port, and to the local port");
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
