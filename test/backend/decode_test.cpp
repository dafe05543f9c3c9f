#include <catch2/catch.hpp>

#include "backend/decode.hpp"
#include "base/crypto.hpp"
#include "samples.hpp"

using namespace spawner;
using namespace spawner::test;
using backend::decodePod;
using backend::decodeService;
using backend::decodeSlab;
using nlohmann::json;

namespace {

const char* const podText = R"({
  "kind": "Pod", "apiVersion": "v1",
  "metadata": {
    "name": "spawner-abc", "namespace": "spawner", "uid": "pod-uid", "resourceVersion": "12", "generation": 1,
    "creationTimestamp": "2026-01-02T03:04:05Z", "deletionTimestamp": "2026-01-02T03:05:05Z", "deletionGracePeriodSeconds": 30,
    "labels": {"run": "spawner-abc", "odd\"key": "\u00e4"}, "annotations": {"a/b": "c"},
    "ownerReferences": [{"kind": "Other", "name": "x", "uid": "u1"},
      {"kind": "SessionLivedBackend", "name": "spawner-abc", "uid": "u2", "controller": true}],
    "managedFields": [{"manager": "m", "fieldsV1": {"f:metadata": {"f:labels": {".": {}}}}}]
  },
  "spec": {
    "containers": [{"name": "web", "image": "i", "env": [{"name": "PORT", "value": "8080"}]}, {"name": "helper"}],
    "initContainers": [{"restartPolicy": "Always", "name": "spawner-sidecar"}],
    "nodeName": "node-1", "tolerations": [{"key": "k", "tolerationSeconds": 300}]
  },
  "status": {
    "phase": "Failed", "reason": "Evicted", "message": "low on memory", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}],
    "conditions": [
      {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"},
      {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"},
      {"type": "spawner.dev/ListensOnPort", "status": "False", "message": "it listens on 3000"}],
    "initContainerStatuses": [{"name": "spawner-sidecar", "state": {"running": {"startedAt": "2026-01-02T03:04:06Z"}}, "restartCount": 2,
      "lastState": {"terminated": {"exitCode": 9, "reason": "OOMKilled"}}}],
    "containerStatuses": [
      {"name": "helper", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}, "lastState": {}},
      {"name": "web", "state": {"terminated": {"exitCode": 137, "signal": 9, "reason": "OOMKilled", "message": "gone"}}}]
  }
})";

}  // namespace

TEST_CASE("a pod is decoded into its view") {
  const auto pod = decodePod(podText);
  REQUIRE(pod.ok());
  CHECK(pod->meta.key() == "spawner/spawner-abc");
  CHECK(pod->meta.deleting);
  CHECK(pod->meta.labels.at("odd\"key") == "ä");
  CHECK(pod->meta.annotations.at("a/b") == "c");
  CHECK(pod->meta.ownerUid == "u2");
  CHECK(pod->meta.ownerName == "spawner-abc");
  CHECK(pod->nodeName == "node-1");
  CHECK(pod->phase == "Failed");
  CHECK(pod->reason == "Evicted");
  CHECK(pod->message == "low on memory");
  CHECK(pod->podIp == "10.0.0.1");
  CHECK(pod->containerNames == std::vector<std::string>{"web", "helper"});
  CHECK(pod->initContainerNames == std::vector<std::string>{"spawner-sidecar"});
  CHECK(pod->unschedulableMessage == "0/3 nodes");
  CHECK(pod->disruptionReason == "PreemptionByScheduler");
  CHECK(pod->portMessage == "it listens on 3000");
  REQUIRE(pod->containers.size() == 2);
  CHECK(pod->containers[0].waiting);
  CHECK(pod->containers[0].reason == "ImagePullBackOff");
  CHECK(pod->containers[1].terminated);
  CHECK(pod->containers[1].exitCode == 137);
  CHECK(pod->containers[1].signal == 9);
  CHECK(pod->containers[1].message == "gone");
  REQUIRE(pod->initContainers.size() == 1);
  CHECK(pod->initContainers[0].running);
  CHECK(pod->initContainers[0].restartCount == 2);
  CHECK(pod->initContainers[0].lastTerminatedReason == "OOMKilled");
}

TEST_CASE("a text that is cut anywhere is an error, never a crash") {
  const std::string text = podText;
  for (std::size_t n = 0; n < text.size(); ++n) CHECK_FALSE(decodePod(std::string_view(text).substr(0, n)).ok());
  CHECK_FALSE(decodePod(text + "{}").ok());
  CHECK_FALSE(decodePod("[]").ok());
  CHECK_FALSE(decodePod("null").ok());
  CHECK(decodePod(text + " \n").ok());
}

