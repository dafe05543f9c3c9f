#include <catch2/catch.hpp>

#include "fixture.hpp"

using namespace spawner;
using namespace spawner::cluster;
using namespace spawner::cluster::test;

namespace {

/// Puts the pod on a node, as a scheduler does.
void bind(Fixture& f, std::string_view name) {
  Json json = f.store().find(types::pods, "spawner/" + std::string(name))->json();
  json.edit("spec").set("nodeName", "one");
  (void)f.store().put(types::pods, std::move(json));
}

}  // namespace

TEST_CASE("Deleting a slab: gone at once, with a Status that names it", "[cluster]") {
  Fixture f;
  const Answer made = f.slab("a");
  const Answer gone = f.remove(under(slabsPath, "a"));
  CHECK(gone.status == 200);
  CHECK(gone.at({"status"}) == "Success");
  CHECK(gone.at({"details", "uid"}) == made.uid());
  CHECK(gone.at({"details", "kind"}) == "sessionlivedbackends");
  CHECK(f.get(under(slabsPath, "a")).status == 404);
  const Answer again = f.remove(under(slabsPath, "a"));
  CHECK(again.status == 404);
  CHECK(
      again.body ==
      R"({"apiVersion":"v1","code":404,"details":{"group":"spawner.dev","kind":"sessionlivedbackends","name":"a"},"kind":"Status","message":"sessionlivedbackends.spawner.dev \"a\" not found","metadata":{},"reason":"NotFound","status":"Failure"})");
}

TEST_CASE("Preconditions of a deletion: another uid or version is 409 and nothing goes", "[cluster]") {
  Fixture f;
  const Answer made = f.slab("a");
  const Answer uid = f.remove(under(slabsPath, "a"), R"({"preconditions":{"uid":"other"}})");
  CHECK(uid.status == 409);
  CHECK(uid.reason() == "Conflict");
  CHECK(f.remove(under(slabsPath, "a"), R"({"preconditions":{"resourceVersion":"1"}})").status == 409);
  CHECK(f.remove(under(slabsPath, "a"), R"({"kind":"Pod"})").status == 400);
  CHECK(f.remove(under(slabsPath, "a"), R"({"propagationPolicy":"Later"})").status == 422);
  CHECK(f.remove(under(slabsPath, "a"), R"({"dryRun":["All"]})").status == 200);
  REQUIRE(f.get(under(slabsPath, "a")).status == 200);
  CHECK(
      f.remove(under(slabsPath, "a"), R"({"preconditions":{"uid":")" + made.uid() + R"(","resourceVersion":")" + made.version() + R"("}})")
          .status == 200);
}

TEST_CASE("A pod without a node, with grace 0, or ended goes at once", "[cluster]") {
  Fixture f;
  f.pod("unbound");
  CHECK(f.remove(under(podsPath, "unbound")).status == 200);
  CHECK(f.get(under(podsPath, "unbound")).status == 404);
  f.pod("forced");
  bind(f, "forced");
  CHECK(f.remove(under(podsPath, "forced"), R"({"gracePeriodSeconds":0})").status == 200);
  CHECK(f.get(under(podsPath, "forced")).status == 404);
  f.pod("ended");
  bind(f, "ended");
  REQUIRE(f.merge(under(podsPath, "ended/status"), R"({"status":{"phase":"Succeeded"}})").status == 200);
  CHECK(f.remove(under(podsPath, "ended")).status == 200);
  CHECK(f.get(under(podsPath, "ended")).status == 404);
}

