#include "loop/process.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <map>
#include <memory>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop/reactor.hpp"
#include "support/loop_wait.hpp"
#include "support/temp_dir.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

namespace {

int pidfdOpen(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

ProcessOptions shell(const std::string& script) {
  ProcessOptions options;
  options.argv = {"sh", "-c", script};
  options.env = {{"PATH", "/usr/bin:/bin"}};
  return options;
}

struct Outcome {
  ExitStatus status;
  std::string out;
};

/// Runs a process to its end; its standard output goes through a file, so that no pipe end can be forgotten.
Outcome run(const ProcessOptions& given) {
  Reactor loop;
  TempDir folder;
  const Fd out(::open((folder / "out").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  ProcessOptions options = given;
  options.stdoutFd = out.get();
  std::optional<ExitStatus> status;
  Result<std::unique_ptr<ChildProcess>> child = ChildProcess::start(loop, options, [&](ExitStatus s) { status = s; });
  INFO((child ? "" : child.error().message));
  REQUIRE(child);
  CHECK((*child)->running());
  CHECK_FALSE(status);
  waitFor(loop, "the end of " + options.argv.back(), [&] { return status.has_value(); });
  CHECK_FALSE((*child)->running());
  return {*status, folder.read("out")};
}

Error failure(const ProcessOptions& options) {
  Reactor loop;
  const Result<std::unique_ptr<ChildProcess>> child = ChildProcess::start(loop, options, [](ExitStatus) { FAIL("onExit ran"); });
  REQUIRE_FALSE(child);
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);  // nothing is left to reap
  CHECK(errno == ECHILD);
  return child.error();
}

/// Waits for the end of a process that need not be ours.
bool endsWithin(int pidfd, Duration limit) {
  pollfd poll{pidfd, POLLIN, 0};
  return ::poll(&poll, 1, static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(limit).count())) == 1;
}

/// Runs turns until the process has written a whole line to the file; the line.
std::string lineFrom(Reactor& loop, const TempDir& folder, const std::string& name) {
  std::string text;
  Timer tick;
  std::function<void()> look = [&] {
    text = folder.read(name);
    if (!text.ends_with('\n')) tick = loop.after(1ms, [&] { look(); });
  };
  look();
  waitFor(loop, "a line in " + name, [&] { return text.ends_with('\n'); });
  return text.substr(0, text.size() - 1);
}

}  // namespace

TEST_CASE("process: exit codes and signals", "[integration]") {
  const int code = GENERATE(0, 1, 42, 127, 255);
  CHECK(run(shell("exit " + std::to_string(code))).status.code == code);
  CHECK_FALSE(run(shell("exit 3")).status.signal);
  const int signal = GENERATE(SIGTERM, SIGKILL, SIGSEGV);
  const ExitStatus status = run(shell("kill -" + std::to_string(signal) + " $$")).status;
  CHECK(status.signal == signal);
  CHECK_FALSE(status.code);
}

TEST_CASE("process: arguments arrive as they are, without a shell", "[integration]") {
  ProcessOptions options = shell("");
  options.argv = {"printf", "%s|", "a b", "$HOME", "*", "'\"", "", "\xC3\xA9"};
  CHECK(run(options).out == "a b|$HOME|*|'\"||\xC3\xA9|");
}

TEST_CASE("process: the environment is the given one and nothing else", "[integration]") {
  ::setenv("SPAWNER_TEST_SECRET", "x", 1);
  ProcessOptions options;
  options.argv = {"/usr/bin/env"};
  options.env = {{"A", "1"}, {"EMPTY", ""}, {"B", "x=y z"}};
  CHECK(run(options).out == "A=1\nEMPTY=\nB=x=y z\n");
  ::unsetenv("SPAWNER_TEST_SECRET");
}

TEST_CASE("process: the program is looked up in PATH of its own environment", "[integration]") {
  TempDir folder;
  folder.write("spawner-tool", "#!/bin/sh\necho found\n", true);
  folder.write("not-executable", "#!/bin/sh\n");
  ProcessOptions options;
  options.argv = {"spawner-tool"};
  options.env = {{"PATH", "/nonexistent:" + folder.path().string() + ":/bin"}};
  CHECK(run(options).out == "found\n");
  options.env = {{"PATH", "/bin"}};
  CHECK(failure(options).kind == ErrorKind::NotFound);
  options.env = {{"PATH", folder.path().string() + ":/bin"}};
  options.argv = {"not-executable"};
  CHECK(failure(options).kind == ErrorKind::Forbidden);
}

TEST_CASE("process: what cannot be started is told with its name and its kind", "[integration]") {
  TempDir folder;
  const std::string plain = folder.write("plain", "not a program");
  const std::string garbage = folder.write("garbage", "not a program", true);
  ProcessOptions options = shell("true");
  options.argv = {"/nonexistent/tool"};
  CHECK(failure(options).kind == ErrorKind::NotFound);
  CHECK(failure(options).message == "cannot start /nonexistent/tool: no such program");
  options.argv = {"no-such-tool"};
  CHECK(failure(options).message == "cannot start no-such-tool: no such program in PATH");
  options.argv = {""};
  CHECK(failure(options).kind == ErrorKind::NotFound);
  options.argv = {plain};
  CHECK(failure(options).kind == ErrorKind::Forbidden);
  options.argv = {folder.path().string()};
  CHECK(failure(options).kind == ErrorKind::Forbidden);
  options.argv = {garbage};
  CHECK(failure(options).kind == ErrorKind::System);
  CHECK(failure(options).message.find(garbage) != std::string::npos);
  options.argv = {};
  CHECK(failure(options).kind == ErrorKind::InvalidArgument);
  options = shell("true");
  options.directory = "/nonexistent/folder";
  CHECK(failure(options).kind == ErrorKind::NotFound);
  CHECK(failure(options).message.find("/nonexistent/folder") != std::string::npos);
}

TEST_CASE("process: directory, session and standard streams", "[integration]") {
  TempDir folder;
  ProcessOptions options = shell("pwd; cat; cut -d' ' -f1,5,6 /proc/self/stat | cut -d' ' -f2- >/dev/null; echo $$");
  options.directory = folder.path().string();
  const std::string out = run(options).out;
  CHECK(out.starts_with(folder.path().string() + "\n"));
  // Fields 1, 5 and 6 of stat: pid, process group, session.
  const std::string leader =
      run(shell("read pid name state ppid group session rest </proc/$$/stat; test $pid = $group && test $pid = $session && echo leads"))
          .out;
  CHECK(leader == "leads\n");
  ProcessOptions joined = shell("read pid name state ppid group rest </proc/$$/stat; echo $group");
  joined.newSession = false;
  CHECK(run(joined).out == std::to_string(::getpgrp()) + "\n");
}

TEST_CASE("process: standard streams may be swapped, shared or our own low numbers", "[integration]") {
  Reactor loop;
  TempDir folder;
  const Fd out(::open((folder / "out").c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600));
  ProcessOptions options = shell("echo out; echo err >&2");
  options.stdoutFd = options.stderrFd = out.get();
  bool ended = false;
  auto child = ChildProcess::start(loop, options, [&](ExitStatus) { ended = true; });
  REQUIRE(child);
  waitFor(loop, "the end", [&] { return ended; });
  CHECK(folder.read("out") == "out\nerr\n");

  // 1 and 2 exchanged: in the child, standard output is what our standard error is.
  options = shell("test /proc/$$/fd/1 -ef /proc/" + std::to_string(::getpid()) + "/fd/2 && test /proc/$$/fd/2 -ef /proc/" +
                  std::to_string(::getpid()) + "/fd/1");
  options.stdoutFd = 2;
  options.stderrFd = 1;
  std::optional<ExitStatus> status;
  child = ChildProcess::start(loop, options, [&](ExitStatus s) { status = s; });
  REQUIRE(child);
  waitFor(loop, "the end", [&] { return status.has_value(); });
  CHECK(status->code == 0);
}

TEST_CASE("process: no descriptor, blocked or ignored signal of ours reaches it", "[integration]") {
  int leaky[2];
  REQUIRE(::pipe(leaky) == 0);  // without close-on-exec, as a careless library would
  struct sigaction ignore {
  }, before{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);
  sigset_t block, mask;
  sigemptyset(&block);
  sigaddset(&block, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &block, &mask);

  CHECK(run(shell("ls /proc/self/fd | wc -l")).out == "4\n");  // 0, 1, 2 and ls's own
  const std::string status = run(shell("grep -E '^Sig(Blk|Ign)' /proc/self/status")).out;
  CHECK(status == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");

  sigset_t now;
  pthread_sigmask(SIG_SETMASK, &mask, &now);
  CHECK(sigismember(&now, SIGUSR2) == 1);  // starting a process left our own mask alone
  CHECK(sigismember(&now, SIGTERM) == 0);
  struct sigaction after {};
  ::sigaction(SIGPIPE, &before, &after);
  CHECK(after.sa_handler == SIG_IGN);
  ::close(leaky[0]);
  ::close(leaky[1]);
}

TEST_CASE("process: signals reach the process or its group", "[integration]") {
  Reactor loop;
  TempDir folder;
  const std::string script =
      "trap 'echo got >>" + (folder / "log") + "' TERM; echo ready >" + (folder / "ready") + "; while :; do sleep 0.02; done";
  std::optional<ExitStatus> status;
  auto child = ChildProcess::start(loop, shell(script), [&](ExitStatus s) { status = s; });
  REQUIRE(child);
  CHECK(lineFrom(loop, folder, "ready") == "ready");
  (*child)->signal(SIGTERM);
  CHECK(lineFrom(loop, folder, "log") == "got");
  CHECK_FALSE(status);
  (*child)->signal(SIGKILL, true);
  waitFor(loop, "the end", [&] { return status.has_value(); });
  CHECK(status->signal == SIGKILL);
  (*child)->signal(SIGTERM);  // nobody there: nothing
}

TEST_CASE("process: destroying it ends its whole group, and onExit does not run", "[integration]") {
  Reactor loop;
  TempDir folder;
  auto child =
      ChildProcess::start(loop, shell("sleep 1000 & echo $! >" + (folder / "pid") + "; wait"), [](ExitStatus) { FAIL("onExit ran"); });
  REQUIRE(child);
  const pid_t grandchild = std::stoi(lineFrom(loop, folder, "pid"));
  const Fd pidfd(pidfdOpen(grandchild));
  REQUIRE(pidfd);
  child->reset();
  CHECK(endsWithin(pidfd.get(), 10s));
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);  // reaped
  turns(loop);
}

TEST_CASE("process: when the leader ends, what it left in its group ends too", "[integration]") {
  Reactor loop;
  TempDir folder;
  std::optional<ExitStatus> status;
  const std::string script =
      "sleep 1000 & echo $! >" + (folder / "pid") + "; while ! test -e " + (folder / "go") + "; do sleep 0.01; done; exit 7";
  auto child = ChildProcess::start(loop, shell(script), [&](ExitStatus s) { status = s; });
  REQUIRE(child);
  const Fd pidfd(pidfdOpen(std::stoi(lineFrom(loop, folder, "pid"))));
  REQUIRE(pidfd);
  folder.write("go", "");
  waitFor(loop, "the end", [&] { return status.has_value(); });
  CHECK(status->code == 7);
  CHECK(endsWithin(pidfd.get(), 10s));
}

TEST_CASE("process: onExit may destroy the process and start another", "[integration]") {
  Reactor loop;
  std::unique_ptr<ChildProcess> child;
  std::optional<ExitStatus> second;
  auto first = ChildProcess::start(loop, shell("exit 1"), [&](ExitStatus) {
    child.reset();
    auto next = ChildProcess::start(loop, shell("exit 2"), [&](ExitStatus s) { second = s; });
    REQUIRE(next);
    child = std::move(*next);
  });
  REQUIRE(first);
  child = std::move(*first);
  waitFor(loop, "the second end", [&] { return second.has_value(); });
  CHECK(second->code == 2);
}

TEST_CASE("process: a parent that is killed takes its children along", "[integration]") {
  TempDir folder;
  const pid_t parent = ::fork();
  REQUIRE(parent >= 0);
  if (parent == 0) {
    Reactor loop;
    const auto child = ChildProcess::start(loop, shell("echo $$ >" + (folder / "pid") + "; exec sleep 1000"), nullptr);
    loop.runUntil([] { return false; }, 60s);
    ::_exit(child ? 0 : 1);
  }
  Reactor loop;
  const pid_t child = std::stoi(lineFrom(loop, folder, "pid"));
  const Fd pidfd(pidfdOpen(child));
  REQUIRE(pidfd);
  ::kill(parent, SIGKILL);
  REQUIRE(::waitpid(parent, nullptr, 0) == parent);
  CHECK(endsWithin(pidfd.get(), 10s));
}

TEST_CASE("process: exit statuses survive a SIGCHLD that our own parent left ignored", "[integration]") {
  struct sigaction ignore {
  }, before{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGCHLD, &ignore, &before);
  CHECK(run(shell("exit 5")).status.code == 5);
  ::sigaction(SIGCHLD, &before, nullptr);
}

TEST_CASE("process: two hundred at once all end with their own code", "[integration]") {
  Reactor loop;
  std::map<int, int> codes;
  std::vector<std::unique_ptr<ChildProcess>> children;
  for (int i = 0; i < 200; ++i) {
    auto child =
        ChildProcess::start(loop, shell("exit " + std::to_string(i)), [&codes, i](ExitStatus s) { codes[i] = s.code.value_or(-1); });
    REQUIRE(child);
    children.push_back(std::move(*child));
  }
  waitFor(
      loop, "200 ends", [&] { return codes.size() == 200; }, 60s);
  for (const auto& [i, code] : codes) CHECK(i == code);
}
