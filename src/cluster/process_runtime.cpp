#include "cluster/process_runtime.hpp"

#include <signal.h>

#include <algorithm>

#include "cluster/container_log.hpp"
#include "cluster/process_tree.hpp"

namespace spawner::cluster {
namespace {

constexpr Duration sweepDelay = std::chrono::milliseconds(50);  // joins the ends of many containers into one look at /proc

bool canListenOn(std::uint16_t port) {
  const auto address = SocketAddress::fromIp("0.0.0.0", port);
  return address && listenOn(*address).ok();
}

class ProcessContainer final : public Container {
 public:
  ProcessContainer(ProcessRuntime& runtime, std::string mark) : runtime_(runtime), mark_(std::move(mark)) {}
  ~ProcessContainer() override {
    process.reset();
    runtime_.sweepUp(mark_);
  }
  void terminate() override { process->signal(SIGTERM); }
  void kill() override { process->signal(SIGKILL, true); }
  [[nodiscard]] std::string id() const override { return "process://" + std::to_string(process->pid()); }
  [[nodiscard]] std::string portProblem(std::uint16_t port) const override {
    if (!canListenOn(port)) return {};  // somebody listens there; the look through /proc is only for where nobody does
    const std::vector<std::uint16_t> ports = listeningPorts(markedProcesses(containerMark, {mark_}));
    if (ports.empty() || std::find(ports.begin(), ports.end(), port) != ports.end()) return {};
    std::string list;
    for (const std::uint16_t other : ports) list += (list.empty() ? "" : ", ") + std::to_string(other);
    return "the application listens on port " + list + ", but must listen on the port that the variable PORT gives, here " +
           std::to_string(port);
  }

  [[nodiscard]] std::string logTail() override { return log->tail(); }

  std::unique_ptr<ContainerLog> log;
  std::unique_ptr<ChildProcess> process;

 private:
  ProcessRuntime& runtime_;
  std::string mark_;
};

void setVariable(std::vector<std::pair<std::string, std::string>>& env, const std::string& name, const std::string& value) {
  const auto it = std::find_if(env.begin(), env.end(), [&](const auto& entry) { return entry.first == name; });
  if (it == env.end())
    env.emplace_back(name, value);
  else
    it->second = value;
}

}  // namespace

ProcessRuntime::ProcessRuntime(Loop& loop, ImageTable images, ProcessRuntimeOptions options, Logger log)
    : loop_(loop), images_(std::move(images)), options_(std::move(options)), log_(std::move(log)), nextPort_(options_.startPort) {}

ProcessRuntime::~ProcessRuntime() {
  sweepTimer_.cancel();
  sweepNow();
}

Result<std::unique_ptr<Container>> ProcessRuntime::start(const ContainerStart& what, UniqueFunction<void(ExitStatus)> onExit) {
  auto argv = images_.resolve(what.image, what.command, what.args);
  if (!argv) return argv.error();
  // With the restart's number: sweeping up after one run must not reach the next.
  const std::string mark = markOf(what.podUid, what.container, what.restartCount);
  auto container = std::make_unique<ProcessContainer>(*this, mark);

  ProcessOptions process;
  process.argv = std::move(*argv);
  process.env = options_.baseEnv;
  for (const auto& [name, value] : what.env) setVariable(process.env, name, value);
  if (images_.isSelf(what.image)) {
    // The pods share one network and one /dev/shm: each sidecar gets its pod's address and a session file of its own.
    setVariable(process.env, "ADDRESS", what.podIp);
    setVariable(process.env, "SESSION_FILE", (podDir(what.podUid) / "session").string());
  }
  setVariable(process.env, std::string(containerMark), mark);
  process.directory = what.workingDir;

  auto log = ContainerLog::open(loop_, logFile(what.podUid, what.container), options_.maxLogBytes, maxLogTailBytes);
  if (!log) return log.error();
  process.stdoutFd = process.stderrFd = (*log)->writeEnd();
  auto child = ChildProcess::start(loop_, process, std::move(onExit));
  if (!child) {
    // NotFound means "no such image" to our caller; here the image is known and its program is not.
    Error error = child.error();
    error.kind = ErrorKind::System;
    return error;
  }
  (*log)->closeWriteEnd();
  container->log = std::move(*log);
  container->process = std::move(*child);
  return std::unique_ptr<Container>(std::move(container));
}

Result<std::uint16_t> ProcessRuntime::allocatePort() {
  const std::uint32_t count = options_.lastPort - options_.firstPort + 1u;
  for (std::uint32_t tries = 0; tries < count; ++tries) {
    const std::uint16_t port = nextPort_;
    nextPort_ = port == options_.lastPort ? options_.firstPort : static_cast<std::uint16_t>(port + 1);
    if (!usedPorts_.contains(port) && canListenOn(port)) {
      usedPorts_.insert(port);
      return port;
    }
  }
  return Error{
      ErrorKind::Limit, "no free port between " + std::to_string(options_.firstPort) + " and " + std::to_string(options_.lastPort), {}};
}

std::filesystem::path ProcessRuntime::logFile(const std::string& podUid, const std::string& container) const {
  return podDir(podUid) / (container + ".log");
}

std::string ProcessRuntime::markOf(const std::string& podUid, const std::string& container, int restart) const {
  return options_.instance + "/" + podUid + "/" + container + "/" + std::to_string(restart) + "/";
}

void ProcessRuntime::sweepUp(const std::string& mark) {
  toSweep_.push_back(mark);
  if (!sweepTimer_.active()) sweepTimer_ = loop_.after(sweepDelay, [this] { sweepNow(); });
}

void ProcessRuntime::forgetPod(const std::string& podUid) {
  toForget_.push_back(podUid);
  if (!sweepTimer_.active()) sweepTimer_ = loop_.after(sweepDelay, [this] { sweepNow(); });
}

void ProcessRuntime::sweepNow() {
  if (!toSweep_.empty()) {
    const int left = killMarked(containerMark, std::exchange(toSweep_, {}), 8);
    if (left > 0) log_.info("ended what containers had left running", {{"processes", left}});
  }
  for (const std::string& uid : std::exchange(toForget_, {})) {
    std::error_code failure;
    std::filesystem::remove_all(podDir(uid), failure);
    if (failure) log_.warn("cannot remove a pod's folder", {{"folder", podDir(uid).string()}, {"error", failure.message()}});
  }
}

}  // namespace spawner::cluster
