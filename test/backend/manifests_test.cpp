// What we install must fit what we make: the manifests are read as YAML, and the network policies as a CNI would read them.
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "backend/builders.hpp"
#include "base/yaml.hpp"
#include "samples.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace spawner::backend;
using nlohmann::json;

namespace {

std::vector<json> documents(const std::string& name) {
  std::ifstream file(std::string(SPAWNER_SOURCE_DIR) + "/manifests/" + name);
  const auto texts = yamlToJson(std::string{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
  REQUIRE(texts.ok());
  std::vector<json> made;
  for (const std::string& text : *texts) made.push_back(json::parse(text));
  return made;
}

json document(const std::string& file, const std::string& kind, const std::string& name) {
  for (const json& one : documents(file))
    if (one["kind"] == kind && one["metadata"]["name"] == name) return one;
  FAIL("no " << kind << " " << name << " in " << file);
  return {};
}

/// Only what our policies use; whatever else stands there must not be taken for a match.
bool selects(const json& selector, const json& labels) {
  for (const auto& [key, value] : selector.items()) {
    REQUIRE(key == "matchLabels");
    for (const auto& [label, wanted] : value.items())
      if (!labels.contains(label) || labels[label] != wanted) return false;
  }
  return true;
}

/// True when the policy lets such a pod of such a namespace connect to the port.
bool admits(const json& policy, const std::string& ns, const json& podLabels, int port) {
  const json nsLabels = {{"kubernetes.io/metadata.name", ns}};
  const auto from = [&](const json& peer) {
    REQUIRE_FALSE(peer.contains("ipBlock"));
    REQUIRE(peer.contains("namespaceSelector"));
    return selects(peer["namespaceSelector"], nsLabels) && (!peer.contains("podSelector") || selects(peer["podSelector"], podLabels));
  };
  const auto to = [&](const json& one) { return one.at("port") == port && !one.contains("endPort"); };
  return std::any_of(policy["spec"]["ingress"].begin(), policy["spec"]["ingress"].end(), [&](const json& rule) {
    return (!rule.contains("from") || std::any_of(rule["from"].begin(), rule["from"].end(), from)) &&
           (!rule.contains("ports") || std::any_of(rule["ports"].begin(), rule["ports"].end(), to));
  });
}

json podLabels(const std::string& file, const std::string& kind, const std::string& name) {
  return document(file, kind, name)["spec"]["template"]["metadata"]["labels"];
}

SlabSpec withPorts(std::uint16_t httpPort, const std::vector<int>& containerPorts) {
  json ports = json::array();
  for (const int port : containerPorts) ports.push_back({{"containerPort", port}});
  SlabSpec spec;
  spec.httpPort = httpPort;
  spec.templateJson = json{{"containers", json::array({{{"name", "a"}, {"image", "b"}, {"ports", ports}}})}}.dump();
  return spec;
}

}  // namespace

TEST_CASE("the network policy lets the sweeper reach a sidecar whose admin port moved, and others only the session") {
  const json policy = document("network-policies.yaml", "NetworkPolicy", "sessions");
  const json sweeper = podLabels("sweeper.yaml", "DaemonSet", "spawner-sweeper");
  const std::vector<json> fronts = {podLabels("gateway.yaml", "Deployment", "spawner-gateway"),
                                    podLabels("overlays/nginx/nginx.yaml", "Deployment", "spawner-nginx")};
  const auto spec = GENERATE(values<SlabSpec>(
      {withPorts(8080, {}), withPorts(9091, {}), withPorts(8080, {9091}), withPorts(8080, {9091, 9092}), withPorts(9092, {9091, 9093})}));
  const SidecarPorts ports = sidecarPorts(spec);
  CAPTURE(ports.admin);
  CHECK(admits(policy, "spawner-system", sweeper, ports.admin));
  CHECK(admits(policy, "spawner-system", sweeper, ports.serve));  // of the service check
  for (const json& front : fronts) {
    CHECK(admits(policy, "spawner-system", front, ports.serve));
    CHECK_FALSE(admits(policy, "spawner-system", front, ports.admin));
  }
  // A pod of a session's namespace is none of ours, whatever it calls itself.
  CHECK_FALSE(admits(policy, "spawner", sweeper, ports.admin));
  CHECK_FALSE(admits(policy, "spawner", fronts[0], ports.serve));
}

TEST_CASE("sweepers run on Linux nodes, and no session is before them in the queue or ended to make room") {
  json pod = document("sweeper.yaml", "DaemonSet", "spawner-sweeper")["spec"]["template"]["spec"];
  CHECK(pod["nodeSelector"] == json{{"kubernetes.io/os", "linux"}});
  json priority = document("sweeper.yaml", "PriorityClass", pod.value("priorityClassName", "none"));
  CHECK(priority["value"] >= 1000);
  CHECK(priority["value"] <= 1'000'000'000);  // beyond is the system's
  CHECK(priority["preemptionPolicy"] == "Never");
  CHECK_FALSE(priority.value("globalDefault", false));
  const json files = documents("kustomization.yaml")[0]["resources"];
  CHECK(std::find(files.begin(), files.end(), "sweeper.yaml") != files.end());
}
