#include <catch2/catch.hpp>
#include <set>

#include "fixture.hpp"

using namespace spawner;
using namespace spawner::cluster;
using namespace spawner::cluster::test;

namespace {

struct Refusal {
  std::string_view what, target;
  std::string body;
  int status;
  std::string_view message;
};

void checkRefused(std::initializer_list<Refusal> cases) {
  Fixture f;
  for (const Refusal& one : cases) {
    INFO(one.what);
    const std::uint64_t before = f.store().revision();
    const Answer answer = f.post(one.target, one.body);
    INFO(answer.body);
    CHECK(answer.status == one.status);
    CHECK(answer.json.integerAt({"code"}) == one.status);
    CHECK(answer.at({"kind"}) == "Status");
    CHECK(answer.message().find(one.message) != std::string_view::npos);
    CHECK(f.store().revision() == before);
  }
}

}  // namespace

TEST_CASE("A new slab gets its system fields, its defaults and an empty status", "[cluster]") {
  Fixture f;
  const Answer made = f.post(slabsPath, slabJson("a"));
  REQUIRE(made.status == 201);
  CHECK(made.at({"kind"}) == "SessionLivedBackend");
  CHECK(made.at({"metadata", "namespace"}) == "spawner");
  CHECK(made.uid().size() == 36);
  CHECK(made.version() == std::to_string(f.store().revision()));
  CHECK(made.json.integerAt({"metadata", "generation"}) == 1);
  CHECK(made.at({"metadata", "creationTimestamp"}) == "2027-01-15T08:00:00Z");
  CHECK(made.json.integerAt({"spec", "gracePeriodSeconds"}) == 300);
  CHECK(made.json.integerAt({"spec", "httpPort"}) == 8080);
  CHECK(*made.json.find("status") == parse(R"({"stateTimes":{}})"));
  CHECK(f.get(under(slabsPath, "a")).body == made.body);
}

TEST_CASE("What only the server may set is ignored in a new object", "[cluster]") {
  Fixture f;
  const Answer made =
      f.post(slabsPath, R"({"apiVersion":"spawner.dev/v1","kind":"SessionLivedBackend","metadata":{"name":"a","uid":"mine","generation":7,
    "creationTimestamp":"2001-01-01T00:00:00Z","deletionTimestamp":"2001-01-01T00:00:00Z","managedFields":[]},
    "spec":{"template":{"containers":[{"name":"x","image":"y"}]}},"status":{"ready":true}})");
  REQUIRE(made.status == 201);
  CHECK(made.uid() != "mine");
  CHECK(made.json.integerAt({"metadata", "generation"}) == 1);
  CHECK(made.json.find({"metadata", "deletionTimestamp"}) == nullptr);
  CHECK(made.json.find({"metadata", "managedFields"}) == nullptr);
  CHECK(made.json.find({"status", "ready"}) == nullptr);
}

TEST_CASE("null means not set, except where the schema says nullable", "[cluster]") {
  Fixture f;
  const Answer made = f.made(
      slabsPath,
      slabJson(
          "a",
          R"("maxLifetimeSeconds":null,"gracePeriodSeconds":null,"template":{"containers":[{"name":"a","image":"b"}],"volumes":null})"));
  CHECK(made.json.find({"spec", "maxLifetimeSeconds"}) == nullptr);
  CHECK(made.json.integerAt({"spec", "gracePeriodSeconds"}) == 300);
  CHECK(made.json.find({"spec", "template", "volumes"}) != nullptr);
  CHECK(made.header("Warning").empty());
  CHECK(f.post(slabsPath, slabJson("b", R"("template":null)")).status == 422);
}

