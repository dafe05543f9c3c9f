#include "modes/sidecar/command.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <memory>

#include "modes/sidecar/sidecar.hpp"

namespace spawner::sidecar {
namespace {

struct Command {
  Options options;
  bool noTrustForwarded = false;
  role::CommonOptions common;
};

/// "--upstream-port" → "UPSTREAM_PORT".
std::string environmentName(std::string flag) {
  flag.erase(0, 2);
  std::transform(flag.begin(), flag.end(), flag.begin(), [](unsigned char c) { return c == '-' ? '_' : std::toupper(c); });
  return flag;
}

template <class T>
CLI::Option* add(CLI::App& app, const std::string& flag, T& value, const std::string& help) {
  return app.add_option(flag, value, help)->envname(environmentName(flag))->capture_default_str();
}

void addSwitch(CLI::App& app, const std::string& flag, bool& value, const std::string& help) {
  app.add_flag(flag, value, help)->envname(environmentName(flag));
}

void addPorts(CLI::App& app, Options& o) {
  add(app, "--serve-port", o.servePort, "port of the data: everything goes to the application");
  add(app, "--upstream-port", o.upstreamPort, "port that the application listens on");
  add(app, "--admin-port", o.adminPort, "port of signed events and commands");
  add(app, "--local-port", o.localPort, "port for the application itself (busy lease, shutdown, state)");
  add(app, "--address", o.address, "IP address that stands for the three below");
  add(app, "--serve-address", o.serveAddress, "IP address of --serve-port; empty: all");
  add(app, "--admin-address", o.adminAddress, "IP address of --admin-port; empty: all");
  add(app, "--local-address", o.localAddress, "IP address of --local-port");
}

void addSession(CLI::App& app, Options& o) {
  add(app, "--admin-key", o.adminKeys, "ID:BASE64 of a public key that may command; at most two. Without one commands are refused")
      ->delimiter(',');
  add(app, "--pod-uid", o.podUid, "uid of this pod (downward API); signatures are bound to it")->envname("SPAWNER_POD_UID");
  addSwitch(app, "--insecure-admin", o.insecureAdmin, "without a key: give events to anybody");
  addSwitch(app, "--events-on-serve-port", o.eventsOnServePort,
            "GET /_events on the serve port is the sidecar's, unsigned, as in the original");
  add(app, "--session-file", o.sessionFile, "memory that outlives this process; empty: none");
  add(app, "--ignore-path", o.ignorePaths, "a path whose requests are no use of the session (health checks); repeatable")->delimiter(',');
  add(app, "--drain-seconds", o.drainSeconds, "what is in flight has this long at the end");
  add(app, "--ready-wait-seconds", o.readyWaitSeconds,
      "a request that comes before the application listens waits this long; 0: 503 at once");
  add(app, "--max-waiting", o.maxWaiting, "such requests at once; 503 beyond");
}

void addLimits(CLI::App& app, Options& o) {
  add(app, "--max-connections", o.maxConnections, "clients' connections; 503 beyond");
  add(app, "--max-tunnels", o.maxTunnels, "upgraded connections (WebSockets); 503 beyond");
  add(app, "--max-head-bytes", o.maxHeadBytes, "of a request's head; 431 beyond");
  add(app, "--max-head-fields", o.maxHeadFields, "of a request's head; 431 beyond");
  add(app, "--head-timeout-seconds", o.headTimeoutSeconds, "from a head's first byte to its last; 408 beyond");
  add(app, "--keep-alive-seconds", o.keepAliveSeconds, "of a client's idle connection");
  add(app, "--write-timeout-seconds", o.writeTimeoutSeconds, "a client that takes nothing for this long is gone");
  add(app, "--dead-peer-seconds", o.deadPeerSeconds, "a peer that does not answer for this long (TCP) is gone; 0: the system's");
  add(app, "--connect-timeout-seconds", o.connectTimeoutSeconds, "to the application; 504 beyond");
  add(app, "--answer-timeout-seconds", o.answerTimeoutSeconds, "from a request's last byte to its answer's head; 504 beyond; 0: no limit");
  add(app, "--stall-timeout-seconds", o.stallTimeoutSeconds, "of a body under way without a byte; 0: no limit");
  add(app, "--max-answer-head-bytes", o.maxAnswerHeadBytes, "of the application's answers; 502 beyond");
  add(app, "--pool-size", o.poolSize, "idle connections to the application; 0: none is kept");
  add(app, "--pool-idle-ms", o.poolIdleMs, "such a connection is closed after this time");
  add(app, "--half-close-seconds", o.halfCloseSeconds, "an upgraded connection with one side ended, without data, is closed");
  add(app, "--close-seconds", o.closeSeconds, "between our WebSocket close 1001 and the hard end");
  add(app, "--buffer-bytes", o.bufferBytes, "of an exchange or upgraded connection, a direction");
  add(app, "--max-event-readers", o.maxEventReaders, "readers of /_events; 503 beyond");
  add(app, "--max-admin-connections", o.maxAdminConnections, "connections to the admin port, and to the local port");
}

}  // namespace

void addCommand(CLI::App& app, std::function<int()>& run) {
  const auto command = std::make_shared<Command>();
  CLI::App& sub = *app.add_subcommand("sidecar", "reverse proxy beside the application in each pod; knows what is in use");
  addPorts(sub, command->options);
  addSession(sub, command->options);
  addSwitch(sub, "--no-trust-forwarded", command->noTrustForwarded, "throw X-Forwarded-* of clients away");
  addLimits(sub, command->options);
  role::addCommonOptions(sub, command->common, false);
  sub.callback([command, &run] {
    run = [command] {
      role::CommonOptions common = command->common;
      // The ordered end must have the time that was promised to what is in flight.
      common.stopSeconds = std::max(common.stopSeconds, command->options.drainSeconds + 2);
      command->options.trustForwarded = !command->noTrustForwarded;
      command->options.exportMetrics = !common.metricsListen.empty();
      return role::runProcess("sidecar", common, false, [command](role::Context context) { return start(context, command->options); });
    };
  });
}

}  // namespace spawner::sidecar
