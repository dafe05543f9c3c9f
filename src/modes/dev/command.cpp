#include "modes/dev/command.hpp"

#include <memory>

#include "modes/dev/dev.hpp"
#include "modes/role/command_line.hpp"

namespace spawner::dev {

namespace {

void addOptions(role::CommandLine& line, Options& o) {
  line.text("--listen", o.listen, "SPAWNER_DEV_LISTEN", "Address of the gateway: landing page, /api/, /p/<name>/");
  line.repeated("--image", o.images,
                "NAME=COMMAND: what a backend with the image NAME runs. No shell: write sh -c '...' for one. Repeatable");
  line.text("--kube-listen", o.kubeListen, "", "Address of the embedded Kubernetes API server");
  line.text("--kubeconfig", o.kubeconfig, "", "File to write for kubectl (one is in the state folder in any case)");
  line.text("--state-dir", o.stateDir, "", "Folder for logs and session files; default: one of this user and port");
  line.number("--default-grace-seconds", o.defaultGraceSeconds, "SPAWNER_DEV_DEFAULT_GRACE_SECONDS",
              "Unused time before a session ends, where its spawn says nothing");
  line.text("--url-template", o.urlTemplate, "", "Address of a session, {} is its name; default: http://<listen>/p/{}/");
  line.repeated("--domain", o.domains, "Serve sessions at <name>.DOMAIN too (<name>.localhost always works). Repeatable");
  line.repeated("--allow-host", o.allowHosts, "A further host name under which browsers may reach the gateway. Repeatable");
  line.repeated("--pass-env", o.passEnv, "A variable of this environment that backends get as well. Repeatable");
  line.text("--landing-image", o.landingImage, "", "Image that the button of the landing page spawns; default: the first --image");
  line.text("--landing-title", o.landingTitle, "", "Text of that button");
  line.text("--roles", o.roles, "", "Roles to run inside: all, none, or a list of controller,sweeper,api,gateway");
  line.flag("--h2c", o.h2c, "", "The gateway speaks HTTP/2 without TLS too: for gRPC to <name>.localhost");
  line.number("--max-sessions", o.maxSessions, "", "Sessions at once; more wait", {1, 100'000});
  line.number("--stop-seconds", o.stopSeconds, "", "What backends get to end after Ctrl-C", {0, 3600});
  line.choice("--log-level", o.logLevel, "", "Of the roles' log files", {"debug", "info", "warn", "error"});
}

}  // namespace

void addCommand(CLI::App& app, std::function<int()>& run) {
  const auto options = std::make_shared<Options>();
  role::addSubcommand(
      app, "dev", "A whole cluster in one process, for a laptop: backends run as local processes",
      [options](role::CommandLine& line) { addOptions(line, *options); },
      [options, &run] { run = [options] { return dev::run(*options); }; });
}

}  // namespace spawner::dev
