// kubectl, the real one from PATH, against the embedded API server over a socket.

#include <catch2/catch.hpp>
#include <cstdlib>

#include <sys/mman.h>
#include <unistd.h>

#include "base/crypto.hpp"
#include "cluster/controllers.hpp"
#include "cluster/server.hpp"
#include "loop/process.hpp"
#include "loop/reactor.hpp"
#include "support/loop_wait.hpp"
#include "support/temp_dir.hpp"

using namespace spawner;
using cluster::Json;

namespace {

/// A log of two lines for every container; followed, it ends when the test says so.
class TestLogs final : public cluster::LogSource {
 public:
  struct Lines final : cluster::Stream {
    std::vector<std::string> lines;
    std::size_t at = 0;
    std::shared_ptr<const std::string> next(cluster::Now) override {
      return at < lines.size() ? std::make_shared<const std::string>(lines[at++]) : nullptr;
    }
    [[nodiscard]] bool ended() const override { return at == lines.size(); }
    [[nodiscard]] std::optional<TimePoint> wakeAt() const override { return std::nullopt; }
    void onWake(std::function<void()>) override {}
  };
  Result<std::unique_ptr<cluster::Stream>> open(const cluster::LogQuery& query) override {
    if (query.previous) return Error{ErrorKind::InvalidArgument, "previous terminated container \"" + query.container + "\" not found", {}};
    auto lines = std::make_unique<Lines>();
    lines->lines = {"one of " + query.container + "\n", "two of " + query.container + "\n"};
    if (query.tailLines == 1) lines->lines.erase(lines->lines.begin());
    return std::unique_ptr<cluster::Stream>(std::move(lines));
  }
};

Fd memoryFile() {
  Fd fd(::memfd_create("kubectl", MFD_CLOEXEC));
  REQUIRE(fd);
  return fd;
}

std::string contentOf(int fd) {
  std::string out;
  char buffer[4096];
  ::lseek(fd, 0, SEEK_SET);
  for (ssize_t n = 0; (n = ::read(fd, buffer, sizeof buffer)) > 0;) out.append(buffer, static_cast<std::size_t>(n));
  return out;
}

bool hasKubectl() { return std::system("command -v kubectl >/dev/null 2>&1") == 0; }

struct Ran {
  int code = -1;
  std::string out, err;
};

/// One kubectl under way.
struct Running {
  std::optional<ExitStatus> ended;
  Fd out = memoryFile(), err = memoryFile();
  std::unique_ptr<ChildProcess> child;
};

struct KubectlFixture {
  KubectlFixture() : random(systemRandom()), api(cluster::ApiServerOptions{}, *random, now()), controllers(loop, api), server(loop, api) {
    api.setLogSource(&logs);
    cluster::registerNode(api, "laptop", "127.0.0.1", 110, now());
    REQUIRE(server.listen(SocketAddress::parse("127.0.0.1:0").value()));
  }
  [[nodiscard]] cluster::Now now() const { return {loop.now(), loop.wallNow()}; }

  std::unique_ptr<Running> start(const std::string& arguments) {
    auto run = std::make_unique<Running>();
    ProcessOptions options;
    // A shell splits the words; kubectl takes its place.
    options.argv = {"/bin/sh", "-c",
                    "exec kubectl --server http://127.0.0.1:" + std::to_string(server.port()) + " -n spawner " + arguments};
    const char* path = std::getenv("PATH");
    options.env = {{"PATH", path != nullptr ? path : "/usr/bin:/bin"}, {"HOME", home.path().string()}, {"KUBECONFIG", "/dev/null"}};
    options.directory = home.path().string();
    options.stdoutFd = run->out.get();
    options.stderrFd = run->err.get();
    Result<std::unique_ptr<ChildProcess>> child =
        ChildProcess::start(loop, options, [raw = run.get()](ExitStatus status) { raw->ended = status; });
    REQUIRE(child.ok());
    run->child = std::move(*child);
    return run;
  }
  Ran finish(Running& run, const std::string& what) {
    test::waitFor(
        loop, what, [&run] { return run.ended.has_value(); }, std::chrono::seconds(60));
    return {run.ended->code.value_or(-1), contentOf(run.out.get()), contentOf(run.err.get())};
  }
  Ran kubectl(const std::string& arguments) { return finish(*start(arguments), "kubectl " + arguments); }
  /// What it prints; the test fails when it fails.
  std::string ok(const std::string& arguments) {
    const Ran ran = kubectl(arguments);
    INFO("kubectl " << arguments << "\n" << ran.out << ran.err);
    REQUIRE(ran.code == 0);
    return ran.out;
  }
  /// What it complains; the test fails when it does not.
  std::string refused(const std::string& arguments) {
    const Ran ran = kubectl(arguments);
    INFO("kubectl " << arguments << "\n" << ran.out << ran.err);
    REQUIRE(ran.code != 0);
    return ran.err;
  }
  void file(const std::string& name, const std::string& text) { (void)home.write(name, text); }

