#pragma once
// Small local files, read whole: kubeconfigs, tokens. These reads block for microseconds; they are not for files on a network.

#include <string>

#include "spawner/result.hpp"

namespace spawner::k8s {

/// NotFound, Limit (larger than the bound), System. The message names the path.
Result<std::string> readFile(const std::string& path, std::size_t maxBytes = 16 * 1024 * 1024);

/// True when something is at the path.
bool fileExists(const std::string& path);

}  // namespace spawner::k8s
