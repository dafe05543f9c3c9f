// Contract: creating, reading, replacing and deleting, and the Status bodies that refuse it.

#include "target.hpp"

using namespace spawner;
using namespace spawner::contract;

TEST_CASE("Contract: a new custom object", "[contract][integration]") {
  Target t;
  const Answer made = t.made(t.slabs(), slab("a"));
  CHECK(made.at({"metadata", "namespace"}) == t.ns());
  CHECK_FALSE(made.uid().empty());
  CHECK_FALSE(made.version().empty());
  CHECK(made.json.integerAt({"metadata", "generation"}) == 1);
  CHECK(made.json.integerAt({"spec", "gracePeriodSeconds"}) == 300);
  CHECK(made.json.integerAt({"spec", "httpPort"}) == 8080);
  CHECK(made.json.find({"status", "stateTimes"}) != nullptr);  // defaults of the status, too
  const Answer read = t.get(t.slabs("a"));
  CHECK(read.status == 200);
  CHECK(read.uid() == made.uid());
  CHECK(read.version() == made.version());
}

TEST_CASE("Contract: status given at creation is dropped; null means not set", "[contract][integration]") {
  Target t;
  const Answer made =
      t.made(t.slabs(), R"({"apiVersion":"spawner.dev/v1","kind":"SessionLivedBackend","metadata":{"name":"a"},"status":{"ready":true},
    "spec":{"maxLifetimeSeconds":null,"gracePeriodSeconds":null,"template":{"containers":[{"name":"x","image":"y"}],"free":{"a":1}}}})");
  CHECK(made.json.find({"status", "ready"}) == nullptr);
  CHECK(made.json.find({"spec", "maxLifetimeSeconds"}) == nullptr);
  CHECK(made.json.integerAt({"spec", "gracePeriodSeconds"}) == 300);
  CHECK(made.json.integerAt({"spec", "template", "free", "a"}) == 1);
}

TEST_CASE("Contract: 404", "[contract][integration]") {
  Target t;
  const Answer slab = t.get(t.slabs("none"));
  CHECK(slab.status == 404);
  CHECK(slab.at({"kind"}) == "Status");
  CHECK(slab.at({"status"}) == "Failure");
  CHECK(slab.reason() == "NotFound");
  CHECK(slab.json.integerAt({"code"}) == 404);
  CHECK(slab.message() == R"(sessionlivedbackends.spawner.dev "none" not found)");
  CHECK(slab.at({"details", "name"}) == "none");
  CHECK(slab.at({"details", "group"}) == "spawner.dev");
  CHECK(slab.at({"details", "kind"}) == "sessionlivedbackends");
  CHECK(t.get(t.core("pods", "none")).message() == R"(pods "none" not found)");
  CHECK(t.remove(t.slabs("none")).status == 404);
  CHECK(t.merge(t.slabs("none"), "{}").status == 404);
  CHECK(t.merge(t.slabs("none/status"), R"({"status":{"ready":true}})").status == 404);
  CHECK(t.put(t.core("configmaps", "none"), R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"none"}})").status == 404);
  const Answer nowhere =
      t.post("/api/v1/namespaces/no-such-namespace-x/configmaps", R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}})");
  CHECK(nowhere.status == 404);
  CHECK(nowhere.message() == R"(namespaces "no-such-namespace-x" not found)");
}

TEST_CASE("Contract: the two kinds of 409", "[contract][integration]") {
  Target t;
  const Answer first = t.made(t.slabs(), slab("a"));
  const Answer exists = t.post(t.slabs(), slab("a"));
  CHECK(exists.status == 409);
  CHECK(exists.reason() == "AlreadyExists");
  REQUIRE(t.merge(t.slabs("a"), R"({"spec":{"gracePeriodSeconds":1}})").status == 200);
  for (const Answer& conflict :
       {t.put(t.slabs("a"), first.body),
        t.merge(t.slabs("a"), R"({"metadata":{"resourceVersion":")" + first.version() + R"("},"spec":{"gracePeriodSeconds":2}})"),
        t.merge(t.slabs("a/status"), R"({"metadata":{"resourceVersion":")" + first.version() + R"("},"status":{"ready":true}})")}) {
    CHECK(conflict.status == 409);
    CHECK(conflict.reason() == "Conflict");
  }
  const std::string ns = t.ns();
  CHECK(t.errorOf([&](k8s::Client& client, k8s::Client::Done done) { return client.create(k8s::slabs, ns, slab("a"), std::move(done)); }) ==
        ErrorKind::AlreadyExists);
  CHECK(t.errorOf([&](k8s::Client& client, k8s::Client::Done done) {
    return client.replace(k8s::slabs, ns, "a", first.body, std::move(done));
  }) == ErrorKind::Conflict);
  CHECK(t.errorOf([&](k8s::Client& client, k8s::Client::Done done) { return client.get(k8s::slabs, ns, "none", std::move(done)); }) ==
        ErrorKind::NotFound);
}

