// A sidecar's process that is killed with SIGKILL, and the next one.

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "modes/sidecar/sidecar_fixture.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

namespace {

/// Runs a sidecar for ever; its ports go to the pipe. Only in a forked child.
[[noreturn]] void sidecarMain(sidecar::Options options, int pipe) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(pipe, 3);
  ::close_range(4, ~0U, 0);  // nothing of the test's: a copy of a socket here would keep it open
  Reactor loop;
  NoKubernetes kube;
  Metrics metrics;
  const auto random = seededRandom(1);
  auto role = sidecar::start({loop, kube, *random, Logger(), metrics}, std::move(options));
  if (!role) ::_exit(1);
  const sidecar::Ports ports = sidecar::portsOf(**role);
  if (::write(3, &ports, sizeof ports) != sizeof ports) ::_exit(1);
  loop.run();
  ::_exit(0);
}

/// One process. Its end is the test's, or its own with the test's.
class SidecarProcess {
 public:
  explicit SidecarProcess(const sidecar::Options& options) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    const Fd reading(ends[0]);
    Fd writing(ends[1]);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) sidecarMain(options, writing.get());
    writing.reset();
    REQUIRE(::read(reading.get(), &ports, sizeof ports) == sizeof ports);
  }
  ~SidecarProcess() { kill(); }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  sidecar::Ports ports;

 private:
  pid_t pid_ = -1;
};

/// The fixture's calls, to a process instead of its own role.
struct KilledFixture : SidecarFixture {
  std::unique_ptr<SidecarProcess> process;
  void run() {
    if (process) process->kill();
    process = std::make_unique<SidecarProcess>(options);
  }
  nlohmann::json stateThere() { return call(process->ports.local, "GET", "/state").json(); }
  int sweepThere(std::chrono::milliseconds atLeast) {
    const std::string body = session::encodeSweep(session::SweepCommand::idle(atLeast, false));
    return call(process->ports.admin, "POST", "/_sweep", authorization("POST", "/_sweep", body), body).status;
  }
  void waitReadyThere() {
    app = reserved.listen(loop);
    sayHello(*app);
    wait("Ready", [&] { return stateThere()["ready"] == true; });
  }
};

}  // namespace

TEST_CASE("kill -9 resets no idle time", "[integration]") {
  KilledFixture f;
  f.run();
  f.waitReadyThere();
  CHECK(f.call(f.process->ports.serve, "GET", "/").body == "hello");
  f.wait("the end of the use", [&] { return f.stateThere().contains("idle_ms"); });
  f.sleep(200ms);
  for (int i = 0; i < 5; ++i) f.run();
  CHECK(f.stateThere()["ready"] == true);
  CHECK(f.stateThere()["idle_ms"] >= 200);
  CHECK(f.stateThere()["used"] == true);
  CHECK(f.stateThere()["age_ms"] >= 200);
}

TEST_CASE("kill -9 right after the decision: swept it stays", "[integration]") {
  KilledFixture f;
  f.run();
  f.waitReadyThere();
  REQUIRE(f.sweepThere(0ms) == 200);
  f.run();
  CHECK(f.stateThere()["swept"]["reason"] == "Idle");
  const auto after = f.call(f.process->ports.serve, "GET", "/");
  CHECK(after.status == 503);
  CHECK(after.json()["reason"] == "Idle");
}

TEST_CASE("kill -9 in use counts as used until then", "[integration]") {
  KilledFixture f;
  f.run();
  f.waitReadyThere();
  f.app->onBytes = nullptr;  // it thinks
  auto client = RawPeer::connect(f.loop, f.process->ports.serve);
  client->send(getRequest);
  f.wait("in use", [&] { return f.stateThere().value("live_connections", 0) == 1; });
  constexpr auto inUse = 3s;  // so long may the machine be busy with other things from here on
  f.sleep(inUse);
  f.run();
  f.wait("the client's end", [&] { return client->over(); });
  CHECK(f.stateThere()["idle_ms"] < std::chrono::milliseconds(inUse).count());
  CHECK(f.sweepThere(inUse) == 409);
}
