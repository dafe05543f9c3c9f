// The CRD, spawned objects and Events.
#include <catch2/catch.hpp>
#include <set>

#include "backend/crd.hpp"
#include "backend/decode.hpp"
#include "backend/derive.hpp"
#include "backend/events.hpp"
#include "backend/spawn.hpp"
#include "base/yaml.hpp"
#include "samples.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace spawner::backend;
using nlohmann::json;

namespace {

json versionOf(const json& crd) { return crd["spec"]["versions"][0]; }
json properties(const std::string& part) {
  return versionOf(json::parse(crdJson()))["schema"]["openAPIV3Schema"]["properties"][part]["properties"];
}

}  // namespace

TEST_CASE("the CRD has the original's names") {
  const json crd = json::parse(crdJson());
  CHECK(crd["metadata"]["name"] == "sessionlivedbackends.spawner.dev");
  CHECK(crd["spec"]["group"] == "spawner.dev");
  CHECK(crd["spec"]["scope"] == "Namespaced");
  CHECK(crd["spec"]["names"] == json::parse(R"({"kind":"SessionLivedBackend","listKind":"SessionLivedBackendList",
      "plural":"sessionlivedbackends","singular":"sessionlivedbackend","shortNames":["slab","slabs"]})"));
  CHECK(versionOf(crd)["name"] == "v1");
  CHECK(versionOf(crd)["served"] == true);
  CHECK(versionOf(crd)["storage"] == true);
  CHECK(versionOf(crd)["subresources"] == json{{"status", json::object()}});
}

TEST_CASE("the CRD's spec has the C++ defaults and ranges") {
  const json spec = properties("spec");
  const SlabSpec defaults;
  CHECK(spec["gracePeriodSeconds"]["default"] == defaults.gracePeriodSeconds);
  CHECK(spec["gracePeriodSeconds"]["minimum"] == 0);
  CHECK(spec["gracePeriodSeconds"]["maximum"] == 4294967295);
  CHECK_FALSE(spec["gracePeriodSeconds"].contains("nullable"));
  CHECK(spec["httpPort"]["default"] == defaults.httpPort);
  CHECK(spec["httpPort"]["minimum"] == 1);
  CHECK(spec["httpPort"]["maximum"] == 65535);
  CHECK(spec["startupTimeoutSeconds"]["default"] == defaults.startupTimeoutSeconds);
  CHECK_FALSE(spec["maxLifetimeSeconds"].contains("default"));
  CHECK_FALSE(spec["ttlSecondsAfterFinished"].contains("default"));
  CHECK(spec["template"]["x-kubernetes-preserve-unknown-fields"] == true);
  CHECK(spec["template"]["required"] == json{"containers"});
  CHECK(spec["template"]["properties"]["containers"]["minItems"] == 1);
  CHECK(spec["template"]["properties"]["containers"]["maxItems"] == 32);
  CHECK(spec["template"]["properties"]["imagePullSecrets"]["nullable"] == true);
  CHECK(spec["template"]["properties"]["volumes"]["nullable"] == true);
}

TEST_CASE("every field that is decoded is in the CRD, and every field of the CRD is decoded") {
  Slab full = sampleSlab();
  full.spec.maxLifetimeSeconds = 1;
  full.spec.ttlSecondsAfterFinished = 1;
  setReached(full, State::Ready);
  for (std::size_t i = 0; i < allStates.size(); ++i) {
    full.status.reached[i] = true;
    full.status.stateTimes[i] = wall(static_cast<int>(i));
  }
  full.status.podIp = "ip";
  full.status.end = EndInfo{"R", "m", 1, 2, wall(1), "said"};
  full.status.contactLost = ContactLostInfo{wall(1), "m"};
  apply(full.status, derive(full));
  full.status.conditions.push_back(Condition{"ContactLost", "True", "R", "m", 3, wall(2)});
  const json written = slabToJson(full);
  const auto names = [](const json& object) {
    std::set<std::string> result;
    for (const auto& [name, value] : object.items()) result.insert(name);
    return result;
  };
  CHECK(names(written["spec"]) == names(properties("spec")));
  const json status = properties("status");
  CHECK(names(written["status"]) == names(status));
  CHECK(names(written["status"]["stateTimes"]) == names(status["stateTimes"]["properties"]));
  CHECK(names(written["status"]["end"]) == names(status["end"]["properties"]));
  CHECK(names(written["status"]["contactLost"]) == names(status["contactLost"]["properties"]));
  CHECK(names(written["status"]["conditions"].back()) == names(status["conditions"]["items"]["properties"]));
  const auto decoded = decodeSlab(written.dump());
  REQUIRE(decoded.ok());
  CHECK(slabToJson(*decoded) == written);
}