TEST_CASE("Contract: 400, 405, 415, 422", "[contract][integration]") {
  Target t;
  t.made(t.slabs(), slab("a"));
  CHECK(t.post(t.slabs(), "{").status == 400);
  CHECK(t.post(t.slabs(), R"({"apiVersion":"spawner.dev/v1","metadata":{"name":"b"}})").status == 400);
  CHECK(t.post(t.core("configmaps"), R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b","namespace":"default"}})").status ==
        400);
  CHECK(t.put(t.slabs("a"), slab("b")).status == 400);
  CHECK(t.ask("PUT", t.slabs(), slab("a")).status == 400);  // of a custom resource
  CHECK(t.ask("PUT", t.core("configmaps"), "{}").status == 405);
  CHECK(t.ask("PATCH", t.core("configmaps"), "{}", "application/merge-patch+json").status == 405);
  CHECK(t.ask("POST", t.core("configmaps"), "{}", "text/plain").status == 415);
  CHECK(t.ask("PATCH", t.slabs("a"), "{}", "application/strategic-merge-patch+json").status == 415);
  CHECK(t.ask("GET", t.slabs("a"), "", "", "application/x-unheard-of").status == 406);
  struct Case {
    std::string_view name, spec, field;
  };
  const Case cases[] = {
      {"b", R"("httpPort":70000,"template":{"containers":[{"name":"x","image":"y"}]})", "spec.httpPort"},
      {"b", R"("httpPort":9090,"template":{"containers":[{"name":"x","image":"y"}]})", "spec.httpPort"},
      {"b", R"("httpPort":"x","template":{"containers":[{"name":"x","image":"y"}]})", "spec.httpPort"},
      {"b", R"("template":{"containers":[]})", "spec.template.containers"},
      {"b", R"("template":{"containers":[{"name":"x"}]})", "spec.template.containers[0].image"},
      {"b", R"("gracePeriodSeconds":-1,"template":{"containers":[{"name":"x","image":"y"}]})", "spec.gracePeriodSeconds"}};
  for (const Case& one : cases) {
    INFO(one.spec);
    const Answer answer = t.post(t.slabs(), slab(one.name, one.spec));
    INFO(answer.body);
    CHECK(answer.status == 422);
    CHECK(answer.reason() == "Invalid");
    const Json* causes = answer.json.find({"details", "causes"});
    REQUIRE(causes != nullptr);
    REQUIRE(causes->size() >= 1);
    CHECK(causes->items()[0].textAt({"field"}) == one.field);
  }
  CHECK(t.post(t.slabs(), slab("a.b")).status == 422);
  CHECK(t.post(t.slabs(), slab("1a")).status == 422);
  CHECK(t.post(t.slabs(), slab("b", "")).status == 422);
  CHECK(t.post(t.core("pods"), pod("A_b")).status == 422);
  CHECK(t.post(t.core("pods"), R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[]}})").status == 422);
  CHECK(t.put(t.slabs("a"), slab("a")).status == 422);  // without resourceVersion
}

