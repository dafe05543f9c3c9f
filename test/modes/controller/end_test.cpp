// Ends, and what goes wrong on the way.
#include "fixture.hpp"

using namespace spawner;
using namespace spawner::test;

TEST_CASE("fault 02: a failed session is stated, told, and cleaned up") {
  Cluster c;
  c.startReadyController();
  c.createSlab("spawner-a");
  c.reachState("spawner-a", State::Scheduled);
  c.sayReady("spawner-a");
  c.exitApplication("spawner-a", 137, "OOMKilled");
  c.reachState("spawner-a", State::Failed);
  const auto slab = c.slab("spawner-a");
  CHECK(slab->status.end->reason == "OOMKilled");
  CHECK(slab->status.end->exitCode == 137);
  CHECK(slab->status.reason == "OOMKilled");
  c.eventually(
      "pod and service go at once", [&] { return c.pod("spawner-a").is_null() && c.service("spawner-a").is_null(); }, 5s);
  CHECK(c.slab("spawner-a"));
  c.eventually(
      "its Event", [&] { return c.events("spawner-a").back() == "Failed"; }, 1s);
  c.loop.runFor(290s);
  CHECK(c.slab("spawner-a"));
  c.eventually(
      "the object goes after 300 s", [&] { return !c.slab("spawner-a"); }, 20s);
}

TEST_CASE("fault 14: a normal exit is no failure, and leaves nothing running") {
  Cluster c;
  c.startReadyController();
  c.createSlab("spawner-a");
  c.reachState("spawner-a", State::Scheduled);
  c.podStatus(
      "spawner-a",
      Json::parse(
          R"({"phase":"Running","containerStatuses":[{"name":"my-app","state":{"terminated":{"exitCode":0,"reason":"Completed"}}}]})"));
  c.reachState("spawner-a", State::Swept);
  CHECK(c.slab("spawner-a")->status.end->reason == "Completed");
  c.eventually(
      "pod and service go", [&] { return c.pod("spawner-a").is_null() && c.service("spawner-a").is_null(); }, 5s);
  c.eventually(
      "the object goes", [&] { return !c.slab("spawner-a"); }, 320s);
}

TEST_CASE("fault 08: a session that never starts fails at its limit") {
  Cluster c;
  c.startsPods = false;
  c.startReadyController();
  c.createSlab("spawner-a", {{"startupTimeoutSeconds", 40}});
  c.reachState("spawner-a", State::Scheduled);
  c.podStatus("spawner-a", Json::parse(R"({"phase":"Pending","containerStatuses":[{"name":"my-app",)"
                                       R"("state":{"waiting":{"reason":"ImagePullBackOff","message":"no such image"}}}]})"));
  c.loop.runFor(38s);
  CHECK(c.state("spawner-a") == State::Scheduled);
  c.reachState("spawner-a", State::Failed, 5s);
  CHECK(c.slab("spawner-a")->status.end->reason == "ImagePullFailed");
  CHECK_THAT(c.slab("spawner-a")->status.end->message, Catch::Contains("no such image"));
}

TEST_CASE("a pod that somebody deletes ends the session; no second one is made") {
  Cluster c;
  c.startReadyController();
  c.createSlab("spawner-a");
  c.reachState("spawner-a", State::Scheduled);
  const std::string uid = c.slab("spawner-a")->meta.uid;
  if (GENERATE(false, true)) c.sayReady("spawner-a");
  c.ask("DELETE", Cluster::podPath("spawner-a"), GENERATE(R"({"gracePeriodSeconds":0})", "{}"));
  c.reachState("spawner-a", State::Failed);
  const std::string reason = c.slab("spawner-a")->status.end->reason;
  CHECK((reason == "PodDeleted" || reason == "PodLost"));
  c.loop.runFor(400s);
  CHECK(c.podsOf[uid].size() == 1);
  CHECK_FALSE(c.slab("spawner-a"));
  CHECK(c.service("spawner-a").is_null());
}

TEST_CASE("a pod of the same name that is not ours is left alone, and the session says so") {
  Cluster c;
  REQUIRE(c.ask("POST", Cluster::podPath(),
                R"({"metadata":{"name":"spawner-a"},"spec":{"containers":[{"name":"x","image":"y"}]}})")["_status"] == 201);
  c.startReadyController();
  c.createSlab("spawner-a");
  c.reachState("spawner-a", State::Failed);
  CHECK(c.slab("spawner-a")->status.end->reason == "NameConflict");
  c.loop.runFor(400s);
  CHECK_FALSE(c.slab("spawner-a"));
  CHECK(c.pod("spawner-a")["spec"]["containers"][0]["name"] == "x");
  CHECK(c.service("spawner-a").is_null());
}

