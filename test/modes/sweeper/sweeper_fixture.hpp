#pragma once
// World: one node in virtual time: an API server, sidecars, and one or more sweepers.

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/crypto.hpp"
#include "base/metrics.hpp"
#include "base/text.hpp"
#include "loop/sim_loop.hpp"
#include "modes/sweeper/fake_kube.hpp"
#include "modes/sweeper/fake_sidecars.hpp"
#include "modes/sweeper/sweeper.hpp"

namespace spawner::test {

using namespace std::chrono_literals;

struct SessionOptions {
  std::string grace = "300";
  std::string maxLifetime;
  std::string startupTimeout;
  std::string clusterIp;     // of its Service; empty: it is to have none
  bool serviceLate = false;  // the test makes it
  std::string phase = "Running";
  bool up = true;     // the sidecar listens
  bool ready = true;  // the application listens
};

class World {
 public:
  explicit World(std::uint64_t seed = 1)
      : loop(seed), kube(loop), net(loop), random(seededRandom(seed)), key(Ed25519Key::generate(*random)) {
    setKeys({key});
    log.sink = sink;
    log.wallNow = [this] { return loop.wallNow(); };
    options.nodeName = "node-1";
  }

  SimLoop loop;
  FakeKube kube;
  FakeSidecars net;
  std::unique_ptr<Random> random;
  Ed25519Key key;
  Metrics metrics;
  std::shared_ptr<MemorySink> sink = std::make_shared<MemorySink>();
  Logger::Options log;
  sweeper::Options options;
  sweeper::ServiceProbe* probe = nullptr;

  void setKeys(const std::vector<Ed25519Key>& keys) {
    std::string text;
    for (const Ed25519Key& one : keys) text += session::encodePrivateKey(one) + "\n";
    kube.adminKey = base64Encode(text);
  }

  std::unique_ptr<role::Role> sweeper() {
    auto role = sweeper::start({loop, kube.transport, *random, Logger(log, "sweeper"), metrics}, options, &net.transport, probe);
    REQUIRE(role);
    return *std::move(role);
  }

  static std::string podUid(const std::string& name) { return "pod-uid-" + name; }
  static std::string slabUid(const std::string& name) { return "slab-uid-" + name; }

  static json slabOf(const std::string& name) {
    return {{"apiVersion", "spawner.dev/v1"},
            {"kind", "SessionLivedBackend"},
            {"metadata", {{"name", name}, {"namespace", "spawner"}, {"uid", slabUid(name)}, {"resourceVersion", "1"}, {"generation", 1}}},
            {"spec", {{"template", {{"containers", json::array({{{"name", "app"}, {"image", "demo"}}})}}}, {"gracePeriodSeconds", 300}}},
            {"status", {{"stateTimes", json::object()}}}};
  }

  json podOf(const std::string& name, const SessionOptions& session, const std::string& ip) {
    json annotations = {{"spawner.dev/slab-uid", slabUid(name)}};
    const auto put = [&annotations](const char* key, const std::string& value) {
      if (!value.empty()) annotations[key] = value;
    };
    put("spawner.dev/grace-period-seconds", session.grace);
    put("spawner.dev/max-lifetime-seconds", session.maxLifetime);
    put("spawner.dev/startup-timeout-seconds", session.startupTimeout);
    if (!session.clusterIp.empty()) put("spawner.dev/cluster-ip", "true");
    json owner = {
        {"apiVersion", "spawner.dev/v1"}, {"kind", "SessionLivedBackend"}, {"name", name}, {"uid", slabUid(name)}, {"controller", true}};
    return {{"metadata",
             {{"name", name},
              {"namespace", "spawner"},
              {"uid", podUid(name)},
              {"labels", {{"app.kubernetes.io/managed-by", "spawner"}}},
              {"annotations", annotations},
              {"ownerReferences", json::array({owner})}}},
            {"spec", {{"nodeName", "node-1"}, {"containers", json::array({{{"name", "app"}}})}}},
            {"status", {{"phase", session.phase}, {"podIP", ip}}}};
  }

  static json serviceOf(const std::string& name, const std::string& clusterIp, const std::string& ownerUid) {
    return {{"metadata",
             {{"name", name},
              {"namespace", "spawner"},
              {"uid", "service-uid-" + name},
              {"labels", {{"app.kubernetes.io/managed-by", "spawner"}}},
              {"ownerReferences", json::array({{{"apiVersion", "spawner.dev/v1"},
                                                {"kind", "SessionLivedBackend"},
                                                {"name", name},
                                                {"uid", ownerUid},
                                                {"controller", true}}})}}},
            {"spec", {{"clusterIP", clusterIp}}}};
  }

  /// Makes object, pod, Service and sidecar.
  FakeSidecar& add(const std::string& name, const SessionOptions& session = {}) {
    const std::string ip = "10.0.0." + std::to_string(++lastIp_);
    kube.slabs[name] = slabOf(name);
    auto sidecar = std::make_shared<FakeSidecar>(loop, podUid(name), std::vector<std::string>{session::adminKeyArgument(key.publicKey())});
    net.at[ip + ":9091"] = sidecar;
    if (session.up) sidecar->start();
    if (session.up && session.ready) sidecar->core->setReady();
    kube.putPod(podOf(name, session, ip));
    if (!session.clusterIp.empty() && !session.serviceLate) kube.putService(serviceOf(name, session.clusterIp, slabUid(name)));
    return *sidecar;
  }
  /// Changes a pod's JSON.
  void changePod(const std::string& name, const std::function<void(json&)>& change) {
    json pod = kube.pods.at(name);
    change(pod);
    kube.putPod(pod);
  }
  bool until(const std::function<bool()>& predicate, Duration limit) { return loop.runUntil(predicate, limit); }
  /// Waits for a fact; fails the test when it does not come.
  void waitFor(const std::string& name, const std::string& fact, Duration limit) {
    if (!until([&] { return kube.has(name, fact); }, limit))
      FAIL("waited " << std::chrono::duration<double>(limit).count() << " s for " << fact << " of " << name << ": "
                     << kube.status(name).dump());
  }
  [[nodiscard]] std::string reason(const std::string& name) {
    return kube.status(name).contains("end") ? kube.status(name)["end"].value("reason", "") : "";
  }
  [[nodiscard]] int metric(const std::string& line) const {
    const std::string text = metrics.text();
    const std::size_t at = text.find("\n" + line + " ");
    return at == std::string::npos ? -1 : std::stoi(text.substr(at + line.size() + 2));
  }
  [[nodiscard]] bool logged(std::string_view part) const {
    for (const std::string& line : sink->lines)
      if (line.find(part) != std::string::npos) return true;
    return false;
  }

 private:
  int lastIp_ = 0;
};

}  // namespace spawner::test