  Reactor loop;
  std::unique_ptr<Random> random;
  cluster::ApiServer api;
  TestLogs logs;
  cluster::Controllers controllers;
  cluster::Server server;
  test::TempDir home;
};

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

#define NEEDS_KUBECTL                                                    \
  if (!hasKubectl()) {                                                   \
    WARN("SKIPPED: there is no kubectl in PATH, so nothing was tested"); \
    return;                                                              \
  }

constexpr const char* slabYaml =
    "apiVersion: spawner.dev/v1\nkind: SessionLivedBackend\nmetadata: {name: demo, labels: {app: demo}}\nspec:\n  gracePeriodSeconds: 60\n"
    "  template:\n    containers:\n    - {name: app, image: \"demo:1\"}\n";
constexpr const char* podYaml =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: demo}}\nspec:\n  containers:\n  - {name: app, image: \"demo:1\"}\n"
    "  - {name: two, image: \"demo:1\"}\n";

}  // namespace

TEST_CASE("kubectl finds its way: version, api-resources, cluster-info, explain, can-i", "[e2e][integration]") {
  NEEDS_KUBECTL
  KubectlFixture f;
  CHECK(has(f.ok("version"), "v1.34.0-spawner"));
  const std::string resources = f.ok("api-resources");
  CHECK(has(resources, "sessionlivedbackends"));
  CHECK(has(resources, "slab"));
  CHECK(has(f.ok("api-versions"), "spawner.dev/v1"));
  CHECK(has(f.ok("cluster-info"), "is running at"));
  CHECK(has(f.ok("explain slab.spec.httpPort"), "The port on which the application listens"));
  CHECK(has(f.ok("explain slab.spec --recursive"), "gracePeriodSeconds"));
  CHECK(has(f.ok("auth can-i create pods"), "yes"));
  CHECK(has(f.ok("get nodes -o wide"), "laptop"));
  CHECK(has(f.ok("describe node laptop"), "the node agent is at work"));
  CHECK(has(f.ok("get ns"), "spawner-system"));
}

TEST_CASE("kubectl and slabs: create, apply, get, describe, patch, label, wait, delete", "[e2e][integration]") {
  NEEDS_KUBECTL
  KubectlFixture f;
  f.file("slab.yaml", slabYaml);
  CHECK(has(f.ok("create -f slab.yaml"), "created"));
  CHECK(has(f.refused("create -f slab.yaml"), "AlreadyExists"));
  CHECK(has(f.ok("delete slab demo"), "deleted"));
  CHECK(has(f.ok("apply -f slab.yaml"), "created"));
  CHECK(has(f.ok("apply -f slab.yaml"), "unchanged"));
  f.ok("diff -f slab.yaml");
  CHECK(has(f.ok("patch slab demo --type merge -p '{\"spec\":{\"gracePeriodSeconds\":5}}'"), "patched"));
  CHECK(has(f.refused("patch slab demo --type merge -p '{\"spec\":{\"httpPort\":5}}'"), "httpPort cannot be changed"));
  CHECK(has(f.ok("patch slab demo --subresource status --type json -p '[{\"op\":\"add\",\"path\":\"/status/phase\",\"value\":\"Ready\"},"
                 "{\"op\":\"add\",\"path\":\"/status/conditions\",\"value\":[{\"type\":\"Ready\",\"status\":\"True\"}]}]'"),
            "patched"));
  const std::string row = f.ok("get slab");
  CHECK(has(row, "NAME   STATE   REASON   NODE   AGE"));
  CHECK(has(row, "Ready"));
  CHECK(has(f.ok("get slab -o wide"), "IMAGE"));
  CHECK(f.ok("get slab demo -o jsonpath='{.spec.gracePeriodSeconds}'") == "5");
  CHECK(has(f.ok("get slab demo -o yaml"), "stateTimes: {}"));
  CHECK(has(f.ok("wait --for=condition=Ready slab/demo --timeout=10s"), "condition met"));
  CHECK(has(f.ok("describe slab demo"), "Grace Period Seconds:"));
  CHECK(has(f.ok("label slab demo colour=blue"), "labeled"));
  CHECK(has(f.ok("annotate slab demo note=x"), "annotated"));
  CHECK(has(f.ok("get slab -l 'colour in (blue,red)'"), "demo"));
  CHECK_FALSE(has(f.ok("get slab -l colour!=blue"), "demo"));
  auto gone = f.start("wait --for=delete slab/demo --timeout=20s");
  CHECK(has(f.ok("delete slab demo"), "deleted"));  // waits itself, too
  CHECK(f.finish(*gone, "kubectl wait --for=delete").code == 0);
  f.ok("delete slab demo --ignore-not-found");
}

