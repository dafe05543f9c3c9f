#include "modes/dev/reaper.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "cluster/process_tree.hpp"

namespace spawner::dev {
namespace {

constexpr int rounds = 100;  // a process that forks faster than it can be killed is not promised an end

[[noreturn]] void reap(int pipe, const std::string& instance) {
  ::setsid();  // Ctrl-C in the terminal is for dev, not for this
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(number, SIG_IGN);
  ::prctl(PR_SET_NAME, "spawner-reaper");
  // Keeps nothing of dev's open but the pipe, so that ports and terminals are free as soon as dev has gone.
  if (pipe != 3) ::dup2(pipe, 3);
  ::syscall(SYS_close_range, 4U, ~0U, 0U);
  const int null = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3 && null >= 0; ++fd) ::dup2(null, fd);
  char byte = 0;
  ssize_t got = 1;
  while (got > 0 || (got < 0 && errno == EINTR)) got = ::read(3, &byte, 1);  // dev writes nothing: this waits for its end
  cluster::killMarked(cluster::containerMark, {instance + "/"}, rounds);
  ::_exit(0);
}

}  // namespace

Result<Reaper> Reaper::start(const std::string& instance) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return systemError("cannot make a pipe", errno);
  Fd readEnd(ends[0]);
  Reaper reaper;
  reaper.pipe_ = Fd(ends[1]);
  reaper.pid_ = ::fork();
  if (reaper.pid_ < 0) return systemError("cannot start the reaper", errno);
  if (reaper.pid_ == 0) {
    reaper.pipe_.reset();
    reap(readEnd.release(), instance);
  }
  return reaper;
}

Reaper::~Reaper() {
  if (pid_ < 0) return;
  pipe_.reset();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {}
}

}  // namespace spawner::dev
