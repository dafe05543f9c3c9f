// Contract: patches, the status subresource, generation, and what a uid in a patch means.

#include "target.hpp"

using namespace spawner;
using namespace spawner::contract;

TEST_CASE("Contract: status and spec have doors of their own", "[contract][integration]") {
  Target t;
  t.made(t.slabs(), slab("a"));
  const Answer main = t.merge(t.slabs("a"), R"({"spec":{"gracePeriodSeconds":7},"status":{"ready":true},"metadata":{"labels":{"x":"y"}}})");
  REQUIRE(main.status == 200);
  CHECK(main.json.find({"status", "ready"}) == nullptr);
  const Answer status =
      t.merge(t.slabs("a/status"), R"({"spec":{"gracePeriodSeconds":8},"status":{"ready":true},"metadata":{"labels":{"x":"z"}}})");
  REQUIRE(status.status == 200);
  CHECK(status.json.truthAt({"status", "ready"}));
  CHECK(status.json.integerAt({"spec", "gracePeriodSeconds"}) == 7);
  CHECK(status.at({"metadata", "labels", "x"}) == "y");
}

TEST_CASE("Contract: generation counts the spec; a patch that changes nothing is no new version", "[contract][integration]") {
  Target t;
  t.made(t.slabs(), slab("a"));
  const auto generation = [](const Answer& answer) { return answer.json.integerAt({"metadata", "generation"}); };
  CHECK(generation(t.merge(t.slabs("a"), R"({"metadata":{"labels":{"x":"y"}}})")) == 1);
  CHECK(generation(t.merge(t.slabs("a/status"), R"({"status":{"ready":true}})")) == 1);
  const Answer changed = t.merge(t.slabs("a"), R"({"spec":{"gracePeriodSeconds":1}})");
  CHECK(generation(changed) == 2);
  CHECK(t.merge(t.slabs("a"), R"({"spec":{"gracePeriodSeconds":1}})").version() == changed.version());
}

TEST_CASE("Contract: a uid in a merge patch is refused with 422 on the object itself, and ignored on a custom resource's status",
          "[contract][integration]") {
  Target t;
  t.made(t.slabs(), slab("a"));
  t.made(t.core("pods"), pod("p"));
  const std::string other = R"({"metadata":{"uid":"00000000-0000-4000-8000-000000000000"})";
  CHECK(t.merge(t.slabs("a"), other + "}").status == 422);
  CHECK(t.merge(t.core("pods", "p"), other + "}").status == 422);
  CHECK(t.merge(t.core("pods", "p/status"), other + R"(,"status":{"message":"x"}})").status == 422);
  CHECK(t.merge(t.slabs("a/status"), other + R"(,"status":{"running":true}})").status == 200);
}

TEST_CASE("Contract: a JSON patch that tests the uid first is safe on the status", "[contract][integration]") {
  Target t;
  const Answer made = t.made(t.slabs(), slab("a"));
  const auto ready = [&](const std::string& uid) {
    return t.patch(t.slabs("a/status"), R"([{"op":"test","path":"/metadata/uid","value":")" + uid +
                                            R"("},{"op":"add","path":"/status/ready","value":true},)" +
                                            R"({"op":"add","path":"/status/stateTimes/ready","value":"2026-01-01T00:00:00.000001Z"}])");
  };
  const Answer refused = ready("00000000-0000-4000-8000-000000000000");
  CHECK(refused.status == 422);
  CHECK(refused.reason() == "Invalid");
  CHECK(t.get(t.slabs("a")).json.find({"status", "ready"}) == nullptr);
  const Answer done = ready(made.uid());
  CHECK(done.status == 200);
  CHECK(done.json.truthAt({"status", "ready"}));
  CHECK(t.patch(t.slabs("a"), R"([{"op":"remove","path":"/spec/none"}])").status == 422);
  CHECK(t.patch(t.slabs("a"), R"({"op":"remove"})").status == 400);
}

TEST_CASE("Contract: rules of the CRD hold on updates", "[contract][integration]") {
  Target t;
  t.made(t.slabs(), slab("a"));
  CHECK(t.merge(t.slabs("a"), R"({"spec":{"httpPort":1}})").status == 422);
  CHECK(t.merge(t.slabs("a/status"), R"({"status":{"end":{"reason":"Idle"}}})").status == 200);
  CHECK(t.merge(t.slabs("a/status"), R"({"status":{"end":{"reason":"Error"}}})").status == 422);
  CHECK(t.merge(t.slabs("a/status"), R"({"status":{"phase":"Running"}})").status == 200);
  CHECK(t.merge(t.slabs("a/status"), R"({"status":{"phase":"Swept"}})").status == 200);
  CHECK(t.merge(t.slabs("a/status"), R"({"status":{"phase":"Running"}})").status == 422);
  CHECK(t.merge(t.slabs("a/status"), R"({"status":{"phase":null}})").status == 422);
  CHECK(t.merge(t.slabs("a/status"), R"({"status":{"phase":"Failed"}})").status == 200);
  CHECK(t.merge(t.slabs("a/status"), R"({"status":{"contactLost":{"message":"m"}}})").status == 200);
  CHECK(t.merge(t.slabs("a/status"), R"({"status":{"contactLost":null}})").status == 200);
}

TEST_CASE("Contract: a PUT with another uid is a conflict", "[contract][integration]") {
  Target t;
  Json object = t.made(t.slabs(), slab("a")).json;
  object.edit("metadata").set("uid", "00000000-0000-4000-8000-000000000000");
  const Answer answer = t.put(t.slabs("a"), object.dump());
  CHECK(answer.status == 409);
  CHECK(answer.reason() == "Conflict");
}

TEST_CASE("Contract: a pod's spec is fixed but for a few fields; its status has a door", "[contract][integration]") {
  Target t;
  t.made(t.core("pods"), pod("p"));
  CHECK(t.merge(t.core("pods", "p"), R"({"spec":{"restartPolicy":"Never"}})").status == 422);
  CHECK(t.ask("PATCH", t.core("pods", "p"), R"({"spec":{"containers":[{"name":"app","image":"example.invalid/none:2"}]}})",
              "application/strategic-merge-patch+json")
            .status == 200);
  const Answer status = t.merge(t.core("pods", "p/status"), R"({"status":{"message":"hello"}})");
  CHECK(status.status == 200);
  CHECK(status.at({"status", "message"}) == "hello");
  CHECK(t.merge(t.core("pods", "p"), R"({"status":{"message":"other"}})").at({"status", "message"}) == "hello");
}
