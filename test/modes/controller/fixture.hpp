#pragma once
// A controller against the embedded API server in virtual time; the test plays the kubelet and the sweeper.

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "backend/decode.hpp"
#include "backend/status_patch.hpp"
#include "base/crypto.hpp"
#include "base/text.hpp"
#include "cluster/controllers.hpp"
#include "cluster/direct_transport.hpp"
#include "loop/sim_loop.hpp"
#include "modes/controller/controller.hpp"
#include "support/watched_transport.hpp"

namespace spawner::test {

using namespace std::chrono_literals;
using Json = nlohmann::json;

class Cluster {
 public:
  explicit Cluster(std::uint64_t seed = 1, cluster::ApiServerOptions options = {})
      : loop(seed),
        random(seededRandom(seed)),
        api(std::move(options), *random, now()),
        background(loop, api),
        direct(loop, api),
        kube(loop, direct) {
    cluster::registerNode(api, "node-1", "10.0.0.1", 100, now());
    hook_ = api.store().onCommit([this](const cluster::Commit& commit) { noticePod(commit); });
  }
  ~Cluster() { controllers.clear(); }

  SimLoop loop;
  std::unique_ptr<Random> random;
  cluster::ApiServer api;
  cluster::Controllers background;
  cluster::DirectTransport direct;
  WatchedTransport kube;
  std::shared_ptr<MemorySink> log = std::make_shared<MemorySink>();
  Metrics metrics;
  controller::Options options = [] {
    controller::Options o;
    o.eventHoldMs = 0;  // what is told is looked at, at once
    o.instance = "test";
    o.sidecarEnv = {{"X", "1"}};
    return o;
  }();
  std::vector<std::unique_ptr<role::Role>> controllers;
  void wakeKubelet() {
    if (!ticking_.active()) ticking_ = loop.after(kubeletDelay, [this] { tick(); });
  }
  /// What the kubelet does, with a node's pods: start them; carry deletions out.
  Duration kubeletDelay = 10ms;
  bool startsPods = true;
  bool endsPods = true;
  /// Uids of pods, by the uid of their slab, over all time.
  std::map<std::string, std::set<std::string>> podsOf;

  [[nodiscard]] cluster::Now now() const { return {loop.now(), loop.wallNow()}; }
  void startController() {
    auto role = controller::start(
        role::Context{loop, kube, *random, Logger({LogLevel::Debug, LogFormat::Json, log, {}}, "controller"), metrics}, options);
    REQUIRE(role.ok());
    controllers.push_back(std::move(*role));
  }
  void startReadyController() {
    startController();
    eventually("the controller is ready", [this] { return controllers.back()->ready(); });
  }
  void eventually(const std::string& what, const std::function<bool()>& predicate, Duration limit = 20s) {
    INFO("waited for: " << what);
    REQUIRE(loop.runUntil(predicate, limit));
  }

  Json ask(const std::string& method, const std::string& path, const std::string& body = {}) {
    const auto response = api.call(method, path, body, now());
    Json json = Json::parse(response.body, nullptr, false);
    if (json.is_object()) json["_status"] = response.status;
    return json;
  }
  static std::string slabPath(const std::string& name = {}) {
    return "/apis/spawner.dev/v1/namespaces/spawner/sessionlivedbackends" + (name.empty() ? "" : "/" + name);
  }
  static std::string podPath(const std::string& name = {}) { return "/api/v1/namespaces/spawner/pods" + (name.empty() ? "" : "/" + name); }
  static std::string servicePath(const std::string& name = {}) {
    return "/api/v1/namespaces/spawner/services" + (name.empty() ? "" : "/" + name);
  }

