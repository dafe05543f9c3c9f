// A role's process: exit codes, signals, the ordered end and its deadline, health and metrics. Each in a child process of its own.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "fetch/fetcher.hpp"
#include "loop/reactor.hpp"
#include "modes/role/process.hpp"
#include "support/loop_wait.hpp"
#include "support/temp_dir.hpp"

using namespace spawner;
using namespace spawner::role;
using namespace std::chrono_literals;

namespace {

/// A role whose ways are chosen by the test.
struct TestRole final : Role {
  explicit TestRole(Context contextIn) : context(contextIn) {}
  void stop(Task done) override {
    if (onStop) onStop();
    if (stopTakes) timer = context.loop.after(*stopTakes, std::move(done));
  }
  [[nodiscard]] bool ready() const override { return isReady; }
  Context context;
  bool isReady = true;
  std::optional<Duration> stopTakes = Duration::zero();  // nullopt: never done
  std::function<void()> onStop;
  Timer timer;
  std::vector<Timer> others;
};

struct Outcome {
  int status = 0;
  std::string log;
  [[nodiscard]] int code() const { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }
};

/// Runs the role in a child (signals and standard error are the process's own); the child ends itself after 20 s.
Outcome runInChild(CommonOptions options, bool kube, const std::function<Result<std::unique_ptr<Role>>(Context)>& start) {
  const test::TempDir dir;
  const std::string log = dir.write("log", "");
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(20);
    if (::dup2(::open(log.c_str(), O_WRONLY | O_CLOEXEC), STDERR_FILENO) < 0) ::_exit(99);
    ::unsetenv("KUBECONFIG");
    ::unsetenv("KUBERNETES_SERVICE_HOST");
    ::setenv("HOME", dir.path().c_str(), 1);
    ::_exit(runProcess("tester", options, kube, start));
  }
  Outcome outcome;
  REQUIRE(::waitpid(child, &outcome.status, 0) == child);
  outcome.log = dir.read("log");
  return outcome;
}

/// Starts a role and sends the process these signals, each some time after the one before.
Outcome signalled(std::vector<int> signals, const std::function<void(TestRole&)>& shape, std::uint32_t stopSeconds = 10) {
  CommonOptions options;
  options.stopSeconds = stopSeconds;
  return runInChild(options, false, [=](Context context) -> Result<std::unique_ptr<Role>> {
    auto role = std::make_unique<TestRole>(context);
    shape(*role);
    for (std::size_t i = 0; i < signals.size(); ++i)
      role->others.push_back(context.loop.after((i + 1) * 50ms, [number = signals[i]] { ::kill(::getpid(), number); }));
    return std::unique_ptr<Role>(std::move(role));
  });
}

std::size_t lines(const std::string& text) { return static_cast<std::size_t>(std::ranges::count(text, '\n')); }
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a signal ends the role in order, with code 0", "[integration]") {
  for (const int number : {SIGTERM, SIGINT}) {
    const Outcome outcome = signalled({number}, [](TestRole& role) { role.stopTakes = 50ms; });
    CHECK(outcome.code() == 0);
    CHECK(has(outcome.log, "\"message\":\"stopped\""));
    CHECK_FALSE(has(outcome.log, "\"level\":\"error\""));
  }
}

TEST_CASE("an end that takes longer than its deadline is cut, with code 1 and a line that says so", "[integration]") {
  const Outcome outcome = signalled(
      {SIGTERM}, [](TestRole& role) { role.stopTakes.reset(); }, 0);
  CHECK(outcome.code() == 1);
  CHECK(has(outcome.log, "--stop-seconds"));
}

TEST_CASE("a second signal ends at once", "[integration]") {
  const Outcome outcome = signalled(
      {SIGTERM, SIGINT}, [](TestRole& role) { role.stopTakes.reset(); }, 3600);
  CHECK(outcome.code() == 1);
  CHECK(has(outcome.log, "second signal"));
}

TEST_CASE("a role that stops the loop by itself is a failure", "[integration]") {
  CommonOptions options;
  const Outcome outcome = runInChild(options, false, [](Context context) -> Result<std::unique_ptr<Role>> {
    auto role = std::make_unique<TestRole>(context);
    role->others.push_back(context.loop.after(1ms, [&loop = context.loop] { loop.stop(); }));
    return std::unique_ptr<Role>(std::move(role));
  });
  CHECK(outcome.code() == 1);
  CHECK(has(outcome.log, "the role ended by itself"));
}

TEST_CASE("a start that fails is one clear line and code 1", "[integration]") {
  CommonOptions options;
  options.logFormat = "text";
  SECTION("the role says no") {
    const Outcome outcome = runInChild(options, false, [](Context) -> Result<std::unique_ptr<Role>> {
      return Error{ErrorKind::InvalidArgument, "--port 0: must be more", {}};
    });
    CHECK(outcome.code() == 1);
    CHECK(lines(outcome.log) == 1);
    CHECK(has(outcome.log, "--port 0: must be more"));
  }
  SECTION("no Kubernetes to be found") {
    bool asked = false;
    const Outcome outcome = runInChild(options, true, [&](Context) -> Result<std::unique_ptr<Role>> {
      asked = true;
      ::_exit(98);
    });
    CHECK(outcome.code() == 1);
    CHECK(lines(outcome.log) == 1);
    CHECK(has(outcome.log, "--kubeconfig"));
  }
  SECTION("an address that cannot be listened on") {
    options.metricsListen = "256.0.0.1:1";
    const Outcome outcome = runInChild(options, false, [](Context) -> Result<std::unique_ptr<Role>> { ::_exit(98); });
    CHECK(outcome.code() == 1);
    CHECK(has(outcome.log, "--metrics-listen 256.0.0.1:1"));
  }
  SECTION("options that make no sense") {
    options.logLevel = "loud";
    const Outcome outcome = runInChild(options, false, [](Context) -> Result<std::unique_ptr<Role>> { ::_exit(98); });
    CHECK(outcome.code() == 1);
    CHECK(outcome.log == "spawner tester: --log-level loud: must be debug, info, warn or error\n");
  }
}

TEST_CASE("a peer that goes away is no end of the process", "[integration]") {
  const Outcome outcome = signalled({SIGPIPE, SIGTERM}, [](TestRole&) {});
  CHECK(outcome.code() == 0);
}

TEST_CASE("health, readiness and metrics over HTTP", "[integration]") {
  Reactor loop;
  Metrics metrics;
  bool ready = false;
  OpsServer server(loop, metrics, [&] { return ready; });
  REQUIRE(server.listen("127.0.0.1:0").ok());
  metrics.counter("spawner_test_total", "A counter").add(3);
  const auto transport = fetch::HttpTransport::make(loop);
  REQUIRE(transport.ok());
  const auto get = [&](const std::string& target) {
    std::optional<Result<TransportResponse>> answer;
    TransportRequest request;
    request.target = target;
    request.authority = "127.0.0.1:" + std::to_string(server.port());
    const Pending pending = (*transport)->call(std::move(request), [&](Result<TransportResponse> told) { answer = std::move(told); });
    test::waitFor(loop, target, [&] { return answer.has_value(); });
    REQUIRE(answer->ok());
    return **answer;
  };
  CHECK(get("/healthz").status == 200);
  CHECK(get("/readyz").status == 503);
  ready = true;
  CHECK(get("/readyz").status == 200);
  const TransportResponse scraped = get("/metrics");
  CHECK(scraped.status == 200);
  CHECK(has(scraped.body, "spawner_test_total 3"));
  CHECK(scraped.header("content-type") == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(get("/other").status == 404);
}
