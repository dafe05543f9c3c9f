#include <catch2/catch.hpp>

#include "backend/derive.hpp"
#include "backend/validate.hpp"
#include "samples.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace spawner::backend;

namespace {

Slab withTemplate(const std::string& extra, const std::string& container = "") {
  Slab slab = sampleSlab();
  slab.spec.templateJson = R"({"containers":[{"name":"a","image":"b")" + container + "}]" + extra + "}";
  return slab;
}

}  // namespace

TEST_CASE("a plain object is accepted") {
  CHECK_FALSE(validate(sampleSlab(), {}));
  CHECK_FALSE(validate(
      withTemplate(R"(,"hostNetwork":false,"hostPID":false,"serviceAccountName":"","automountServiceAccountToken":false)",
                   R"(,"securityContext":{"privileged":false,"capabilities":{"drop":["ALL"],"add":[]}},"ports":[{"containerPort":80}])"),
      {}));
  CHECK_FALSE(validate(
      withTemplate(R"(,"volumes":[{"name":"v","emptyDir":{}},{"name":"p","projected":{"sources":[{"configMap":{"name":"c"}}]}}])"), {}));
}

TEST_CASE("names that cannot be a Service's are refused") {
  for (const std::string& name :
       {std::string("1abc"), std::string("a.b"), std::string("A"), std::string("a-"), std::string(64, 'a'), std::string()}) {
    Slab slab = sampleSlab();
    slab.meta.name = name;
    CAPTURE(name);
    const auto refusal = validate(slab, {});
    REQUIRE(refusal);
    CHECK(refusal->reason == reasons::invalidName);
  }
  CHECK_FALSE(validateName(std::string(63, 'a')));
}

TEST_CASE("what no application can be is refused with what to do") {
  struct Row {
    std::string json;
    std::uint16_t port;
    std::string text;
  };
  const auto row = GENERATE(values<Row>({
      {"", 80, "spec.template is missing"},
      {"[]", 80, "spec.template is missing"},
      {"{}", 80, "containers must be a list"},
      {R"({"containers":[]})", 80, "containers must be a list"},
      {R"({"containers":[{"image":"b"}]})", 80, "[0].name is missing"},
      {R"({"containers":[{"name":"a","image":""}]})", 80, "[0].image is missing"},
      {R"({"containers":["a"]})", 80, "[0].name is missing"},
      {R"({"containers":[{"name":"a","image":"b"},{"name":"a","image":"b"}]})", 80, "[1].name is there twice"},
      {R"({"containers":[{"name":"spawner-sidecar","image":"b"}]})", 80, "the sidecar's"},
      {R"({"containers":[{"name":"a","image":"b"}]})", 9090, "the sidecar's"},
      {R"({"containers":[{"name":"a","image":"b"}]})", 0, "httpPort is 0"},
  }));
  Slab slab = sampleSlab();
  slab.spec.templateJson = row.json;
  slab.spec.httpPort = row.port;
  const auto refusal = validate(slab, {});
  CAPTURE(row.json);
  REQUIRE(refusal);
  CHECK(refusal->reason == reasons::invalidSpec);
  CHECK_THAT(refusal->message, Catch::Contains(row.text));
}

TEST_CASE("what the application speaks is one of two") {
  Slab slab = sampleSlab();
  for (const char* good : {"http1", "h2c"}) {
    slab.meta.annotations["spawner.dev/upstream-protocol"] = good;
    CHECK_FALSE(validate(slab, {}));
  }
  slab.meta.annotations["spawner.dev/upstream-protocol"] = "h2c --insecure-admin";
  const auto refusal = validate(slab, {});
  REQUIRE(refusal);
  CHECK_THAT(refusal->message, Catch::Contains("http1 or h2c"));
}

TEST_CASE("32 containers are the most") {
  const auto with = [](int n) {
    Slab slab = sampleSlab();
    nlohmann::json containers;
    for (int i = 0; i < n; ++i) containers.push_back({{"name", "c" + std::to_string(i)}, {"image", "i"}});
    slab.spec.templateJson = nlohmann::json{{"containers", containers}}.dump();
    return slab;
  };
  CHECK_FALSE(validate(with(32), {}));
  CHECK(validate(with(33), {}));
}

TEST_CASE("fields that reach beyond the pod are refused unless they are named") {
  const auto [extra, container, field] = GENERATE(table<std::string, std::string, std::string>({
      {R"(,"serviceAccountName":"admin")", "", "serviceAccountName"},
      {R"(,"serviceAccount":"admin")", "", "serviceAccount"},
      {R"(,"automountServiceAccountToken":true)", "", "automountServiceAccountToken"},
      {R"(,"hostPID":true)", "", "hostPID"},
      {R"(,"shareProcessNamespace":true)", "", "shareProcessNamespace"},
      {R"(,"nodeName":"n")", "", "nodeName"},
      {R"(,"priorityClassName":"system-node-critical")", "", "priorityClassName"},
      {R"(,"priority":1000)", "", "priority"},
      {R"(,"securityContext":{"sysctls":[{"name":"a","value":"b"}]})", "", "sysctls"},
      {R"(,"volumes":[{"name":"v","hostPath":{"path":"/"}}])", "", "hostPath"},
      {R"(,"volumes":[{"name":"v","projected":{"sources":[{"serviceAccountToken":{"path":"t"}}]}}])", "", "serviceAccountToken"},
      {"", R"(,"securityContext":{"privileged":true})", "privileged"},
      {"", R"(,"securityContext":{"capabilities":{"add":["NET_ADMIN"]}})", "capabilities"},
      {"", R"(,"securityContext":{"procMount":"Unmasked"})", "procMount"},
      {"", R"(,"securityContext":{"windowsOptions":{"hostProcess":true}})", "hostProcess"},
      {"", R"(,"ports":[{"containerPort":80,"hostPort":80}])", "hostPort"},
      {R"(,"initContainers":[{"name":"i","image":"x","securityContext":{"privileged":true}}])", "", "privileged"},
  }));
  const Slab slab = withTemplate(extra, container);
  CAPTURE(slab.spec.templateJson);
  const auto refusal = validate(slab, {});
  REQUIRE(refusal);
  CHECK(refusal->reason == reasons::fieldNotAllowed);
  CHECK_THAT(refusal->message, Catch::Contains("--allow-pod-fields=" + field));
  CHECK_FALSE(validate(slab, {{field}}));
  CHECK_FALSE(validate(slab, {{"*"}}));
  CHECK(validate(slab, {{"something"}}));
}

TEST_CASE("the node's shared memory is refused always") {
  const auto refusal = validate(withTemplate(R"(,"hostIPC":true)"), {{"*", "hostIPC"}});
  REQUIRE(refusal);
  CHECK(refusal->reason == reasons::fieldNotAllowed);
  CHECK_THAT(refusal->message, Catch::Contains("session file"));
  CHECK_FALSE(validate(withTemplate(R"(,"hostIPC":false)"), {}));
}

TEST_CASE("the node's network is refused always") { CHECK(validate(withTemplate(R"(,"hostNetwork":true)"), {{"*", "hostNetwork"}})); }