TEST_CASE("a service of the same name that is not ours is left alone, and the session says so") {
  Cluster c;
  REQUIRE(c.ask("POST", Cluster::servicePath(), R"({"metadata":{"name":"spawner-a"},"spec":{"ports":[{"port":80}]}})")["_status"] == 201);
  c.startReadyController();
  c.createSlab("spawner-a");
  c.reachState("spawner-a", State::Failed);
  CHECK(c.slab("spawner-a")->status.end->reason == "NameConflict");
  c.loop.runFor(400s);
  CHECK(c.service("spawner-a")["spec"]["ports"][0]["port"] == 80);
  CHECK(c.pod("spawner-a").is_null());  // made together with the Service's try, and removed
}

TEST_CASE("an object made again under its name waits for what its former self left") {
  Cluster c;
  c.startReadyController();
  c.createSlab("spawner-a");
  c.reachState("spawner-a", State::Scheduled);
  const std::string former = c.slab("spawner-a")->meta.uid;
  c.endsPods = false;  // its pod takes its time
  c.ask("DELETE", Cluster::slabPath("spawner-a"));
  c.loop.runFor(100ms);
  c.createSlab("spawner-a");
  const std::string uid = c.slab("spawner-a")->meta.uid;
  REQUIRE(uid != former);
  c.loop.runFor(20s);
  CHECK_FALSE(isTerminal(c.state("spawner-a")));
  CHECK(c.podsOf[uid].empty());
  c.endsPods = true;
  c.wakeKubelet();
  c.reachState("spawner-a", State::Scheduled);
  CHECK(c.podsOf[uid].size() == 1);
  CHECK(c.podsOf[former].size() == 1);
  // A sweeper that still thinks of the former one changes nothing.
  cluster::Request late;
  late.method = "PATCH";
  late.target = Cluster::slabPath("spawner-a") + "/status";
  late.headers.emplace_back("Content-Type", "application/json-patch+json");
  late.body = backend::endPatch({former, "", "", "", ""}, State::Swept, EndInfo{"Idle", "m", {}, {}, c.loop.wallNow()});
  CHECK(c.api.handle(late, c.now()).status == 422);
  CHECK(c.state("spawner-a") == State::Scheduled);
}

TEST_CASE("a deleted object takes everything with it, at any time") {
  Cluster c;
  c.startReadyController();
  c.createSlab("spawner-a");
  c.loop.runFor(std::chrono::milliseconds(GENERATE(0, 1, 2, 3, 5, 8, 50, 500)));
  c.ask("DELETE", Cluster::slabPath("spawner-a"));
  c.loop.runFor(60s);
  CHECK_FALSE(c.slab("spawner-a"));
  CHECK(c.pod("spawner-a").is_null());
  CHECK(c.service("spawner-a").is_null());
}

namespace {

/// Has each POST of `kind` ("pods", "services") refused with that status; how many there were.
std::shared_ptr<int> refuse(Cluster& c, const std::string& kind, int status, const std::string& retryAfter = {}) {
  const auto posts = std::make_shared<int>(0);
  c.kube.answer = [=](const WatchedTransport::Asked& asked) {
    if (asked.method != "POST" || asked.target.find("/" + kind) == std::string::npos) return std::unique_ptr<TransportResponse>();
    ++*posts;
    auto response = std::make_unique<TransportResponse>();
    response->status = status;
    if (!retryAfter.empty()) response->headers.emplace_back("retry-after", retryAfter);
    response->body = Json{{"kind", "Status"}, {"status", "Failure"}, {"message", "exceeded quota: " + kind}, {"code", status}}.dump();
    return response;
  };
  return posts;
}

}  // namespace

TEST_CASE("what Kubernetes refuses is told: by quota at the start limit, by validation at once; and it is not asked in a storm") {
  const auto* const kind = GENERATE("pods", "services");
  CAPTURE(kind);
  Cluster c;
  c.startReadyController();
  SECTION("quota") {
    const auto posts = refuse(c, kind, 403);
    c.createSlab("spawner-a", {{"startupTimeoutSeconds", 60}});
    c.loop.runFor(55s);
    CHECK_FALSE(isTerminal(c.state("spawner-a")));
    CHECK(*posts < 25);
    const auto events = c.events("spawner-a");
    CHECK(std::count(events.begin(), events.end(), "CreateRefused") == 1);
    c.reachState("spawner-a", State::Failed, 6s);  // at its limit, however long the wait for the next try is
    CHECK(c.slab("spawner-a")->status.end->reason == "CreateRefused");
  }
  SECTION("validation") {
    const auto posts = refuse(c, kind, 422);
    c.createSlab("spawner-a");
    c.reachState("spawner-a", State::Failed, 5s);
    CHECK(c.slab("spawner-a")->status.end->reason == "InvalidSpec");
    CHECK(*posts < 3);
  }
  CHECK_THAT(c.slab("spawner-a")->status.end->message, Catch::Contains("exceeded quota"));
}