TEST_CASE("a service is decoded") {
  const auto service = decodeService(R"({"metadata":{"name":"s","namespace":"n"},"spec":{"clusterIP":"None","ports":[{"port":9090}]}})");
  REQUIRE(service.ok());
  CHECK(service->clusterIp == "None");
}

TEST_CASE("fault 09: a missing grace period is the default, not 0") {
  const auto slab = decodeSlab(R"({"metadata":{"name":"x"},"spec":{"template":{"containers":[]}}})");
  REQUIRE(slab.ok());
  CHECK(slab->spec.gracePeriodSeconds == 300);
  CHECK(slab->spec.httpPort == 8080);
  CHECK(slab->spec.startupTimeoutSeconds == 300);
  CHECK_FALSE(slab->spec.maxLifetimeSeconds);
  const auto null = decodeSlab(R"({"metadata":{"name":"x"},"spec":{"gracePeriodSeconds":null,"httpPort":null,"maxLifetimeSeconds":null}})");
  REQUIRE(null.ok());
  CHECK(null->spec.gracePeriodSeconds == 300);
  CHECK(null->spec.httpPort == 8080);
  CHECK_FALSE(null->spec.maxLifetimeSeconds);
}

TEST_CASE("the template is kept as it came") {
  const std::string text = R"({"x": [1, 2.50, {"y": "}"}], "containers": [ {"name":"a"} ]})";
  const auto slab =
      decodeSlab(R"({"spec": {"httpPort": 81, "template": )" + text + R"(  , "gracePeriodSeconds": 5}, "metadata": {"name": "x"}})");
  REQUIRE(slab.ok());
  CHECK(slab->spec.templateJson == text);
  CHECK(slab->spec.httpPort == 81);
  CHECK(slab->spec.gracePeriodSeconds == 5);
}

TEST_CASE("a field of another type is refused by its name") {
  const auto [text, name] = GENERATE(table<std::string, std::string>({
      {R"({"metadata":{"name":7}})", "name"},
      {R"({"metadata":[]})", "metadata"},
      {R"({"metadata":{"name":"x","labels":{"a":1}}})", "metadata.labels"},
      {R"({"metadata":{"name":"x"},"spec":{"template":"text"}})", "spec.template"},
      {R"({"metadata":{"name":"x"},"spec":{"gracePeriodSeconds":"300"}})", "spec.gracePeriodSeconds"},
      {R"({"metadata":{"name":"x"},"spec":{"gracePeriodSeconds":-1}})", "spec.gracePeriodSeconds"},
      {R"({"metadata":{"name":"x"},"spec":{"gracePeriodSeconds":4294967296}})", "spec.gracePeriodSeconds"},
      {R"({"metadata":{"name":"x"},"spec":{"gracePeriodSeconds":1.5}})", "spec.gracePeriodSeconds"},
      {R"({"metadata":{"name":"x"},"spec":{"httpPort":65536}})", "spec.httpPort"},
      {R"({"metadata":{"name":"x"},"status":{"ready":"true"}})", "ready"},
      {R"({"metadata":{"name":"x"},"status":{"conditions":{}}})", "status.conditions"},
      {R"({"metadata":{"name":"x"},"status":{"podUID":1}})", "podUID"},
      {R"({"metadata":{}})", "metadata.name is missing"},
      {R"({})", "metadata.name is missing"},
  }));
  CAPTURE(text);
  const auto slab = decodeSlab(text);
  REQUIRE_FALSE(slab.ok());
  CHECK(slab.error().kind == ErrorKind::InvalidArgument);
  CHECK_THAT(slab.error().message, Catch::Contains(name));
}

TEST_CASE("of two ends the one stated first counts") {
  Slab slab = sampleSlab();
  CHECK(slab.state() == State::Submitted);
  setReached(slab, State::Ready);
  CHECK(slab.state() == State::Ready);
  slab.status.reached[static_cast<std::size_t>(State::Failed)] = true;
  CHECK(slab.state() == State::Failed);
  slab.status.reached[static_cast<std::size_t>(State::Swept)] = true;
  CHECK(slab.state() == State::Failed);
  slab.status.stateTimes[static_cast<std::size_t>(State::Swept)] = wall(10);
  slab.status.stateTimes[static_cast<std::size_t>(State::Failed)] = wall(11);
  CHECK(slab.state() == State::Swept);
}

