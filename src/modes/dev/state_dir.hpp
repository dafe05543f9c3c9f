#pragma once
// StateDir: the folder in which one `spawner dev` keeps logs, session files and its kubeconfig. Locked while it runs; what a killed run
// left is cleared at the next start.

#include <filesystem>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "loop/socket.hpp"
#include "spawner/result.hpp"

namespace spawner::dev {

/// Owner: dev. The lock goes with the process.
class StateDir {
 public:
  /// Makes the folder (0700), locks it, ends processes that an earlier run left and removes its pods' files.
  /// Limit: another `spawner dev` uses it. Forbidden: it belongs to somebody else.
  static Result<StateDir> open(const std::filesystem::path& path, const std::string& instance);
  /// The folder for a gateway port, without --state-dir.
  static std::filesystem::path defaultPath(std::uint16_t port);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path logs() const { return path_ / "logs"; }
  /// A bounded log file logs/<role>.log: beyond 10 MiB it is renamed to .1.
  [[nodiscard]] std::shared_ptr<LogSink> logSink(const std::string& role) const;

 private:
  std::filesystem::path path_;
  Fd lock_;
};

}  // namespace spawner::dev
