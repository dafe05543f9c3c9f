// Contract: what is special about pods, services, leases and events, and the garbage collector.

#include "k8s/lease.hpp"
#include "target.hpp"

using namespace spawner;
using namespace spawner::contract;

TEST_CASE("Contract: a pod without a node goes at once", "[contract][integration]") {
  Target t;
  const Answer made = t.made(t.core("pods"), pod("p"));
  CHECK(made.at({"status", "phase"}) == "Pending");
  CHECK(made.at({"spec", "restartPolicy"}) == "Always");
  CHECK(made.json.integerAt({"spec", "terminationGracePeriodSeconds"}) == 30);
  CHECK(t.remove(t.core("pods", "p")).status == 200);
  CHECK(t.get(t.core("pods", "p")).status == 404);
}

TEST_CASE("Contract: a pod on a node is marked, its time can only be shortened, and grace 0 ends it", "[contract][integration]") {
  Target t;
  // A node that does not exist: nothing but the garbage collector of a real cluster would end such a pod, and that takes a while.
  t.made(
      t.core("pods"),
      R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"nodeName":"no-such-node.invalid","terminationGracePeriodSeconds":40,
    "automountServiceAccountToken":false,"containers":[{"name":"app","image":"example.invalid/none:1"}]}})");
  const Answer marked = t.remove(t.core("pods", "p"));
  CHECK(marked.status == 200);
  CHECK_FALSE(marked.at({"metadata", "deletionTimestamp"}).empty());
  CHECK(marked.json.integerAt({"metadata", "deletionGracePeriodSeconds"}) == 40);
  CHECK(t.remove(t.core("pods", "p")).json.integerAt({"metadata", "deletionGracePeriodSeconds"}) == 40);
  CHECK(t.remove(t.core("pods", "p"), R"({"apiVersion":"v1","kind":"DeleteOptions","gracePeriodSeconds":20})")
            .json.integerAt({"metadata", "deletionGracePeriodSeconds"}) == 20);
  CHECK(t.get(t.core("pods", "p")).status == 200);
  CHECK(t.remove(t.core("pods", "p"), R"({"apiVersion":"v1","kind":"DeleteOptions","gracePeriodSeconds":0})").status == 200);
  CHECK(t.get(t.core("pods", "p")).status == 404);
}

TEST_CASE("Contract: a Service gets an address that never changes; a headless one has none", "[contract][integration]") {
  Target t;
  const auto body = [](std::string_view name, std::string_view more) {
    return R"({"apiVersion":"v1","kind":"Service","metadata":{"name":")" + std::string(name) +
           R"("},"spec":{"selector":{"run":"a"},"ports":[{"port":9090}])" + std::string(more) + "}}";
  };
  const Answer made = t.made(t.core("services"), body("a", ""));
  CHECK_FALSE(made.at({"spec", "clusterIP"}).empty());
  CHECK(made.at({"spec", "type"}) == "ClusterIP");
  CHECK(made.json.find({"spec", "ports"})->items()[0].integerAt({"targetPort"}) == 9090);
  CHECK(t.merge(t.core("services", "a"), R"({"spec":{"clusterIP":"127.96.77.77"}})").status == 422);
  CHECK(t.made(t.core("services"), body("b", R"(,"clusterIP":"None")")).at({"spec", "clusterIP"}) == "None");
  CHECK(t.post(t.core("services"), body("1a", "")).status == 201);  // a DNS-1123 label; before Kubernetes 1.36 it had to be DNS-1035
  CHECK(t.post(t.core("services"), body("a.b", "")).status == 422);
}

