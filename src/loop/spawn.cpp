#include "loop/spawn.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/text.hpp"

namespace spawner {
namespace {

/// What the child failed at, sent through the pipe.
struct Failure {
  enum class Step { Exec, Directory, Descriptors, Session } step;
  int errnoValue;
};

/// All that the child needs, made before it exists: between fork and exec only async-signal-safe calls are allowed, so no allocation.
struct Plan {
  std::vector<std::string> programs;  // paths to try in turn
  std::vector<std::string> environment;
  std::vector<char*> argv;
  std::vector<char*> envp;
  const char* directory = nullptr;
  int stdoutFd = -1;
  int stderrFd = -1;
  int failureFd = -1;
  bool newSession = false;
  bool dieWithParent = false;
  pid_t parent = 0;
};

Plan makePlan(const ProcessOptions& options) {
  Plan plan;
  const std::string& name = options.argv.front();
  std::string_view path = "/usr/local/bin:/usr/bin:/bin";
  for (const auto& [key, value] : options.env) {
    if (key == "PATH") path = value;
    plan.environment.push_back(key + "=" + value);
  }
  if (name.find('/') != std::string::npos) {
    plan.programs.push_back(name);
  } else if (!name.empty()) {
    for (std::string_view folder : split(path, ':')) plan.programs.push_back((folder.empty() ? "." : std::string(folder)) + "/" + name);
  }
  for (const std::string& argument : options.argv) plan.argv.push_back(const_cast<char*>(argument.c_str()));
  for (const std::string& variable : plan.environment) plan.envp.push_back(const_cast<char*>(variable.c_str()));
  plan.argv.push_back(nullptr);
  plan.envp.push_back(nullptr);
  if (!options.directory.empty()) plan.directory = options.directory.c_str();
  plan.stdoutFd = options.stdoutFd;
  plan.stderrFd = options.stderrFd;
  plan.newSession = options.newSession;
  plan.dieWithParent = options.dieWithParent;
  plan.parent = ::getpid();
  return plan;
}

// ---- In the child: async-signal-safe calls only, and no write to memory but the child's own stack. ----

[[noreturn]] void failChild(int fd, Failure::Step step) {
  const Failure failure{step, errno};
  [[maybe_unused]] const ssize_t n = ::write(fd, &failure, sizeof failure);
  ::_exit(127);
}

/// A copy above the standard three, so that no dup2() below overwrites a source that is still needed.
int lifted(int fd) { return ::fcntl(fd, F_DUPFD_CLOEXEC, 3); }

void closeOnExecFrom3() {
  if (::syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC) == 0) return;
  rlimit limit{};  // a kernel before 5.11
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const int end = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 65536));
  for (int fd = 3; fd < end; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/// No handler of ours may run in the child, no signal may stay ignored or blocked for the program. (Handlers would go at exec, after the
/// mask is open; ignored signals would stay.)
void resetSignals() {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &action, nullptr);  // refused for SIGKILL, SIGSTOP, libc's own: right
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void runChild(const Plan& plan) {
  const int failureFd = lifted(plan.failureFd);
  if (failureFd < 0) failChild(plan.failureFd, Failure::Step::Descriptors);
  if (plan.dieWithParent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != plan.parent) ::_exit(127);  // the parent died before prctl: no signal will come
  }
  if (plan.newSession && ::setsid() < 0) failChild(failureFd, Failure::Step::Session);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const int in = lifted(null);
  const int out = lifted(plan.stdoutFd >= 0 ? plan.stdoutFd : null);
  const int err = lifted(plan.stderrFd >= 0 ? plan.stderrFd : null);
  if (in < 0 || out < 0 || err < 0) failChild(failureFd, Failure::Step::Descriptors);
  if (::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0) failChild(failureFd, Failure::Step::Descriptors);
  closeOnExecFrom3();
  if (plan.directory != nullptr && ::chdir(plan.directory) != 0) failChild(failureFd, Failure::Step::Directory);
  resetSignals();
  int error = ENOENT;
  for (const std::string& program : plan.programs) {
    ::execve(program.c_str(), plan.argv.data(), plan.envp.data());
    if (errno != ENOENT && errno != ENOTDIR) error = errno;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) break;
  }
  errno = error;
  failChild(failureFd, Failure::Step::Exec);
}

// ---- In the parent. ----

/// vfork, not fork: fork copies the page tables, which takes milliseconds in a process of a GB; and not posix_spawn, which cannot set
/// PR_SET_PDEATHSIG. The child borrows our memory and we stand still until it has called exec or _exit, so it may touch nothing of ours:
/// runChild never returns, reads the plan and writes only its own frames, below this one. Signals are blocked until the child has reset
/// its dispositions, so that no handler of ours runs on our memory in it. A frame of its own, so that no local of a caller can be at stake.
[[gnu::noinline]] pid_t vforkChild(const Plan& plan) {
  const pid_t pid = ::vfork();
  if (pid == 0) runChild(plan);
  return pid;
}

/// A parent of ours (nohup, some supervisors) may have left SIGCHLD ignored; then the kernel reaps our children itself and how they ended
/// is lost.
void keepExitStatuses() {
  struct sigaction action {};
  if (::sigaction(SIGCHLD, nullptr, &action) != 0 || action.sa_handler != SIG_IGN) return;
  action.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &action, nullptr);
}

Error toError(const ProcessOptions& options, const Failure& failure) {
  const std::string& program = options.argv.front();
  switch (failure.step) {
    case Failure::Step::Directory: {
      const bool missing = failure.errnoValue == ENOENT || failure.errnoValue == ENOTDIR;
      const std::string what = "cannot start " + program + " in the folder " + options.directory;
      const ErrorKind kind = missing ? ErrorKind::NotFound : failure.errnoValue == EACCES ? ErrorKind::Forbidden : ErrorKind::System;
      return systemError(what, failure.errnoValue, kind);
    }
    case Failure::Step::Descriptors: return systemError("cannot start " + program + ": its standard streams", failure.errnoValue);
    case Failure::Step::Session: return systemError("cannot start " + program + ": setsid", failure.errnoValue);
    case Failure::Step::Exec: break;
  }
  if (failure.errnoValue == ENOENT || failure.errnoValue == ENOTDIR) {
    const bool searched = program.find('/') == std::string::npos;
    return Error{ErrorKind::NotFound, "cannot start " + program + ": no such program" + (searched ? " in PATH" : ""), std::nullopt};
  }
  return systemError("cannot start " + program, failure.errnoValue,
                     failure.errnoValue == EACCES ? ErrorKind::Forbidden : ErrorKind::System);
}

}  // namespace

Result<pid_t> spawnProcess(const ProcessOptions& options) {
  if (options.argv.empty()) return Error{ErrorKind::InvalidArgument, "cannot start a process without a program", std::nullopt};
  Plan plan = makePlan(options);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return systemError("cannot start " + options.argv.front() + ": pipe", errno);
  const Fd readEnd(ends[0]);
  Fd writeEnd(ends[1]);
  plan.failureFd = writeEnd.get();
  keepExitStatuses();

  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = vforkChild(plan);
  const int saved = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return systemError("cannot start " + options.argv.front() + ": vfork", saved);

  writeEnd.reset();
  // exec closes the child's end: nothing to read then. (With vfork one of the two has happened already; a sanitizer may make a fork of it.)
  Failure failure{};
  ssize_t n = 0;
  do n = ::read(readEnd.get(), &failure, sizeof failure);
  while (n < 0 && errno == EINTR);
  if (n != static_cast<ssize_t>(sizeof failure)) return pid;
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {}
  return toError(options, failure);
}

}  // namespace spawner
