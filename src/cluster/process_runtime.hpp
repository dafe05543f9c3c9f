#pragma once
// ProcessRuntime: containers as local processes, for `spawner dev`. It does not isolate them: they share the machine's network, files and
// user.

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "cluster/container_runtime.hpp"
#include "cluster/images.hpp"

namespace spawner::cluster {

struct ProcessRuntimeOptions {
  std::filesystem::path stateDir;                            // pods/<uid>/ below it: logs and the session file
  std::string instance;                                      // marks all processes of this run
  std::vector<std::pair<std::string, std::string>> baseEnv;  // what every program gets: PATH, HOME, …
  std::uint64_t maxLogBytes = 10 * 1024 * 1024;              // a container; the one before is kept too
  std::uint16_t firstPort = 20000;                           // below the kernel's ephemeral range
  std::uint16_t lastPort = 29999;
  std::uint16_t startPort = 20000;  // where the search begins: another for each run on the machine, so that two seldom look at one port
};

/// Owner: dev. Thread: the loop's.
class ProcessRuntime final : public ContainerRuntime {
 public:
  ProcessRuntime(Loop& loop, ImageTable images, ProcessRuntimeOptions options, Logger log);
  ~ProcessRuntime() override;
  Result<std::unique_ptr<Container>> start(const ContainerStart& what, UniqueFunction<void(ExitStatus)> onExit) override;
  Result<std::uint16_t> allocatePort() override;
  void releasePort(std::uint16_t port) override { usedPorts_.erase(port); }
  void forgetPod(const std::string& podUid) override;

  [[nodiscard]] std::filesystem::path logFile(const std::string& podUid, const std::string& container) const;
  /// Ends, soon, whatever is left of a container whose program has ended.
  void sweepUp(const std::string& mark);

 private:
  [[nodiscard]] std::string markOf(const std::string& podUid, const std::string& container, int restart) const;
  [[nodiscard]] std::filesystem::path podDir(const std::string& podUid) const { return options_.stateDir / "pods" / podUid; }
  void sweepNow();

  Loop& loop_;
  ImageTable images_;
  ProcessRuntimeOptions options_;
  Logger log_;
  std::set<std::uint16_t> usedPorts_;
  std::uint16_t nextPort_;
  std::vector<std::string> toSweep_;
  std::vector<std::string> toForget_;
  Timer sweepTimer_;
};

}  // namespace spawner::cluster