TEST_CASE("generateName adds five characters and tries again when the name is taken", "[cluster]") {
  Fixture f;
  std::set<std::string> names;
  for (int i = 0; i < 200; ++i) {
    const Answer made =
        f.post(slabsPath, R"({"apiVersion":"spawner.dev/v1","kind":"SessionLivedBackend","metadata":{"generateName":"spawner-"},
      "spec":{"template":{"containers":[{"name":"x","image":"y"}]}}})");
    REQUIRE(made.status == 201);
    const std::string name(made.at({"metadata", "name"}));
    CHECK(name.size() == 13);
    CHECK(name.starts_with("spawner-"));
    names.insert(name);
  }
  CHECK(names.size() == 200);

  // A source of chance that says the same four times: the first name is taken, so the server goes on until it finds another.
  struct Stuck final : Random {
    std::uint64_t calls = 0;
    std::uint64_t next() override { return ++calls < 60 ? 0 : calls * 0x9E3779B97F4A7C15; }
  } stuck;
  ApiServer server({}, stuck, f.now());
  stuck.calls = 0;
  const std::string body = R"({"metadata":{"generateName":"x-"},"data":{}})";
  const Response first = server.call("POST", "/api/v1/namespaces/default/configmaps", body, f.now());
  stuck.calls = 45;
  const Response second = server.call("POST", "/api/v1/namespaces/default/configmaps", body, f.now());
  CHECK(first.status == 201);
  CHECK(second.status == 201);
}

TEST_CASE("Bodies that make no sense are refused by name", "[cluster]") {
  checkRefused({{"no JSON", slabsPath, "{", 400, "the body is no JSON"},
                {"no object", slabsPath, "[]", 400, "no JSON object"},
                {"no kind", slabsPath, R"({"apiVersion":"spawner.dev/v1","metadata":{"name":"a"}})", 400, "Object 'Kind' is missing"},
                {"another kind", slabsPath, R"({"apiVersion":"spawner.dev/v1","kind":"Pod","metadata":{"name":"a"}})", 400,
                 "cannot be handled as a SessionLivedBackend"},
                {"another version", slabsPath, R"({"apiVersion":"v2","kind":"SessionLivedBackend","metadata":{"name":"a"}})", 400,
                 "does not match the expected API version"},
                {"another namespace", podsPath,
                 R"({"metadata":{"name":"a","namespace":"default"},"spec":{"containers":[{"name":"a","image":"b"}]}})", 400,
                 "does not match the namespace sent on the request"},
                {"labels of a wrong type", podsPath, R"({"metadata":{"name":"a","labels":{"x":1}}})", 400, "cannot unmarshal"},
                {"a name of a wrong type", podsPath, R"({"metadata":{"name":1}})", 400, "cannot unmarshal"},
                {"a resourceVersion", podsPath, podJson("a", R"(,"resourceVersion":"5")"), 500, "resourceVersion should not be set"},
                {"no namespace there", "/api/v1/namespaces/nowhere/pods", podJson("a"), 404, "namespaces \"nowhere\" not found"}});
}

