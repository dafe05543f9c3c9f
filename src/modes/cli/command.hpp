#pragma once
// The command line of people: print-crd, print-slab, create-slab, print-options.

#include <functional>

namespace CLI {
class App;
}

namespace spawner::cli {

/// Adds the four subcommands; sets `run` when one was chosen. print-options describes all subcommands that `app` has when it runs.
void addCommand(CLI::App& app, std::function<int()>& run);

}  // namespace spawner::cli
