#include "loop/process.hpp"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/die.hpp"
#include "loop/spawn.hpp"

namespace spawner {
namespace {

/// By number: the declarations in glibc 2.36's <sys/pidfd.h> have C++ linkage.
int pidfdOpen(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

}  // namespace

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(Loop& loop, const ProcessOptions& options,
                                                          UniqueFunction<void(ExitStatus)> onExit) {
  Result<pid_t> pid = spawnProcess(options);
  if (!pid) return pid.error();
  std::unique_ptr<ChildProcess> child(new ChildProcess);
  child->pid_ = *pid;
  child->leadsGroup_ = options.newSession;
  child->onExit_ = std::move(onExit);
  child->pidfd_ = Fd(pidfdOpen(*pid));  // the pid is ours until it is reaped: no race
  if (!child->pidfd_) {
    const Error error = systemError("cannot watch " + options.argv.front() + ": pidfd_open", errno);
    ::kill(*pid, SIGKILL);
    while (::waitpid(*pid, nullptr, 0) < 0 && errno == EINTR) {}
    return error;
  }
  child->running_ = true;
  child->watch_ = loop.watch(child->pidfd_.get(), Interest{.readable = true, .writable = false, .hangup = false},
                             [self = child.get()](Interest) { self->ended(); });
  return child;
}

ChildProcess::~ChildProcess() {
  watch_.cancel();
  if (!running_) return;
  signal(SIGKILL);
  reap();
}

void ChildProcess::signal(int number, bool group) {
  if (!running_) return;  // the pid may be another's by now
  // Fails only when there is nobody left to get it.
  if (group && leadsGroup_)
    ::kill(-pid_, number);
  else
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0);
}

/// Takes the exit status; waits for it if need be. Before that the group is killed: as long as the process is not reaped, its number
/// (which is the group's) cannot be given to another.
ExitStatus ChildProcess::reap() {
  if (leadsGroup_) ::kill(-pid_, SIGKILL);
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) != 0)
    if (errno != EINTR) die(systemError("waitid of process " + std::to_string(pid_), errno).message);
  running_ = false;
  ExitStatus status;
  if (info.si_code == CLD_EXITED)
    status.code = info.si_status;
  else
    status.signal = info.si_status;
  return status;
}

void ChildProcess::ended() {
  const ExitStatus status = reap();
  watch_.cancel();
  UniqueFunction<void(ExitStatus)> onExit = std::move(onExit_);
  if (onExit) onExit(status);  // may destroy this object
}

}  // namespace spawner
