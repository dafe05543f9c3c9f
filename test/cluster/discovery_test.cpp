#include "fixture.hpp"

using namespace spawner;
using namespace spawner::cluster;
using namespace spawner::cluster::test;

TEST_CASE("Discovery names every resource, with its verbs", "[cluster]") {
  Fixture f;
  CHECK(f.get("/api").at({"kind"}) == "APIVersions");
  const Answer groups = f.get("/apis");
  CHECK(groups.at({"kind"}) == "APIGroupList");
  std::vector<std::string> found;
  const auto collect = [&](const std::string& target) {
    const Answer list = f.get(target);
    INFO(list.body);
    REQUIRE(list.at({"kind"}) == "APIResourceList");
    for (const Json& one : list.json.find("resources")->items()) {
      found.push_back(std::string(list.at({"groupVersion"})) + " " + std::string(one.textAt({"name"})));
      CHECK(one.find("verbs")->size() > 0);
    }
  };
  collect("/api/v1");
  for (const Json& group : groups.json.find("groups")->items()) {
    const std::string path = "/apis/" + std::string(group.textAt({"name"}));
    CHECK(f.get(path).at({"kind"}) == "APIGroup");
    collect(path + "/" + std::string(group.textAt({"preferredVersion", "version"})));
  }
  for (const std::string_view wanted :
       {"v1 pods", "v1 pods/status", "v1 pods/log", "v1 services", "v1 namespaces", "v1 nodes", "v1 events", "v1 secrets", "v1 configmaps",
        "spawner.dev/v1 sessionlivedbackends", "spawner.dev/v1 sessionlivedbackends/status", "coordination.k8s.io/v1 leases",
        "apiextensions.k8s.io/v1 customresourcedefinitions", "events.k8s.io/v1 events"}) {
    INFO(wanted);
    CHECK(std::find(found.begin(), found.end(), wanted) != found.end());
  }
  CHECK(f.get("/apis/nothing.example").status == 404);
  CHECK(f.get("/apis/spawner.dev/v9").status == 404);
  CHECK(f.ask("POST", "/apis", "{}").status == 405);
}

TEST_CASE("Version and health", "[cluster]") {
  Fixture f;
  const Answer version = f.get("/version");
  CHECK(version.at({"major"}) == "1");
  CHECK(version.at({"minor"}) == "34");
  CHECK(version.at({"gitVersion"}) == "v1.34.0-spawner");
  for (const std::string_view path : {"/healthz", "/livez", "/readyz"}) {
    const Response health = f.raw("GET", path);
    CHECK(health.status == 200);
    CHECK(health.body == "ok");
  }
  CHECK(f.get("/").json.find("paths")->size() > 5);
  CHECK(f.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", R"({"spec":{}})").json.truthAt({"status", "allowed"}));
}

TEST_CASE("OpenAPI v3: a document a group, with the slab's whole schema and the parameter that kubectl looks for", "[cluster]") {
  Fixture f;
  const Answer index = f.get("/openapi/v3");
  const Json* paths = index.json.find("paths");
  REQUIRE(paths != nullptr);
  for (const auto& [path, where] : paths->members()) {
    INFO(path);
    CHECK(f.get(where.textAt({"serverRelativeURL"})).at({"openapi"}) == "3.0.0");
  }
  const Answer slabs = f.get("/openapi/v3/apis/spawner.dev/v1");
  const Json* schema = slabs.json.find({"components", "schemas", "dev.spawner.v1.SessionLivedBackend"});
  REQUIRE(schema != nullptr);
  CHECK(schema->find({"properties", "spec", "properties", "httpPort", "maximum"}) != nullptr);
  const Json* patch = slabs.json.find({"paths", "/apis/spawner.dev/v1/namespaces/{namespace}/sessionlivedbackends/{name}", "patch"});
  REQUIRE(patch != nullptr);
  CHECK(patch->textAt({"x-kubernetes-group-version-kind", "kind"}) == "SessionLivedBackend");
  CHECK(patch->find("parameters")->items()[2].textAt({"name"}) == "fieldValidation");
  CHECK(f.get("/openapi/v3/apis/nothing/v1").status == 404);
  CHECK(f.get("/openapi/v2").status == 404);
}

TEST_CASE("Logs: which container, and what the node agent says", "[cluster]") {
  Fixture f;
  f.pod("one");
  f.made(
      podsPath,
      R"({"metadata":{"name":"two"},"spec":{"containers":[{"name":"a","image":"i"},{"name":"b","image":"i"}],"initContainers":[{"name":"c","image":"i"}]}})");
  CHECK(f.get(under(podsPath, "one/log")).status == 400);  // nobody keeps logs
  struct Source final : LogSource {
    LogQuery asked;
    Result<std::unique_ptr<Stream>> open(const LogQuery& query) override {
      asked = query;
      if (query.previous) return Error{ErrorKind::InvalidArgument, "previous terminated container \"app\" in pod \"one\" not found", {}};
      return Error{ErrorKind::NotFound, "gone", {}};
    }
  } source;
  f.server().setLogSource(&source);
  CHECK(f.get(under(podsPath, "none/log")).status == 404);
  const Answer choose = f.get(under(podsPath, "two/log"));
  CHECK(choose.status == 400);
  CHECK(choose.message() == "a container name must be specified for pod two, choose one of: [a b]");
  CHECK(f.get(under(podsPath, "two/log") + "?container=x").message() == "container x is not valid for pod two");
  CHECK(f.get(under(podsPath, "one/log") + "?follow=true&tailLines=5&limitBytes=9&timestamps=true").status == 404);
  CHECK(source.asked.container == "app");
  CHECK(source.asked.follow);
  CHECK(source.asked.tailLines == 5);
  CHECK(source.asked.limitBytes == 9);
  CHECK(source.asked.timestamps);
  CHECK(f.get(under(podsPath, "one/log") + "?tailLines=x").status == 400);
  const Answer previous = f.get(under(podsPath, "one/log") + "?previous=true");
  CHECK(previous.status == 400);
  CHECK(previous.message().find("previous terminated container") == 0);
  CHECK(f.ask("POST", under(podsPath, "one/log"), "{}").status == 405);
}
