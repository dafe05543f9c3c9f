#pragma once
// The command line of people: print-crd, print-slab, create-slab, print-options.

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace spawner::cli {

/// Adds the four subcommands; sets `run` when one was chosen. print-options describes all subcommands that `app` has when it runs; `app`
/// must outlive `run`.
void addCommand(CLI::App& app, std::function<int()>& run);

/// All options of all subcommands as Markdown: docs/options.md.
std::string optionsMarkdown(CLI::App& app);

}  // namespace spawner::cli
