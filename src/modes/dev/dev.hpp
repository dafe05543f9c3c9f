#pragma once
// `spawner dev`: a whole cluster in one process: the embedded Kubernetes (API server, scheduler, node agent) and the five roles on one
// loop.

#include "modes/dev/options.hpp"

namespace spawner::dev {

/// Runs until SIGINT or SIGTERM, then ends all that it started. Returns the exit code: 0, or 1 after one clear line on standard error.
int run(const Options& options);

}  // namespace spawner::dev