TEST_CASE("Contract: resources of a container", "[contract][integration]") {
  Target t;
  const auto asks = [&](const std::string& resources) {
    return t.post(t.core("pods"),
                  R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i",)"
                  R"("resources":)" +
                      resources + "}]}}");
  };
  CHECK(asks(R"({"limits":{"memory":"lots"}})").status == 400);  // no Pod can be read from it
  for (const auto& [resources, field] :
       {std::pair(R"({"limits":{"foo":"1"}})", "spec.containers[0].resources.limits[foo]"),
        std::pair(R"({"limits":{"memory":"-1"}})", "spec.containers[0].resources.limits[memory]"),
        std::pair(R"({"limits":{"cpu":"1"},"requests":{"cpu":"1001m"}})", "spec.containers[0].resources.requests")}) {
    const Answer answer = asks(resources);
    INFO(answer.body);
    CHECK(answer.status == 422);
    const Json* causes = answer.json.find({"details", "causes"});
    REQUIRE(causes != nullptr);
    CHECK(causes->items()[0].textAt({"field"}) == field);
  }
  CHECK(asks(R"({"limits":{"cpu":1,"memory":"64Mi","example.org/gpu":"1"},"requests":{"cpu":"500m","memory":"1e6","example.org/gpu":"1"}})")
            .status == 201);
}

TEST_CASE("Contract: generateName", "[contract][integration]") {
  Target t;
  const std::string body = R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"spawner-"}})";
  const std::string a = t.made(t.core("configmaps"), body).at({"metadata", "name"}),
                    b = t.made(t.core("configmaps"), body).at({"metadata", "name"});
  CHECK(a != b);
  CHECK(a.size() == 13);
  CHECK(a.starts_with("spawner-"));
}

TEST_CASE("Contract: fieldValidation", "[contract][integration]") {
  Target t;
  const std::string body = slab("a", R"("foo":1,"template":{"containers":[{"name":"x","image":"y"}]})");
  const Answer strict = t.post(t.slabs() + "?fieldValidation=Strict", body);
  CHECK(strict.status == 400);
  CHECK(strict.message().find(R"(strict decoding error: unknown field "spec.foo")") != std::string::npos);
  const Answer warned = t.post(t.slabs(), body);
  CHECK(warned.status == 201);
  CHECK(std::string(warned.raw.header("warning")) == R"(299 - "unknown field \"spec.foo\"")");
  CHECK(warned.json.find({"spec", "foo"}) == nullptr);
  CHECK(t.ask("PATCH", t.slabs("a") + "?fieldValidation=Strict", R"({"spec":{"foo":1}})", "application/merge-patch+json").status == 422);
}

TEST_CASE("Contract: deletion and its preconditions", "[contract][integration]") {
  Target t;
  const Answer made = t.made(t.slabs(), slab("a"));
  const Answer wrong = t.remove(
      t.slabs("a"), R"({"apiVersion":"v1","kind":"DeleteOptions","preconditions":{"uid":"00000000-0000-4000-8000-000000000000"}})");
  CHECK(wrong.status == 409);
  CHECK(wrong.reason() == "Conflict");
  CHECK(t.remove(t.slabs("a"), R"({"apiVersion":"v1","kind":"DeleteOptions","preconditions":{"resourceVersion":"1"}})").status == 409);
  CHECK(t.get(t.slabs("a")).status == 200);
  const Answer gone =
      t.remove(t.slabs("a"), R"({"apiVersion":"v1","kind":"DeleteOptions","preconditions":{"uid":")" + made.uid() + R"("}})");
  CHECK(gone.status == 200);
  CHECK(t.get(t.slabs("a")).status == 404);
  // A new object of the name is another one.
  CHECK(t.made(t.slabs(), slab("a")).uid() != made.uid());
  CHECK(t.remove(t.slabs("a"), R"({"apiVersion":"v1","kind":"DeleteOptions","preconditions":{"uid":")" + made.uid() + R"("}})").status ==
        409);
}

TEST_CASE("Contract: finalizers keep an object until the last is gone", "[contract][integration]") {
  Target t;
  t.made(t.slabs(), slab("a", R"("template":{"containers":[{"name":"x","image":"y"}]})", R"(,"finalizers":["example.com/one"])"));
  const Answer marked = t.remove(t.slabs("a"));
  CHECK(marked.status == 200);
  CHECK_FALSE(marked.at({"metadata", "deletionTimestamp"}).empty());
  CHECK(t.get(t.slabs("a")).status == 200);
  CHECK(t.merge(t.slabs("a"), R"({"metadata":{"finalizers":null}})").status == 200);
  CHECK(t.get(t.slabs("a")).status == 404);
}
