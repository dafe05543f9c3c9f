#pragma once
// The start of a child process: from options to a pid, without a shell. Used by ChildProcess only.

#include <sys/types.h>

#include "loop/process.hpp"
#include "spawner/result.hpp"

namespace spawner {

/// Returns when the program is running (exec succeeded) or could not be started; in the latter case no child is left.
Result<pid_t> spawnProcess(const ProcessOptions& options);

}  // namespace spawner