TEST_CASE("conditions are a map by type, and a sweeper's JSON patch finds its parents") {
  const json status = properties("status");
  CHECK(status["conditions"]["x-kubernetes-list-type"] == "map");
  CHECK(status["conditions"]["x-kubernetes-list-map-keys"] == json{"type"});
  CHECK(status["stateTimes"]["default"] == json::object());
  CHECK(status["contactLost"]["nullable"] == true);
  const json schema = versionOf(json::parse(crdJson()))["schema"]["openAPIV3Schema"];
  CHECK(schema["properties"]["status"]["default"] == json::object());
  CHECK(schema["x-kubernetes-validations"].size() == 1);
}

TEST_CASE("the printer's columns") {
  std::vector<std::string> plain, wide;
  const json columns = versionOf(json::parse(crdJson()))["additionalPrinterColumns"];
  for (const json& column : columns) (column.contains("priority") ? wide : plain).push_back(column["name"].get<std::string>());
  CHECK(plain == std::vector<std::string>{"State", "Reason", "Node", "Age"});
  CHECK(wide == std::vector<std::string>{"Image", "Grace", "Pod-IP", "URL"});
}

TEST_CASE("the CRD as YAML is the CRD") {
  const auto yaml = crdYaml();
  REQUIRE(yaml.ok());
  const auto documents = yamlToJson(*yaml);
  REQUIRE(documents.ok());
  REQUIRE(documents->size() == 1);
  CHECK(json::parse(documents->front()) == json::parse(crdJson()));
}

TEST_CASE("an object from spawn parameters") {
  SpawnParameters p;
  p.ns = "spawner";
  p.generateName = "spawner-";
  p.image = "demo:1";
  const json plain = json::parse(slabJson(p));
  CHECK(plain ==
        json::parse(
            R"({"apiVersion":"spawner.dev/v1","kind":"SessionLivedBackend","metadata":{"generateName":"spawner-","namespace":"spawner"},
      "spec":{"template":{"containers":[{"name":"app","image":"demo:1"}]}}})"));
  p.name = "spawner-x";
  p.port = 81;
  p.env = {{"A", "1"}, {"B", "\"2\"\n"}};
  p.gracePeriodSeconds = 0;
  p.startupTimeoutSeconds = 5;
  p.maxLifetimeSeconds = 6;
  p.ttlSecondsAfterFinished = 7;
  p.labels = {{"l", "v"}};
  p.annotations = {{"a", "v"}};
  p.imagePullPolicy = "Never";
  p.imagePullSecret = "s";
  p.resourcesJson = R"({"limits":{"cpu":"1"}})";
  const json full = json::parse(slabJson(p));
  CHECK(full == json::parse(R"({"apiVersion":"spawner.dev/v1","kind":"SessionLivedBackend",
      "metadata":{"name":"spawner-x","namespace":"spawner","labels":{"l":"v"},"annotations":{"a":"v"}},
      "spec":{"template":{"containers":[{"name":"app","image":"demo:1","imagePullPolicy":"Never","env":[
        {"name":"A","value":"1"},{"name":"B","value":"\"2\"\n"}],
      "resources":{"limits":{"cpu":"1"}}}],"imagePullSecrets":[{"name":"s"}]},
      "gracePeriodSeconds":0,"httpPort":81,"startupTimeoutSeconds":5,"maxLifetimeSeconds":6,"ttlSecondsAfterFinished":7}})"));
  CHECK(decodeSlab(full.dump()).ok());
}

TEST_CASE("Events: one a write, one a state, or none") {
  const std::vector<State> states = {State::Constructed, State::Scheduled};
  const auto one = eventsOf(states, std::nullopt, EventMode::Write);
  REQUIRE(one.size() == 1);
  CHECK(one[0].type == "Normal");
  CHECK(one[0].reason == "Scheduled");
  CHECK_THAT(one[0].message, Catch::Contains("Constructed"));
  const auto each = eventsOf(states, std::nullopt, EventMode::State);
  REQUIRE(each.size() == 2);
  CHECK(each[0].reason == "Constructed");
  CHECK(each[1].reason == "Scheduled");
  CHECK(eventsOf(states, std::nullopt, EventMode::None).empty());
  CHECK(eventsOf({}, std::nullopt, EventMode::Write).empty());
  const auto failed = eventsOf({State::Failed}, EndInfo{"OOMKilled", "It used too much.", {}, {}, {}}, EventMode::Write);
  CHECK(failed[0].type == "Warning");
  CHECK(failed[0].reason == "Failed");
  CHECK(failed[0].message == "OOMKilled: It used too much.");
  CHECK(parseEventMode("state") == EventMode::State);
  CHECK_FALSE(parseEventMode("all"));
}
