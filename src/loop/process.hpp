#pragma once
// ChildProcess: one child process on the loop (pidfd): started without a shell, told of its end, ended with its owner.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "loop/socket.hpp"
#include "spawner/loop.hpp"
#include "spawner/result.hpp"

namespace spawner {

struct ProcessOptions {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH of `env` unless it has a slash
  std::vector<std::pair<std::string, std::string>> env;  // the whole environment
  std::string directory;          // empty: ours
  int stdoutFd = -1;              // -1: /dev/null; borrowed for the call
  int stderrFd = -1;
  bool newSession = true;         // setsid: the process leads a group of its own
  bool dieWithParent = true;      // PR_SET_PDEATHSIG(SIGKILL), closed against the race with getppid
};

/// How a process ended: one of the two is set.
struct ExitStatus {
  std::optional<int> code;
  std::optional<int> signal;
};

/// Owner: who started it. Destroying it kills (SIGKILL) the process and its group, and reaps it. Thread: the loop's.
class ChildProcess {
 public:
  /// NotFound (no such program), Forbidden (not executable), System.
  static Result<std::unique_ptr<ChildProcess>> start(Loop& loop, const ProcessOptions& options, UniqueFunction<void(ExitStatus)> onExit);
  ~ChildProcess();
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool running() const { return running_; }
  /// Signals the process, or with `group` its whole group. Nothing when it has ended.
  void signal(int number, bool group = false);

 private:
  ChildProcess() = default;
  pid_t pid_ = -1;
  bool running_ = false;
  Fd pidfd_;
  FdWatch watch_;
  UniqueFunction<void(ExitStatus)> onExit_;
};

}  // namespace spawner
