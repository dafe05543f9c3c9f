#pragma once
// `spawner sidecar`: its command line.

#include <functional>

namespace CLI {
class App;
}

namespace spawner::sidecar {

/// Adds the subcommand with all options; sets `run` when it was chosen. Each option has two environment forms: its upper-case name alone
/// (UPSTREAM_PORT), which is what the original's controller gives (SPAWNER_SIDECAR_* with that prefix removed), except where said.
void addCommand(CLI::App& app, std::function<int()>& run);

}  // namespace spawner::sidecar
