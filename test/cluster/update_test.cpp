#include <catch2/catch.hpp>

#include "fixture.hpp"

using namespace spawner;
using namespace spawner::cluster;
using namespace spawner::cluster::test;

TEST_CASE("There are two kinds of 409", "[cluster]") {
  Fixture f;
  const Answer a = f.slab("a");
  const Answer exists = f.post(slabsPath, slabJson("a"));
  CHECK(exists.status == 409);
  CHECK(
      exists.body ==
      R"({"apiVersion":"v1","code":409,"details":{"group":"spawner.dev","kind":"sessionlivedbackends","name":"a"},"kind":"Status","message":"sessionlivedbackends.spawner.dev \"a\" already exists","metadata":{},"reason":"AlreadyExists","status":"Failure"})");
  REQUIRE(f.merge(under(slabsPath, "a"), R"({"spec":{"gracePeriodSeconds":1}})").status == 200);
  for (const Answer& conflict :
       {f.put(under(slabsPath, "a"), a.body),
        f.merge(under(slabsPath, "a"), R"({"metadata":{"resourceVersion":")" + a.version() + R"("}})"),
        f.merge(under(slabsPath, "a/status"), R"({"metadata":{"resourceVersion":")" + a.version() + R"("},"status":{"ready":true}})")}) {
    CHECK(conflict.status == 409);
    CHECK(conflict.reason() == "Conflict");
    CHECK(conflict.message() ==
          "Operation cannot be fulfilled on sessionlivedbackends.spawner.dev \"a\": the object has been modified; please apply your "
          "changes to the latest version and try again");
  }
}

TEST_CASE("PUT needs the resourceVersion of custom resources and leases, not of others", "[cluster]") {
  Fixture f;
  f.slab("a");
  CHECK(f.put(under(slabsPath, "a"), slabJson("a")).status == 422);
  const std::string maps = "/api/v1/namespaces/spawner/configmaps";
  f.made(maps, R"({"metadata":{"name":"m"},"data":{"a":"1"}})");
  CHECK(f.put(maps + "/m", R"({"metadata":{"name":"m"},"data":{"a":"2"}})").status == 200);
  const std::string leases = "/apis/coordination.k8s.io/v1/namespaces/spawner/leases";
  CHECK(f.put(leases + "/l", R"({"metadata":{"name":"l"},"spec":{"holderIdentity":"a"}})").status == 201);  // a lease is made by PUT
  CHECK(f.put(leases + "/l", R"({"metadata":{"name":"l"},"spec":{"holderIdentity":"b"}})").status == 422);
}

TEST_CASE("PUT of what is not there: 404; where PUT creates, a uid makes it 409", "[cluster]") {
  Fixture f;
  CHECK(f.put(under(podsPath, "p"), podJson("p")).status == 404);
  CHECK(f.put(under(podsPath, "p"), podJson("p", R"(,"uid":"1234")")).status == 404);
  const Answer gone =
      f.put("/apis/coordination.k8s.io/v1/namespaces/spawner/leases/l", R"({"metadata":{"name":"l","uid":"1234"},"spec":{}})");
  CHECK(gone.status == 409);
  CHECK(gone.reason() == "Conflict");
  CHECK(gone.message().find("Precondition failed: UID in precondition: 1234, UID in object meta: ") != std::string_view::npos);
  f.pod("p");
  CHECK(f.put(under(podsPath, "p"), podJson("p", R"(,"uid":"1234")")).status == 409);
  CHECK(f.put(under(podsPath, "p"), podJson("q")).status == 400);
  CHECK(f.put(under(podsPath, "p"), R"({"spec":{}})").status == 400);
}