namespace {

/// A random slab, in random order of fields and with fields that nobody knows.
Slab randomSlab(Random& random) {
  Slab slab = sampleSlab();
  const auto maybe = [&] { return random.below(2) == 0; };
  const auto word = [&] { return "w\"\\\n" + std::to_string(random.below(1000)) + "é"; };
  slab.meta.generation = static_cast<std::int64_t>(random.below(5));
  slab.spec.gracePeriodSeconds = static_cast<std::uint32_t>(random.next());
  slab.spec.httpPort = static_cast<std::uint16_t>(random.next());
  if (maybe()) slab.spec.maxLifetimeSeconds = static_cast<std::uint32_t>(random.next());
  if (maybe()) slab.spec.ttlSecondsAfterFinished = static_cast<std::uint32_t>(random.below(10));
  for (const State state : allStates) {
    slab.status.reached[static_cast<std::size_t>(state)] = maybe();
    if (maybe())
      slab.status.stateTimes[static_cast<std::size_t>(state)] =
          wall(static_cast<int>(random.below(1000)), static_cast<int>(random.below(1000000)));
  }
  for (std::string* text : {&slab.status.nodeName, &slab.status.ip, &slab.status.url, &slab.status.podName, &slab.status.podUid,
                            &slab.status.podIp, &slab.status.phase, &slab.status.reason, &slab.status.message})
    if (maybe()) *text = word();
  if (maybe()) slab.status.port = static_cast<std::uint16_t>(random.next());
  if (maybe()) slab.status.observedGeneration = static_cast<std::int64_t>(random.below(9));
  if (maybe()) {
    slab.status.end = EndInfo{word(), word(), {}, {}, wall(5, 7), word()};
    if (maybe()) slab.status.end->exitCode = static_cast<int>(random.below(256));
    if (maybe()) slab.status.end->signal = 9;
  }
  if (maybe()) slab.status.contactLost = ContactLostInfo{wall(8, 1), word()};
  for (std::uint64_t i = random.below(4); i > 0; --i)
    slab.status.conditions.push_back(Condition{word(), "True", word(), word(), static_cast<std::int64_t>(random.below(3)), wall(3)});
  return slab;
}

void addNoise(Random& random, json& object) {
  for (std::uint64_t i = random.below(3); i > 0; --i)
    object["unknown" + std::to_string(random.below(10))] = json{{"ready", false}, {"list", {1, "two", nullptr, {{"deep", true}}}}};
}

/// Writes an object's fields in random order; nlohmann's order would always be the alphabet's.
std::string shuffled(Random& random, const json& value) {
  if (!value.is_object()) return value.dump();
  std::vector<std::string> fields;
  for (const auto& [name, item] : value.items())
    fields.push_back(json(name).dump() + (random.below(2) ? " : " : ":") + shuffled(random, item));
  for (std::size_t i = fields.size(); i > 1; --i) std::swap(fields[i - 1], fields[random.below(i)]);
  std::string text = "{";
  for (std::size_t i = 0; i < fields.size(); ++i) text += (i ? "," : "") + fields[i];
  return text + "}";
}

}  // namespace

TEST_CASE("decoding agrees with nlohmann on many documents") {
  const auto random = seededRandom(20260102);
  for (int i = 0; i < 2000; ++i) {
    const Slab wanted = randomSlab(*random);
    json document = slabToJson(wanted);
    addNoise(*random, document);
    addNoise(*random, document["metadata"]);
    addNoise(*random, document["spec"]);
    addNoise(*random, document["status"]);
    const std::string text = shuffled(*random, document);
    CAPTURE(i, text);
    const auto slab = decodeSlab(text);
    REQUIRE(slab.ok());
    REQUIRE(slab->status == wanted.status);
    REQUIRE(slabToJson(*slab) == slabToJson(wanted));
  }
}

TEST_CASE("a slab's creation is told in microseconds where the API noted the moment, within the second that Kubernetes says") {
  const auto created = [](const std::string& noted) {
    const auto slab = decodeSlab(
        json{{"metadata",
              {{"name", "a"}, {"creationTimestamp", "2026-01-02T03:04:05Z"}, {"annotations", {{"spawner.dev/submitted-at", noted}}}}}}
            .dump());
    REQUIRE(slab);
    return toRfc3339Micro(slab->meta.creationTime);
  };
  CHECK(created("2026-01-02T03:04:05.250000Z") == "2026-01-02T03:04:05.250000Z");
  // Another clock, another year, no time at all: Kubernetes' own.
  for (const char* noted : {"2026-01-02T03:04:04.999999Z", "2026-01-02T03:04:06.000000Z", "2036-01-02T03:04:05Z", "soon", ""})
    CHECK(created(noted) == "2026-01-02T03:04:05.000000Z");
}
