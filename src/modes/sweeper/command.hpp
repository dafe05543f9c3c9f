#pragma once
// `spawner sweeper`: its command line.

#include <functional>

namespace CLI {
class App;
}

namespace spawner::sweeper {

/// Adds the subcommand with all options; sets `run` when it was chosen.
void addCommand(CLI::App& app, std::function<int()>& run);

}  // namespace spawner::sweeper
