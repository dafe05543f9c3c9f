#pragma once
// Finds and ends processes by a mark in their environment, so that what a container's program started goes with it, wherever it hid
// (own session, own process group, double fork). Linux /proc. No state.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace spawner::cluster {

/// The variable whose value marks a container's processes: "<instance>/<pod uid>/<container>/<restart>/".
inline constexpr std::string_view containerMark = "SPAWNER_DEV_CONTAINER";

/// Pids of our user's processes whose environment holds NAME=value with a value that begins with one of the prefixes. Never our own pid.
/// One look: a process in the midst of an exec, which has no environment for a moment, is left out.
std::vector<pid_t> markedProcesses(std::string_view name, const std::vector<std::string>& valuePrefixes);

/// SIGKILLs all such processes, again until none is found and none is in the midst of an exec (at most `rounds` times: one may fork
/// meanwhile). Between rounds it waits for their ends, for as long as one of them ends every 50 ms. The number of signals sent.
int killMarked(std::string_view name, const std::vector<std::string>& valuePrefixes, int rounds);

/// The TCP ports on which these processes listen, ascending, each once.
std::vector<std::uint16_t> listeningPorts(const std::vector<pid_t>& pids);

}  // namespace spawner::cluster