TEST_CASE("A running pod is marked; time can only be shortened; its agent's deletion ends it", "[cluster]") {
  Fixture f;
  f.pod("p", "", R"(,"terminationGracePeriodSeconds":20)");
  bind(f, "p");
  const Answer marked = f.remove(under(podsPath, "p"));
  CHECK(marked.status == 200);
  CHECK(marked.at({"metadata", "deletionTimestamp"}) == "2027-01-15T08:00:20Z");
  CHECK(marked.json.integerAt({"metadata", "deletionGracePeriodSeconds"}) == 20);
  CHECK(marked.json.integerAt({"metadata", "generation"}) == 2);
  f.advance(std::chrono::seconds(3));
  const std::uint64_t before = f.store().revision();
  CHECK(f.remove(under(podsPath, "p")).json.integerAt({"metadata", "deletionGracePeriodSeconds"}) == 20);
  CHECK(f.remove(under(podsPath, "p"), R"({"gracePeriodSeconds":60})").json.integerAt({"metadata", "deletionGracePeriodSeconds"}) == 20);
  CHECK(f.store().revision() == before);
  const Answer sooner = f.remove(under(podsPath, "p") + "?gracePeriodSeconds=5");
  CHECK(sooner.at({"metadata", "deletionTimestamp"}) == "2027-01-15T08:00:05Z");
  CHECK(f.merge(under(podsPath, "p/status"), R"({"status":{"phase":"Failed"}})").status == 200);
  CHECK(f.get(under(podsPath, "p")).status == 200);
  CHECK(f.remove(under(podsPath, "p"), R"({"gracePeriodSeconds":0})").status == 200);
  CHECK(f.get(under(podsPath, "p")).status == 404);
}

TEST_CASE("An object with finalizers is marked and goes with the last of them", "[cluster]") {
  Fixture f;
  f.slab("a");
  REQUIRE(f.merge(under(slabsPath, "a"), R"({"metadata":{"finalizers":["x/one","x/two"]}})").status == 200);
  const Answer marked = f.remove(under(slabsPath, "a"));
  CHECK(marked.at({"metadata", "deletionTimestamp"}) == "2027-01-15T08:00:00Z");
  CHECK(f.merge(under(slabsPath, "a"), R"({"metadata":{"finalizers":["x/two"]}})").status == 200);
  CHECK(f.get(under(slabsPath, "a")).status == 200);
  CHECK(f.merge(under(slabsPath, "a"), R"({"metadata":{"finalizers":null}})").status == 200);
  CHECK(f.get(under(slabsPath, "a")).status == 404);
}

TEST_CASE("deletecollection takes what is selected and nothing else", "[cluster]") {
  Fixture f;
  for (const std::string_view name : {"a", "b", "c"}) f.pod(name, name == "c" ? "" : R"(,"labels":{"x":"y"})");
  f.made("/api/v1/namespaces/default/pods", podJson("a", R"(,"labels":{"x":"y"})"));
  const Answer gone = f.remove(std::string(podsPath) + "?labelSelector=x%3Dy");
  CHECK(gone.status == 200);
  CHECK(gone.json.find("items")->size() == 2);
  CHECK(f.get(podsPath).json.find("items")->size() == 1);
  CHECK(f.get("/api/v1/namespaces/default/pods/a").status == 200);
  CHECK(f.remove("/api/v1/pods").status == 405);
}

TEST_CASE("A namespace that goes takes no more content; some never go", "[cluster]") {
  Fixture f;
  f.made("/api/v1/namespaces", R"({"metadata":{"name":"n"}})");
  CHECK(f.get("/api/v1/namespaces/n/serviceaccounts/default").status == 200);
  const Answer marked = f.remove("/api/v1/namespaces/n");
  CHECK(marked.at({"status", "phase"}) == "Terminating");
  const Answer refused = f.post("/api/v1/namespaces/n/pods", podJson("p"));
  CHECK(refused.status == 403);
  CHECK(refused.message().find("because it is being terminated") != std::string_view::npos);
  CHECK(f.remove("/api/v1/namespaces/default").status == 403);
}

TEST_CASE("Events go after an hour, and the oldest go when there are too many", "[cluster]") {
  ApiServerOptions options;
  options.maxEvents = 3;
  Fixture f(options);
  const std::string path = "/api/v1/namespaces/spawner/events";
  const auto make = [&](std::string_view name) {
    return f.post(path, R"({"metadata":{"name":")" + std::string(name) + R"("},"involvedObject":{"namespace":"spawner"}})").status;
  };
  const auto count = [&] { return f.get(path).json.find("items")->size(); };
  for (const std::string_view name : {"a", "b", "c", "d"}) CHECK(make(name) == 201);
  CHECK(count() == 3);
  CHECK(f.get(path + "/a").status == 404);
  f.advance(std::chrono::minutes(59));
  CHECK(make("e") == 201);
  CHECK(count() == 3);
  f.advance(std::chrono::minutes(2));
  CHECK(count() == 1);
  CHECK(f.get(path + "/e").status == 200);
}
