#pragma once
// ChildProcess: one child process on the loop (pidfd): started without a shell, told of its end, ended with its owner.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "loop/socket.hpp"
#include "spawner/loop.hpp"
#include "spawner/result.hpp"

namespace spawner {

struct ProcessOptions {
  std::vector<std::string> argv;                         // argv[0] is looked up in PATH of `env` unless it has a slash
  std::vector<std::pair<std::string, std::string>> env;  // the whole environment
  std::string directory;                                 // empty: ours
  int stdoutFd = -1;                                     // -1: /dev/null; borrowed for the call
  int stderrFd = -1;
  bool newSession = true;     // setsid: the process leads a group of its own
  bool dieWithParent = true;  // PR_SET_PDEATHSIG(SIGKILL), closed against the race with getppid; not for the child's own children
};

/// How a process ended: one of the two is set.
struct ExitStatus {
  std::optional<int> code;
  std::optional<int> signal;
};

/// Owner: who started it. Destroying it kills (SIGKILL) the process and its group, and reaps it. When the process ends, what is left of the
/// group that it leads is killed too, as in a container. Standard input is /dev/null; it inherits no other descriptor, no blocked signal
/// and no ignored one. Thread: the loop's, which is the thread whose end dieWithParent means.
class ChildProcess {
 public:
  /// InvalidArgument (no argv), NotFound (no such program or directory), Forbidden (not executable), System. onExit may be empty.
  static Result<std::unique_ptr<ChildProcess>> start(Loop& loop, const ProcessOptions& options, UniqueFunction<void(ExitStatus)> onExit);
  ~ChildProcess();
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool running() const { return running_; }
  /// Signals the process, or with `group` its whole group. Nothing when it has ended.
  void signal(int number, bool group = false);

 private:
  ChildProcess() = default;
  ExitStatus reap();
  void ended();

  pid_t pid_ = -1;
  bool running_ = false;
  bool leadsGroup_ = false;
  Fd pidfd_;
  FdWatch watch_;
  UniqueFunction<void(ExitStatus)> onExit_;
};

}  // namespace spawner