TEST_CASE("A uid in a patch: 422 where metadata can be written, ignored on a custom resource's status, a test in JSON patches",
          "[cluster]") {
  Fixture f;
  const Answer slab = f.slab("a");
  f.pod("p");
  const Answer wrong = f.merge(under(slabsPath, "a"), R"({"metadata":{"uid":"other"}})");
  CHECK(wrong.status == 422);
  CHECK(wrong.message() == R"(SessionLivedBackend.spawner.dev "a" is invalid: metadata.uid: Invalid value: "other": field is immutable)");
  CHECK(f.merge(under(podsPath, "p"), R"({"metadata":{"uid":"other"}})").status == 422);
  CHECK(f.merge(under(podsPath, "p/status"), R"({"metadata":{"uid":"other"},"status":{"phase":"Running"}})").status == 422);
  // What a real server does here is surprising (docs/decisions/0021), so no role of ours relies on it.
  CHECK(f.merge(under(slabsPath, "a/status"), R"({"metadata":{"uid":"other"},"status":{"running":true}})").status == 200);
  const auto guarded = [&](const std::string& uid) {
    return f.patch(under(slabsPath, "a/status"),
                   R"([{"op":"test","path":"/metadata/uid","value":")" + uid + R"("},{"op":"add","path":"/status/ready","value":true},)" +
                       R"({"op":"add","path":"/status/stateTimes/ready","value":"2026-01-01T00:00:00.000000Z"}])");
  };
  const Answer refused = guarded("other");
  CHECK(refused.status == 422);
  CHECK(f.get(under(slabsPath, "a")).json.find({"status", "ready"}) == nullptr);
  const Answer done = guarded(slab.uid());
  CHECK(done.status == 200);
  CHECK(done.json.truthAt({"status", "ready"}));
}

TEST_CASE("Status and the rest are written through doors of their own", "[cluster]") {
  Fixture f;
  f.slab("a");
  const Answer main =
      f.merge(under(slabsPath, "a"), R"({"spec":{"gracePeriodSeconds":7},"status":{"ready":true},"metadata":{"labels":{"x":"y"}}})");
  REQUIRE(main.status == 200);
  CHECK(main.json.integerAt({"spec", "gracePeriodSeconds"}) == 7);
  CHECK(main.json.find({"status", "ready"}) == nullptr);
  const Answer status =
      f.merge(under(slabsPath, "a/status"), R"({"spec":{"gracePeriodSeconds":8},"status":{"ready":true},"metadata":{"labels":{"x":"z"}}})");
  REQUIRE(status.status == 200);
  CHECK(status.json.integerAt({"spec", "gracePeriodSeconds"}) == 7);
  CHECK(status.at({"metadata", "labels", "x"}) == "y");
  CHECK(status.json.truthAt({"status", "ready"}));
  CHECK(f.get(under(slabsPath, "a/status")).body == status.body);
  f.pod("p");
  const Answer pod = f.merge(under(podsPath, "p/status"), R"({"spec":{"nodeName":"x"},"status":{"phase":"Running"}})");
  REQUIRE(pod.status == 200);
  CHECK(pod.json.find({"spec", "nodeName"}) == nullptr);
  CHECK(pod.at({"status", "phase"}) == "Running");
  CHECK(f.get("/api/v1/namespaces/spawner/secrets/x/status").status == 404);
}

TEST_CASE("generation counts changes of the spec only; what changes nothing is no write", "[cluster]") {
  Fixture f;
  const Answer made = f.slab("a");
  const auto generation = [](const Answer& answer) { return answer.json.integerAt({"metadata", "generation"}); };
  CHECK(generation(f.merge(under(slabsPath, "a"), R"({"metadata":{"labels":{"x":"y"}}})")) == 1);
  CHECK(generation(f.merge(under(slabsPath, "a/status"), R"({"status":{"ready":true}})")) == 1);
  CHECK(generation(f.merge(under(slabsPath, "a"), R"({"spec":{"gracePeriodSeconds":1}})")) == 2);
  CHECK(generation(f.merge(under(slabsPath, "a"), R"({"metadata":{"generation":77}})")) == 2);
  const std::uint64_t before = f.store().revision();
  const Answer same = f.merge(under(slabsPath, "a"), R"({"spec":{"gracePeriodSeconds":1}})");
  CHECK(same.status == 200);
  CHECK(f.store().revision() == before);
  CHECK(same.version() == std::to_string(before));
  CHECK(made.version() != same.version());
}

TEST_CASE("What may never change", "[cluster]") {
  Fixture f;
  f.slab("a");
  f.pod("p");
  const Answer port = f.merge(under(slabsPath, "a"), R"({"spec":{"httpPort":1}})");
  CHECK(port.status == 422);
  CHECK(port.message().find("spec.httpPort: Invalid value: \"integer\": httpPort cannot be changed") != std::string_view::npos);
  CHECK(f.merge(under(slabsPath, "a"), R"({"metadata":{"name":"b"}})").status == 400);
  CHECK(f.merge(under(slabsPath, "a"), R"({"metadata":{"namespace":"default"}})").status == 400);
  CHECK(f.merge(under(slabsPath, "a"), R"({"kind":"Other"})").status == 400);
  const Answer time = f.merge(under(slabsPath, "a"),
                              R"({"metadata":{"creationTimestamp":"2001-01-01T00:00:00Z","deletionTimestamp":"2001-01-01T00:00:00Z"}})");
  CHECK(time.status == 200);
  CHECK(time.at({"metadata", "creationTimestamp"}) == "2027-01-15T08:00:00Z");
  CHECK(time.json.find({"metadata", "deletionTimestamp"}) == nullptr);
  const Answer spec = f.merge(under(podsPath, "p"), R"({"spec":{"restartPolicy":"Never"}})");
  CHECK(spec.status == 422);
  CHECK(spec.message().find("spec: Forbidden: pod updates may not change fields other than") != std::string_view::npos);
  CHECK(f.ask("PATCH", under(podsPath, "p"), R"({"spec":{"containers":[{"name":"app","image":"demo:2"}]}})", strategicType).status == 200);
  CHECK(f.merge(under(podsPath, "p"), R"({"spec":{"activeDeadlineSeconds":9}})").status == 200);
}