TEST_CASE("kubectl is told what is wrong, field by field", "[e2e][integration]") {
  NEEDS_KUBECTL
  KubectlFixture f;
  std::string bad = slabYaml;
  bad.replace(bad.find("gracePeriodSeconds"), 18, "gracePeriodSecond");
  f.file("bad.yaml", bad);
  CHECK(has(f.refused("apply -f bad.yaml"), "unknown field \"spec.gracePeriodSecond\""));
  const Ran warned = f.kubectl("apply --validate=warn -f bad.yaml");
  CHECK(warned.code == 0);
  CHECK(has(warned.err, "Warning: unknown field \"spec.gracePeriodSecond\""));
  f.file("port.yaml", std::string(slabYaml) + "  httpPort: 70000\n");
  CHECK(has(f.refused("create -f port.yaml"), "spec.httpPort: Invalid value: 70000"));
}

TEST_CASE("kubectl and pods: apply by strategic merge, edit, logs, events, deletion", "[e2e][integration]") {
  NEEDS_KUBECTL
  KubectlFixture f;
  f.file("pod.yaml", podYaml);
  f.ok("apply -f pod.yaml");
  CHECK(has(f.ok("get pods -o wide"), "laptop"));
  std::string changed = podYaml;
  changed.replace(changed.rfind("demo:1"), 6, "demo:2");
  f.file("pod2.yaml", changed);
  CHECK(has(f.ok("apply -f pod2.yaml"), "configured"));
  CHECK(f.ok("get pod p -o jsonpath='{.spec.containers[*].image}'") == "demo:1 demo:2");
  CHECK(has(f.ok("set image pod/p app=demo:3"), "updated"));
  CHECK(has(f.refused("patch pod p -p '{\"spec\":{\"restartPolicy\":\"Never\"}}'"), "pod updates may not change fields"));
  CHECK(f.ok("logs p -c two") == "one of two\ntwo of two\n");
  CHECK(f.ok("logs p -c app --tail=1 -f") == "two of app\n");
  CHECK(has(f.refused("logs p -c app --previous"), "previous terminated container \"app\" not found"));
  CHECK(has(f.refused("logs p -c three"), "container three is not valid for pod p"));
  CHECK(has(f.ok("describe pod p"), "Successfully assigned spawner/p to laptop"));
  CHECK(has(f.ok("get events"), "Scheduled"));
  CHECK(has(f.ok("events --for pod/p"), "Scheduled"));
  CHECK(has(f.ok("delete pod p --grace-period=30 --wait=false"), "deleted"));
  CHECK(has(f.ok("get pod p"), "Terminating"));
  f.ok("delete pod p --force");
  CHECK(has(f.refused("get pod p"), "NotFound"));
  CHECK(has(f.ok("run r --image=demo:1"), "created"));
  CHECK(has(f.ok("expose pod r --port 80"), "exposed"));
  CHECK(has(f.ok("get svc r"), "127.96.0."));
  CHECK(has(f.ok("describe svc r"), "ClusterIP"));
  CHECK(has(f.ok("get all"), "service/r"));
}

TEST_CASE("kubectl get -w prints rows as things happen", "[e2e][integration]") {
  NEEDS_KUBECTL
  KubectlFixture f;
  f.file("slab.yaml", slabYaml);
  auto watching = f.start("get slab -w");
  test::waitFor(
      f.loop, "kubectl's watch", [&f] { return f.api.watches() > 0; }, std::chrono::seconds(30));
  f.ok("create -f slab.yaml");
  f.ok("patch slab demo --subresource status --type merge -p '{\"status\":{\"phase\":\"Running\"}}'");
  test::waitFor(
      f.loop, "the row that says Running", [&] { return has(contentOf(watching->out.get()), "Running"); }, std::chrono::seconds(30));
  watching->child->signal(2);
  (void)f.finish(*watching, "the end of kubectl get -w");
  test::waitFor(f.loop, "the server to forget the watch", [&f] { return f.api.watches() == 0; });
}

TEST_CASE("kubectl and the other kinds; owners and namespaces", "[e2e][integration]") {
  NEEDS_KUBECTL
  KubectlFixture f;
  f.file("all.yaml",
         "apiVersion: v1\nkind: Namespace\nmetadata: {name: extra}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: "
         "extra}\ndata: {a: b}\n---\n"
         "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: extra}\nstringData: {a: hello}\n");
  f.ok("apply -f all.yaml -n ''");
  CHECK(f.ok("get secret s -n extra -o jsonpath='{.data.a}'") == "aGVsbG8=");
  CHECK(has(f.ok("get cm,secret,sa -n extra"), "configmap/c"));
  f.ok("get pods -A --chunk-size=1");
  CHECK(has(f.ok("delete ns extra"), "deleted"));
  CHECK(has(f.refused("get ns extra"), "NotFound"));
  CHECK(has(f.refused("apply --server-side -f all.yaml -n ''"), "Server-side apply not available"));
  CHECK(has(f.ok("get crd"), "sessionlivedbackends.spawner.dev"));
  CHECK(has(f.ok("get --raw /readyz"), "ok"));
}