TEST_CASE("Contract: leases are made by POST or PUT and replaced only by who knows their version", "[contract][integration]") {
  Target t;
  const std::string path = "/apis/coordination.k8s.io/v1/namespaces/" + t.ns() + "/leases";
  const auto body = [](std::string_view holder, std::string_view version) {
    return R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"l")" +
           (version.empty() ? std::string() : R"(,"resourceVersion":")" + std::string(version) + "\"") + R"(},"spec":{"holderIdentity":")" +
           std::string(holder) + R"(","leaseDurationSeconds":15,"renewTime":"2026-01-01T00:00:00.000001Z"}})";
  };
  const Answer made = t.made(path, body("a", ""));
  CHECK(made.at({"spec", "renewTime"}) == "2026-01-01T00:00:00.000001Z");
  const Answer renewed = t.put(path + "/l", body("a", made.version()));
  CHECK(renewed.status == 200);
  const Answer taken = t.put(path + "/l", body("b", renewed.version()));
  CHECK(taken.status == 200);
  CHECK(t.put(path + "/l", body("c", renewed.version())).status == 409);
  CHECK(t.put(path + "/l", body("c", "")).status == 422);
  CHECK(t.get(path + "/l").at({"spec", "holderIdentity"}) == "b");
  CHECK(t.remove(path + "/l").status == 200);
  CHECK(t.put(path + "/l", body("d", "")).status == 201);
}

TEST_CASE("Contract: a Lease as an election uses it", "[contract][integration]") {
  Target t;
  const std::string path = "/apis/coordination.k8s.io/v1/namespaces/" + t.ns() + "/leases";
  CHECK(t.get(path + "/l").status == 404);
  const std::string created = k8s::newLease(t.ns(), "l", "a", std::chrono::seconds(15), WallTime(std::chrono::hours(500'000)));
  const Answer made = t.made(path, created);
  CHECK(t.post(path, created).reason() == "AlreadyExists");
  const auto watch = t.watch(path + "?watch=1&resourceVersion=" + made.version());
  const auto read = [&] { return k8s::decodeLease(t.get(path + "/l").body).value(); };
  const k8s::Lease first = read();
  CHECK(first.holder == "a");
  CHECK(first.duration == std::chrono::seconds(15));
  REQUIRE(t.put(path + "/l", k8s::heldLease(first, "b", std::chrono::seconds(20), WallTime())).status == 200);
  CHECK(read().transitions == 1);
  CHECK(t.put(path + "/l", k8s::heldLease(first, "c", std::chrono::seconds(15), WallTime())).reason() == "Conflict");
  REQUIRE(t.put(path + "/l", k8s::releasedLease(read(), WallTime())).status == 200);
  CHECK(read().released());
  CHECK(t.merge(path + "/l", R"({"spec":{"leaseDurationSeconds":0}})").status == 422);
  CHECK(t.merge(path + "/l", R"({"spec":{"leaseTransitions":-1}})").status == 422);
  CHECK(t.merge(path + "/l", R"({"spec":{"leaseTransitions":2147483647}})").status == 200);
  const k8s::Lease last = read();
  CHECK(k8s::decodeLease(t.put(path + "/l", k8s::heldLease(last, "c", std::chrono::seconds(15), WallTime())).body).value().transitions ==
        0);
  CHECK(t.get(path).json.find("items")->size() == 1);
  CHECK(watch->waitFor(4, "four changes of the Lease").size() == 4);
  CHECK(t.remove(path + "/l").status == 200);
  // Deleted meanwhile: the uid that the object carries keeps it from being made anew with an old version.
  CHECK(t.put(path + "/l", k8s::heldLease(last, "c", std::chrono::seconds(15), WallTime())).status == 409);
  CHECK(t.get(path + "/l").status == 404);
}

TEST_CASE("Contract: Events with eventTime name their reporter, and are found by what they are about", "[contract][integration]") {
  Target t;
  const Answer about = t.made(t.slabs(), slab("a"));
  const auto event = [&](std::string_view more, std::size_t length = 20) {
    return R"({"apiVersion":"v1","kind":"Event","metadata":{"generateName":"e-"},"involvedObject":{"apiVersion":"spawner.dev/v1","kind":"SessionLivedBackend","namespace":")" +
           t.ns() + R"(","name":"a","uid":")" + about.uid() + R"("},"message":")" + std::string(length, 'm') +
           R"(","type":"Normal","eventTime":"2026-01-01T00:00:00.000001Z")" + std::string(more) + "}";
  };
  const std::string whole =
      R"(,"reportingComponent":"spawner.dev/sessionlivedbackend","reportingInstance":"i","action":"Ready","reason":"Ready")";
  CHECK(t.post(t.core("events"), event(whole)).status == 201);
  CHECK(t.post(t.core("events"), event(whole, 1025)).status == 422);
  CHECK(t.post(t.core("events"), event(R"(,"reason":"Ready")")).status == 422);
  const Answer found = t.get(t.core("events") + "?fieldSelector=involvedObject.name%3Da%2CinvolvedObject.uid%3D" + about.uid());
  CHECK(found.json.find("items")->size() == 1);
  CHECK(t.get(t.core("events") + "?fieldSelector=involvedObject.name%3Dother").json.find("items")->size() == 0);
  const Answer newer = t.get("/apis/events.k8s.io/v1/namespaces/" + t.ns() + "/events");
  CHECK(newer.json.find("items")->items()[0].textAt({"regarding", "name"}) == "a");
}

