// The node agent and the Service of a pod: whichever of the two is made first, the Service's address is the pod's.

#include "cluster/agent.hpp"
#include "cluster/fixture.hpp"
#include "loop/sim_loop.hpp"

using namespace spawner;
using namespace spawner::cluster;
using namespace spawner::cluster::test;
using namespace std::chrono_literals;

namespace {

/// Starts nothing, and remembers the addresses of what it was asked to start.
class Recorder final : public ContainerRuntime {
 public:
  std::vector<std::string> addresses;

  Result<std::unique_ptr<Container>> start(const ContainerStart& what, UniqueFunction<void(ExitStatus)>) override {
    addresses.push_back(what.podIp);
    return std::unique_ptr<Container>(std::make_unique<Still>());
  }
  Result<std::uint16_t> allocatePort() override { return std::uint16_t{0}; }
  void releasePort(std::uint16_t) override {}
  void forgetPod(const std::string&) override {}

 private:
  struct Still final : Container {
    void terminate() override {}
    void kill() override {}
    [[nodiscard]] std::string id() const override { return "still"; }
    [[nodiscard]] std::string portProblem(std::uint16_t) const override { return {}; }
  };
};

constexpr std::string_view servicesPath = "/api/v1/namespaces/spawner/services";
constexpr std::string_view meta = R"(,"labels":{"app":"a"},"annotations":{"spawner.dev/cluster-ip":"true"})";

struct Node {
  Fixture f;
  SimLoop loop{1};
  Recorder runtime;
  NodeAgent agent{loop, f.server(), runtime, nullptr, Logger(), {}};

  void pod(std::string_view more) { f.pod("a", more, R"(,"nodeName":"local")"); }
  std::string service() {
    return std::string(f.made(servicesPath, R"({"metadata":{"name":"a"},"spec":{"selector":{"app":"a"},"ports":[{"port":9090}]}})")
                           .at({"spec", "clusterIP"}));
  }
};

using Addresses = std::vector<std::string>;

}  // namespace

TEST_CASE("A pod whose Service is made first has its address", "[cluster]") {
  Node n;
  const std::string address = n.service();
  n.pod(meta);
  n.loop.runFor(1s);
  CHECK(n.runtime.addresses == Addresses{address});
}

TEST_CASE("A pod that is made first waits for its Service, for a while", "[cluster]") {
  Node n;
  n.pod(meta);
  n.loop.runFor(9s);
  CHECK(n.runtime.addresses.empty());
  SECTION("it comes") {
    const std::string address = n.service();
    n.loop.runFor(1s);
    CHECK(n.runtime.addresses == Addresses{address});
  }
  SECTION("it does not come") {
    n.loop.runFor(2s);
    CHECK(n.runtime.addresses.size() == 1);
    const std::string address = n.service();
    n.loop.runFor(20s);
    CHECK(n.runtime.addresses.size() == 1);
    CHECK(n.runtime.addresses[0] != address);
  }
  SECTION("the pod is deleted meanwhile, and made again: the wait begins anew") {
    CHECK(n.f.remove(under(podsPath, "a"), R"({"gracePeriodSeconds":0})").status == 200);
    n.loop.runFor(500ms);
    n.pod(meta);
    n.loop.runFor(9s);
    CHECK(n.runtime.addresses.empty());
    const std::string address = n.service();
    n.loop.runFor(1s);
    CHECK(n.runtime.addresses == Addresses{address});
  }
}

TEST_CASE("A pod that asks for no Service does not wait for one", "[cluster]") {
  Node n;
  n.pod({});
  n.loop.runFor(1s);
  CHECK(n.runtime.addresses.size() == 1);
}