  void createSlab(const std::string& name, const Json& spec = Json::object()) {
    Json slab = {{"apiVersion", "spawner.dev/v1"}, {"kind", "SessionLivedBackend"}, {"metadata", {{"name", name}}}, {"spec", spec}};
    if (!slab["spec"].contains("template")) slab["spec"]["template"] = Json::parse(R"({"containers":[{"name":"my-app","image":"demo"}]})");
    const Json made = ask("POST", slabPath(), slab.dump());
    INFO(made.dump());
    REQUIRE(made["_status"] == 201);
  }
  /// Null when there is none.
  std::optional<Slab> slab(const std::string& name) {
    const auto response = api.call("GET", slabPath(name), "", now());
    if (response.status != 200) return std::nullopt;
    auto slab = backend::decodeSlab(response.body);
    REQUIRE(slab.ok());
    return *slab;
  }
  Json pod(const std::string& name) { return found(ask("GET", podPath(name))); }
  Json service(const std::string& name) { return found(ask("GET", servicePath(name))); }
  [[nodiscard]] State state(const std::string& name) {
    const auto s = slab(name);
    return s ? s->state() : State::Submitted;
  }
  void reachState(const std::string& name, State wanted, Duration limit = 20s) {
    eventually(
        name + " is " + std::string(toString(wanted)), [&] { return state(name) == wanted; }, limit);
  }
  void podStatus(const std::string& name, const Json& status) {
    const Json answer = ask("PATCH", podPath(name) + "/status", Json{{"status", status}}.dump());
    INFO(answer.dump());
    REQUIRE(answer["_status"] == 200);
  }
  /// The application exits with this code.
  void exitApplication(const std::string& name, int code, const std::string& reason) {
    podStatus(name, Json{{"phase", code == 0 ? "Succeeded" : "Failed"},
                         {"containerStatuses",
                          Json::array({{{"name", "my-app"}, {"state", {{"terminated", {{"exitCode", code}, {"reason", reason}}}}}}})}});
  }
  /// A sweeper's patch.
  int sweeper(const std::string& name, const std::function<std::string(const backend::SweptPod&)>& patch) {
    eventually("the pod of " + name + " has an address", [&] {
      const Json p = pod(name);
      return !p.is_null() && p["status"].contains("podIP");
    });
    const Json p = pod(name);
    backend::SweptPod swept{p["metadata"]["annotations"]["spawner.dev/slab-uid"], name, p["metadata"]["uid"], p["status"]["podIP"],
                            p["spec"]["nodeName"]};
    cluster::Request request;
    request.method = "PATCH";
    request.target = slabPath(name) + "/status";
    request.headers.emplace_back("Content-Type", "application/json-patch+json");
    request.body = patch(swept);
    const auto response = api.handle(request, now());
    INFO(response.body);
    CHECK((response.status == 200 || response.status == 422));
    return response.status;
  }
  int sayReady(const std::string& name) {
    return sweeper(
        name, [this](const auto& pod) { return backend::readyPatch(pod, loop.wallNow(), loop.wallNow() + std::chrono::microseconds(1)); });
  }
  int saySwept(const std::string& name) {
    return sweeper(name, [this](const auto& pod) {
      return backend::endPatch(pod, State::Swept, EndInfo{"Idle", "It was unused for 300 s.", {}, {}, loop.wallNow()});
    });
  }
  /// Reasons of the Events about the object, in order of their making.
  /// In the order in which they were made.
  std::vector<std::string> events(const std::string& name) {
    std::map<std::uint64_t, std::string> made;  // by resource version; the list is in the order of names
    const Json list = ask("GET", "/api/v1/namespaces/spawner/events");
    for (const Json& event : list["items"])
      if (event["involvedObject"]["name"] == name && event["involvedObject"]["kind"] == "SessionLivedBackend")
        made[std::stoull(event["metadata"]["resourceVersion"].get<std::string>())] = event["reason"];
    std::vector<std::string> reasons;
    for (auto& [version, reason] : made) reasons.push_back(std::move(reason));
    return reasons;
  }

 private:
  static Json found(Json json) { return json["_status"] == 200 ? json : Json(); }
  void noticePod(const cluster::Commit& commit) {
    if (&commit.type != &cluster::types::pods) return;
    wakeKubelet();
    if (commit.before || !commit.after) return;
    const Json json = Json::parse(commit.after->text());
    if (json["metadata"].contains("ownerReferences")) podsOf[json["metadata"]["ownerReferences"][0]["uid"]].insert(json["metadata"]["uid"]);
  }
  /// The kubelet.
  void tick() {
    const Json pods = ask("GET", podPath());
    for (const Json& p : pods["items"]) {
      const std::string name = p["metadata"]["name"];
      const std::string phase = p.contains("status") ? p["status"].value("phase", "") : "";
      if (p["metadata"].contains("deletionTimestamp")) {
        if (endsPods) ask("DELETE", podPath(name), R"({"gracePeriodSeconds":0})");
      } else if (startsPods && p["spec"].contains("nodeName") && (phase.empty() || phase == "Pending")) {
        podStatus(name, Json::parse(R"({"phase":"Running","podIP":"10.1.0.9","containerStatuses":[{"name":"my-app","state":{"running":{}}}],
            "initContainerStatuses":[{"name":"spawner-sidecar","state":{"running":{}}}]})"));
      }
    }
  }
  Timer ticking_;
  std::shared_ptr<void> hook_;
};

}  // namespace spawner::test
