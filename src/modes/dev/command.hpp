#pragma once
// `spawner dev`: its command line.

#include <functional>

namespace CLI {
class App;
}

namespace spawner::dev {

/// Adds the subcommand with all options; sets `run` when it was chosen.
void addCommand(CLI::App& app, std::function<int()>& run);

}  // namespace spawner::dev