TEST_CASE("Objects that break a rule are refused field by field", "[cluster]") {
  checkRefused(
      {{"no name", podsPath, R"({"metadata":{},"spec":{"containers":[{"name":"a","image":"b"}]}})", 422,
        "name or generateName is required"},
       {"a bad name", podsPath, podJson("A_b"), 422, "a lowercase RFC 1123 subdomain must consist of"},
       {"a bad label", podsPath, podJson("a", R"(,"labels":{"x":"a b"})"), 422, "a valid label must be"},
       {"a bad label key", podsPath, podJson("a", R"(,"labels":{"x y":"a"})"), 422, "name part must consist of"},
       {"an owner without uid", podsPath, podJson("a", R"(,"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"x"}])"), 422,
        "uid must not be empty"},
       {"no containers", podsPath, R"({"metadata":{"name":"a"},"spec":{}})", 422, "spec.containers: Required value"},
       {"a container without image", podsPath, R"({"metadata":{"name":"a"},"spec":{"containers":[{"name":"a"}]}})", 422,
        "spec.containers[0].image: Required value"},
       {"two of one name", podsPath,
        R"({"metadata":{"name":"a"},"spec":{"containers":[{"name":"a","image":"i"},{"name":"a","image":"i"}]}})", 422,
        "spec.containers[1].name: Duplicate value: \"a\""},
       {"a bad restart policy", podsPath, podJson("a", "", R"(,"restartPolicy":"Sometimes")"), 422,
        "supported values: \"Always\", \"OnFailure\", \"Never\""},
       {"a bad port", podsPath,
        R"({"metadata":{"name":"a"},"spec":{"containers":[{"name":"a","image":"i","ports":[{"containerPort":70000}]}]}})", 422,
        "must be between 1 and 65535, inclusive"},
       {"a service name that is none", "/api/v1/namespaces/spawner/services",
        R"({"metadata":{"name":"a.b"},"spec":{"ports":[{"port":1}]}})", 422, "a lowercase RFC 1123 label must"},
       {"a service without ports", "/api/v1/namespaces/spawner/services", R"({"metadata":{"name":"a"},"spec":{}})", 422,
        "spec.ports: Required value"},
       {"a lease of no time", "/apis/coordination.k8s.io/v1/namespaces/spawner/leases",
        R"({"metadata":{"name":"a"},"spec":{"leaseDurationSeconds":0}})", 422, "must be greater than 0"},
       {"the sidecar's port", slabsPath, slabJson("a", R"("httpPort":9090,"template":{"containers":[{"name":"a","image":"b"}]})"), 422,
        "9090 is the sidecar's port"},
       {"a port out of range", slabsPath, slabJson("a", R"("httpPort":70000,"template":{"containers":[{"name":"a","image":"b"}]})"), 422,
        "spec.httpPort: Invalid value: 70000: spec.httpPort in body should be less than or equal to 65535"},
       {"no template", slabsPath, slabJson("a", ""), 422, "spec.template: Required value"},
       {"a name that is no Service's", slabsPath, slabJson("a.b"), 422, "the name becomes a Service's"}});
}

TEST_CASE("fieldValidation: Strict refuses what is unknown or repeated, Warn names it, Ignore is silent", "[cluster]") {
  Fixture f;
  const std::string body =
      slabJson("a", R"("foo":1,"httpPort":80,"httpPort":81,"template":{"containers":[{"name":"a","image":"b"}],"free":1})");
  const Answer strict = f.post(std::string(slabsPath) + "?fieldValidation=Strict", body);
  CHECK(strict.status == 400);
  CHECK(
      strict.message() ==
      R"(SessionLivedBackend in version "v1" cannot be handled as a SessionLivedBackend: strict decoding error: duplicate field "spec.httpPort", unknown field "spec.foo")");
  const Answer warned = f.post(std::string(slabsPath) + "?fieldValidation=Warn", body);
  CHECK(warned.status == 201);
  CHECK(warned.header("Warning") == R"(299 - "duplicate field \"spec.httpPort\"")");
  CHECK(warned.json.find({"spec", "foo"}) == nullptr);
  CHECK(warned.json.integerAt({"spec", "template", "free"}) == 1);  // a template keeps what it came with
  const Answer silent = f.post(std::string(slabsPath) + "?fieldValidation=Ignore",
                               slabJson("b", R"("foo":1,"template":{"containers":[{"name":"a","image":"b"}]})"));
  CHECK(silent.status == 201);
  CHECK(silent.header("Warning").empty());
  CHECK(f.post(std::string(slabsPath) + "?fieldValidation=Maybe", slabJson("c")).status == 422);
}

TEST_CASE("A dry run answers as if, and writes nothing", "[cluster]") {
  Fixture f;
  const std::uint64_t before = f.store().revision();
  CHECK(f.post(std::string(slabsPath) + "?dryRun=All", slabJson("a")).status == 201);
  CHECK(f.post(std::string(slabsPath) + "?dryRun=Some", slabJson("a")).status == 422);
  CHECK(f.store().revision() == before);
  CHECK(f.get(under(slabsPath, "a")).status == 404);
}

