#pragma once
// lastWords: for broken invariants, which end the process: runs the function in a child and gives what it wrote before it aborted.

#include <catch2/catch.hpp>
#include <csignal>
#include <functional>
#include <string>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawner::test {

/// The child's standard error. Fails the test if the child did not abort. Tag such tests [integration].
inline std::string lastWords(const std::function<void()>& function) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    ::dup2(ends[1], 2);
    std::signal(SIGABRT, SIG_DFL);  // Catch's handler would report the parent's test case
    ::alarm(30);
    function();
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string said;
  char buffer[512];
  for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;) said.append(buffer, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  INFO("it said: " << said);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
  return said;
}

}  // namespace spawner::test
