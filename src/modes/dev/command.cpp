#include "modes/dev/command.hpp"

#include <CLI/CLI.hpp>
#include <memory>

#include "modes/dev/dev.hpp"

namespace spawner::dev {

void addCommand(CLI::App& app, std::function<int()>& run) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("dev", "A whole cluster in one process, for a laptop: backends run as local processes");
  Options& o = *options;
  command->add_option("--listen", o.listen, "Address of the gateway: landing page, /api/, /p/<name>/")
      ->envname("SPAWNER_DEV_LISTEN")
      ->capture_default_str();
  command
      ->add_option("--image", o.images,
                   "NAME=COMMAND: what a backend with the image NAME runs. No shell: write sh -c '...' for one. Repeatable")
      ->allow_extra_args(false);
  command->add_option("--kube-listen", o.kubeListen, "Address of the embedded Kubernetes API server")->capture_default_str();
  command->add_option("--kubeconfig", o.kubeconfig, "File to write for kubectl (one is in the state folder in any case)");
  command->add_option("--state-dir", o.stateDir, "Folder for logs and session files; default: one of this user and port");
  command->add_option("--default-grace-seconds", o.defaultGraceSeconds, "Unused time before a session ends, where its spawn says nothing")
      ->envname("SPAWNER_DEV_DEFAULT_GRACE_SECONDS")
      ->capture_default_str();
  command->add_option("--url-template", o.urlTemplate, "Address of a session, {} is its name; default: http://<listen>/p/{}/");
  command->add_option("--domain", o.domains, "Serve sessions at <name>.DOMAIN too (<name>.localhost always works). Repeatable");
  command->add_option("--allow-host", o.allowHosts, "A further host name under which browsers may reach the gateway. Repeatable");
  command->add_option("--pass-env", o.passEnv, "A variable of this environment that backends get as well. Repeatable");
  command->add_option("--landing-image", o.landingImage, "Image that the button of the landing page spawns; default: the first --image");
  command->add_option("--landing-title", o.landingTitle, "Text of that button")->capture_default_str();
  command->add_option("--roles", o.roles, "Roles to run inside: all, none, or a list of controller,sweeper,api,gateway")
      ->capture_default_str();
  command->add_option("--max-sessions", o.maxSessions, "Sessions at once; more wait")->check(CLI::Range(1, 100'000))->capture_default_str();
  command->add_option("--stop-seconds", o.stopSeconds, "What backends get to end after Ctrl-C")->capture_default_str();
  command->add_option("--log-level", o.logLevel, "Of the roles' log files")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  command->callback([options, &run] { run = [options] { return dev::run(*options); }; });
}

}  // namespace spawner::dev