TEST_CASE("Contract: the garbage collector takes what has lost its owner", "[contract][integration]") {
  Target t;
  const Answer owner = t.made(t.slabs(), slab("a"));
  const auto owned = [&](std::string_view name, const std::string& uid) {
    return R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + std::string(name) +
           R"(","ownerReferences":[{"apiVersion":"spawner.dev/v1","kind":"SessionLivedBackend","name":"a","controller":true,"uid":")" +
           uid + R"("}]}})";
  };
  const std::string path = t.core("configmaps");
  t.made(path, owned("mine", owner.uid()));
  t.made(path, owned("orphan", "00000000-0000-4000-8000-000000000000"));
  t.waitStatus(path + "/orphan", 404);
  CHECK(t.get(path + "/mine").status == 200);
  CHECK(t.remove(t.slabs("a")).status == 200);
  t.waitStatus(path + "/mine", 404);
}

TEST_CASE("Contract: discovery, version and health", "[contract][integration]") {
  Target t;
  CHECK(t.get("/version").at({"major"}) == "1");
  CHECK(t.get("/readyz").body == "ok");
  const Answer resources = t.get("/apis/spawner.dev/v1");
  REQUIRE(resources.status == 200);
  bool found = false;
  for (const Json& one : resources.json.find("resources")->items())
    if (one.textAt({"name"}) == "sessionlivedbackends") {
      found = true;
      CHECK(one.textAt({"singularName"}) == "sessionlivedbackend");
      CHECK(one.truthAt({"namespaced"}));
      REQUIRE(one.find("shortNames")->items().size() == 2);
      CHECK(one.find("shortNames")->items()[0].text() == "slab");
      CHECK(one.find("shortNames")->items()[1].text() == "slabs");
    }
  CHECK(found);
  CHECK(t.get("/openapi/v3").status == 200);
  const Answer table = t.ask("GET", t.slabs(), "", "", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
  CHECK(table.at({"kind"}) == "Table");
  CHECK(table.json.find("columnDefinitions")->items()[0].textAt({"name"}) == "Name");
}

TEST_CASE("Contract: a namespace takes its content with it", "[contract][integration]") {
  Target t;
  const std::string name = t.ns() + "-x";
  t.made("/api/v1/namespaces", R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":")" + name + "\"}}");
  t.made("/api/v1/namespaces/" + name + "/configmaps", R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}})");
  CHECK(t.remove("/api/v1/namespaces/" + name).status == 200);
  t.waitStatus("/api/v1/namespaces/" + name, 404, std::chrono::minutes(2));
  CHECK(t.get("/api/v1/namespaces/" + name + "/configmaps/a").status == 404);
}
