// spawner: one executable, its subcommands are the roles. Subcommands → options → run(options).

#include <CLI/CLI.hpp>
#include <functional>

#include "modes/api/command.hpp"
#include "modes/cli/command.hpp"
#include "modes/controller/command.hpp"
#include "modes/dev/command.hpp"
#include "modes/gateway/command.hpp"
#include "modes/sidecar/command.hpp"
#include "modes/sweeper/command.hpp"

int main(int argc, char** argv) {
  CLI::App app("Spawner: a server process for every user of a web application, on demand", "spawner");
  app.set_version_flag("--version", "spawner " SPAWNER_VERSION);
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);
  std::function<int()> run;
  spawner::api::addCommand(app, run);
  spawner::controller::addCommand(app, run);
  spawner::sidecar::addCommand(app, run);
  spawner::sweeper::addCommand(app, run);
  spawner::gateway::addCommand(app, run);
  spawner::dev::addCommand(app, run);
  spawner::cli::addCommand(app, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stop) { return app.exit(stop); }
  return run();
}