TEST_CASE("a Service that was deleted and may not be made again is asked for ever more seldom, and ends nothing") {
  Cluster c;
  c.startReadyController();
  c.createSlab("spawner-a");
  c.reachState("spawner-a", State::Scheduled);
  c.sayReady("spawner-a");
  const auto posts = refuse(c, "services", GENERATE(403, 422));
  c.ask("DELETE", "/api/v1/namespaces/spawner/services/spawner-a");
  c.loop.runFor(120s);
  CHECK(*posts > 3);
  CHECK(*posts < 25);
  CHECK(c.state("spawner-a") == State::Ready);
}

TEST_CASE("an API server that says when to come again is not asked before") {
  Cluster c;
  c.startReadyController();
  const auto posts = refuse(c, "pods", 429, "20");
  c.createSlab("spawner-a");
  c.loop.runFor(19s);
  CHECK(*posts <= 2);  // once more when its Service is told
  c.loop.runFor(3s);
  CHECK(*posts <= 3);
  c.kube.answer = nullptr;
  c.reachState("spawner-a", State::Scheduled, 31s);
}

TEST_CASE("what a sweeper says late of a session that has ended changes nothing, not for a moment") {
  Cluster c;
  c.startReadyController();
  c.createSlab("spawner-a");
  c.reachState("spawner-a", State::Scheduled);
  c.exitApplication("spawner-a", 3, "Error");
  c.reachState("spawner-a", State::Failed);
  const auto slab = c.slab("spawner-a");
  const backend::SweptPod pod{slab->meta.uid, slab->status.podName, slab->status.podUid, "10.0.0.9", slab->status.nodeName};
  const WallTime now = c.loop.wallNow();
  for (const std::string& patch : {backend::runningPatch(pod, now), backend::readyPatch(pod, now, now)}) {
    cluster::Request late;
    late.method = "PATCH";
    late.target = Cluster::slabPath("spawner-a") + "/status";
    late.headers.emplace_back("Content-Type", "application/json-patch+json");
    late.body = patch;
    CHECK(c.api.handle(late, c.now()).status == 422);
    CHECK(c.slab("spawner-a")->status.phase == "Failed");
    CHECK(c.slab("spawner-a")->status.reason == "Error");
  }
}

TEST_CASE("refused fields and how to allow them") {
  const Json spec = {{"template", Json::parse(R"({"containers":[{"name":"a","image":"b"}],"hostPID":true})")}};
  Cluster c;
  c.startReadyController();
  c.createSlab("spawner-a", spec);
  c.reachState("spawner-a", State::Failed);
  CHECK(c.slab("spawner-a")->status.end->reason == "FieldNotAllowed");
  CHECK(c.kube.count("POST", "/pods") == 0);
  Cluster d;
  d.options.allowPodFields = {"hostPID"};
  d.startReadyController();
  d.createSlab("spawner-a", spec);
  d.reachState("spawner-a", State::Scheduled);
}

TEST_CASE("fault 07: while no sweeper reaches the sidecar, nothing ends") {
  Cluster c;
  c.startReadyController();
  c.createSlab("spawner-a");
  c.reachState("spawner-a", State::Scheduled);
  c.sayReady("spawner-a");
  c.sweeper("spawner-a", [&](const auto& pod) { return backend::contactLostPatch(pod.slabUid, c.loop.wallNow(), "no answer"); });
  c.loop.runFor(24h);
  const auto slab = c.slab("spawner-a");
  REQUIRE(slab);
  CHECK(slab->state() == State::Ready);
  CHECK(slab->status.conditions.back().type == "ContactLost");
  c.sweeper("spawner-a", [](const auto& pod) { return backend::contactRegainedPatch(pod.slabUid); });
  c.eventually("the condition goes", [&] { return c.slab("spawner-a")->status.conditions.size() == 1; });
}

TEST_CASE("fault 08: the maximum lifetime ends a session even without a sweeper") {
  Cluster c;
  c.startReadyController();
  c.createSlab("spawner-a", {{"maxLifetimeSeconds", 600}});
  c.reachState("spawner-a", State::Running);
  c.loop.runFor(640s);
  CHECK(c.state("spawner-a") == State::Running);
  c.eventually(
      "it is gone", [&] { return !c.slab("spawner-a"); }, 60s);
}