TEST_CASE("The end of a session stays what it was (a rule of the CRD)", "[cluster]") {
  Fixture f;
  f.slab("a");
  const std::string status = under(slabsPath, "a/status");
  CHECK(f.merge(status, R"({"status":{"swept":true,"end":{"reason":"Idle","message":"m"}}})").status == 200);
  const Answer other = f.merge(status, R"({"status":{"failed":true,"end":{"reason":"Error","message":"m"}}})");
  CHECK(other.status == 422);
  CHECK(other.message().find("the session has ended already") != std::string_view::npos);
  CHECK(f.merge(status, R"({"status":{"end":null}})").status == 422);
  CHECK(f.merge(status, R"({"status":{"end":{"message":"other words"}}})").status == 200);
  CHECK(f.patch(status, R"([{"op":"remove","path":"/status/stateTimes"}])").status == 200);
  CHECK(*f.get(under(slabsPath, "a")).json.find({"status", "stateTimes"}) == parse("{}"));  // the default comes back
}

TEST_CASE("Which patches are understood", "[cluster]") {
  Fixture f;
  f.slab("a");
  f.pod("p");
  const auto status = [&f](const std::string& target, std::string_view type) { return f.ask("PATCH", target, "{}", type).status; };
  CHECK(status(under(slabsPath, "a"), mergeType) == 200);
  CHECK(status(under(slabsPath, "a"), strategicType) == 415);
  CHECK(status(under(podsPath, "p"), strategicType) == 200);
  CHECK(status(under(podsPath, "p"), "application/apply-patch+yaml") == 415);
  CHECK(status(under(podsPath, "p"), "application/json") == 415);
  CHECK(status(under(podsPath, "p"), "application/merge-patch+json; charset=utf-8") == 200);
  CHECK(status(under(podsPath, "none"), mergeType) == 404);
  CHECK(f.ask("PATCH", under(podsPath, "p"), "{", mergeType).status == 400);
  CHECK(f.ask("PATCH", under(podsPath, "p"), "[]", mergeType).status == 400);
  for (const std::string_view type :
       {"text/plain", "application/x-www-form-urlencoded", "application/vnd.kubernetes.protobuf", "multipart/form-data"})
    CHECK(f.ask("POST", podsPath, podJson("q"), type).status == 415);
  const Answer strict = f.ask("PATCH", under(slabsPath, "a") + "?fieldValidation=Strict", R"({"spec":{"foo":1}})", mergeType);
  CHECK(strict.status == 422);
  CHECK(strict.message().find("unknown field \\\"spec.foo\\\"") == std::string_view::npos);
  CHECK(strict.message().find("unknown field \"spec.foo\"") != std::string_view::npos);
  const Answer warned = f.merge(under(slabsPath, "a"), R"({"spec":{"foo":1}})");
  CHECK(warned.header("Warning") == R"(299 - "unknown field \"spec.foo\"")");
}

TEST_CASE("Secrets: stringData is encoded into data", "[cluster]") {
  Fixture f;
  const std::string path = "/api/v1/namespaces/spawner/secrets";
  const Answer made = f.made(path, R"({"metadata":{"name":"s"},"stringData":{"a":"hello"},"data":{"b":"eA=="}})");
  CHECK(made.at({"type"}) == "Opaque");
  CHECK(made.at({"data", "a"}) == "aGVsbG8=");
  CHECK(made.at({"data", "b"}) == "eA==");
  CHECK(made.json.find("stringData") == nullptr);
  CHECK(f.merge(path + "/s", R"({"stringData":{"b":"y"}})").at({"data", "b"}) == "eQ==");
}