TEST_CASE("Pods get the defaults that describe and an agent rely on", "[cluster]") {
  Fixture f;
  const Answer pod = f.pod("a", "", R"(,"initContainers":[{"name":"side","image":"x","restartPolicy":"Always"}])");
  CHECK(pod.at({"spec", "restartPolicy"}) == "Always");
  CHECK(pod.json.integerAt({"spec", "terminationGracePeriodSeconds"}) == 30);
  CHECK(pod.at({"status", "phase"}) == "Pending");
  CHECK(pod.at({"status", "qosClass"}) == "BestEffort");
  CHECK(pod.json.find({"spec", "containers"})->items()[0].textAt({"imagePullPolicy"}) == "IfNotPresent");
  CHECK(pod.json.find({"spec", "initContainers"})->items()[0].textAt({"imagePullPolicy"}) == "Always");
}

TEST_CASE("Services get addresses of the range; a freed one is free again; headless has none", "[cluster]") {
  ApiServerOptions options;
  options.serviceRange = "127.96.0.0/30";  // two addresses
  Fixture f(options);
  const std::string path = "/api/v1/namespaces/spawner/services";
  const auto body = [](std::string_view name, std::string_view spec) {
    return R"({"metadata":{"name":")" + std::string(name) + R"("},"spec":{"ports":[{"port":80}])" + std::string(spec) + "}}";
  };
  const Answer a = f.made(path, body("a", ""));
  CHECK(a.at({"spec", "clusterIP"}) == "127.96.0.1");
  CHECK(a.json.find({"spec", "ports"})->items()[0].integerAt({"targetPort"}) == 80);
  CHECK(f.post(path, body("b", R"(,"clusterIP":"127.96.0.1")")).status == 422);
  CHECK(f.post(path, body("b", R"(,"clusterIP":"10.0.0.1")")).status == 422);
  CHECK(f.made(path, body("b", R"(,"clusterIP":"127.96.0.2")")).at({"spec", "clusterIP"}) == "127.96.0.2");
  CHECK(f.post(path, body("c", "")).status == 500);
  CHECK(f.made(path, body("d", R"(,"clusterIP":"None")")).at({"spec", "clusterIP"}) == "None");
  CHECK(f.remove(path + "/a").status == 200);
  CHECK(f.made(path, body("c", "")).at({"spec", "clusterIP"}) == "127.96.0.1");
  CHECK(f.merge(path + "/c", R"({"spec":{"clusterIP":"127.96.0.2"}})").status == 422);
}

TEST_CASE("Events of the newer kind must say who reports, and stay short", "[cluster]") {
  Fixture f;
  const std::string path = "/api/v1/namespaces/spawner/events";
  const auto event = [](std::string_view rest, std::size_t message = 10) {
    return R"({"metadata":{"generateName":"e-"},"involvedObject":{"namespace":"spawner","name":"x"},"message":")" +
           std::string(message, 'm') + "\"" + std::string(rest) + "}";
  };
  const std::string whole =
      R"(,"eventTime":"2026-01-01T00:00:00.000000Z","reportingComponent":"c","reportingInstance":"i","action":"A","reason":"R")";
  CHECK(f.post(path, event(whole)).status == 201);
  CHECK(f.post(path, event(whole, 1025)).status == 422);
  CHECK(f.post(path, event(R"(,"eventTime":"2026-01-01T00:00:00.000000Z","reason":"R")")).status == 422);
  CHECK(f.post(path, event(R"(,"reason":"R")", 1025)).status == 201);  // the older kind is not bounded so
  CHECK(f.post("/api/v1/namespaces/default/events", event("")).status == 422);
}

TEST_CASE("The store has a limit, and says so", "[cluster]") {
  ApiServerOptions options;
  options.store.maxObjects = 15;
  Fixture f(options);
  int made = 0;
  Answer answer;
  for (; made < 20; ++made) {
    answer = f.post(slabsPath, slabJson("s" + std::to_string(made)));
    if (answer.status != 201) break;
  }
  CHECK(answer.status == 403);
  CHECK(answer.message().find("the embedded cluster is full") != std::string_view::npos);
  CHECK(f.store().size() == 15);
  CHECK(f.remove(under(slabsPath, "s0")).status == 200);
  CHECK(f.post(slabsPath, slabJson("again")).status == 201);
}
