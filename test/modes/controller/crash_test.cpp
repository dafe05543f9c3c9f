// Crashes, lost answers and two controllers (P4).
#include "fixture.hpp"

using namespace spawner;
using namespace spawner::test;

namespace {

/// One life: made, Ready, swept or failed, gone. `during` runs at every request of a controller and says what becomes of it.
void live(Cluster& c, bool fails) {
  c.createSlab("spawner-a");
  const std::string uid = c.slab("spawner-a")->meta.uid;
  c.reachState("spawner-a", State::Scheduled, 120s);
  c.eventually("it runs", [&] { return !c.pod("spawner-a").is_null() && c.pod("spawner-a")["status"].value("phase", "") == "Running"; });
  c.sayReady("spawner-a");
  c.loop.runFor(1s);
  if (fails)
    c.exitApplication("spawner-a", 1, "Error");
  else
    c.saySwept("spawner-a");
  c.eventually(
      "all is gone", [&] { return !c.slab("spawner-a") && c.pod("spawner-a").is_null() && c.service("spawner-a").is_null(); },
      700s);  // 300 s are waited anew
  CHECK(c.podsOf[uid].size() == 1);
}

}  // namespace

TEST_CASE("fault 01: a controller killed at any request, before or after it acts, leaves a session that goes on") {
  const Fate fate = GENERATE(Fate::DropBefore, Fate::DropAfter);
  const bool fails = GENERATE(false, true);
  int requests = 0;  // of the undisturbed life
  for (int kill = 0; kill == 0 || kill <= requests; ++kill) {
    INFO("killed at request " << kill << ", fate " << static_cast<int>(fate) << ", fails " << fails);
    Cluster c(static_cast<std::uint64_t>(kill) + 1);
    int seen = 0;
    Timer restart;
    c.kube.fate = [&](const WatchedTransport::Asked& asked) {
      if (asked.target.find("/events") != std::string::npos || ++seen != kill) return Fate::Pass;
      restart = c.loop.after(1ms, [&] {
        c.controllers.clear();
        restart = c.loop.after(50ms, [&] { c.startController(); });
      });
      return fate;
    };
    c.startController();
    live(c, fails);
    if (kill == 0) requests = seen;
  }
  CHECK(requests > 6);
}

TEST_CASE("a lost request or answer is made good by the same controller") {
  const Fate fate = GENERATE(Fate::DropBefore, Fate::DropAfter);
  for (int lost = 1; lost <= 10; ++lost) {
    INFO("lost request " << lost);
    Cluster c(static_cast<std::uint64_t>(lost));
    int seen = 0;
    c.kube.fate = [&](const WatchedTransport::Asked&) { return ++seen == lost ? fate : Fate::Pass; };
    c.startController();
    live(c, lost % 2 == 0);
  }
}

TEST_CASE("two controllers at once make one pod and one service, and agree") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Cluster c(seed);
    c.startController();
    c.startController();
    c.eventually("both are ready", [&] { return c.controllers[0]->ready() && c.controllers[1]->ready(); });
    live(c, seed % 2 == 0);
    CHECK(c.ask("GET", "/api/v1/namespaces/spawner-system/secrets")["items"].size() == 1);
  }
}

TEST_CASE("a controller whose watch is dead learns of an end by the conflicts that it meets, and does not fight another one") {
  Cluster c;
  c.startReadyController();
  c.createSlab("spawner-a", {{"ttlSecondsAfterFinished", 1000}});
  c.reachState("spawner-a", State::Scheduled);
  c.sayReady("spawner-a");
  c.loop.runFor(1s);
  bool dead = true;
  c.kube.deadWatch = [&dead](const std::string& target) { return dead && target.find("sessionlivedbackends") != std::string::npos; };
  REQUIRE(c.saySwept("spawner-a") == 200);
  const std::size_t before = c.kube.asked.size();
  REQUIRE(c.ask("DELETE", Cluster::servicePath("spawner-a"))["_status"] == 200);  // the other controller cleans up
  c.eventually(
      "pod and service are gone", [&] { return c.pod("spawner-a").is_null() && c.service("spawner-a").is_null(); }, 60s);
  c.loop.runFor(60s);
  CHECK(c.service("spawner-a").is_null());
  CHECK(c.podsOf.begin()->second.size() == 1);
  CHECK(c.kube.asked.size() - before < 20);
  dead = false;
}

TEST_CASE("an end that two state is one end: the first") {
  Cluster c;
  c.startReadyController();
  c.createSlab("spawner-a", {{"ttlSecondsAfterFinished", 100}});
  c.reachState("spawner-a", State::Scheduled);
  c.sayReady("spawner-a");
  c.exitApplication("spawner-a", 1, "Error");
  c.reachState("spawner-a", State::Failed);
  CHECK(c.sweeper("spawner-a", [&](const auto& pod) {
    return backend::endPatch(pod, State::Swept, EndInfo{"Idle", "m", {}, {}, c.loop.wallNow() - 1h});
  }) == 422);
  CHECK(c.slab("spawner-a")->status.end->reason == "Error");
  CHECK(c.state("spawner-a") == State::Failed);
}

TEST_CASE("P4: a pod that came late does not become the session's, whatever its node's sweeper tells of it") {
  Cluster c;
  c.startReadyController();
  c.createSlab("spawner-a", {{"ttlSecondsAfterFinished", 100}});
  c.reachState("spawner-a", State::Scheduled);
  c.sayReady("spawner-a");
  const std::string uid = c.slab("spawner-a")->status.podUid;
  const bool ended = GENERATE(false, true);
  c.endsPods = false;
  if (ended) c.saySwept("spawner-a");
  CHECK(c.sweeper("spawner-a", [&](backend::SweptPod pod) {
    pod.podUid = "late";
    return backend::readyPatch(pod, c.loop.wallNow(), c.loop.wallNow() + 1ms);
  }) == 422);
  CHECK(c.slab("spawner-a")->status.podUid == uid);
  CHECK(c.state("spawner-a") == (ended ? State::Swept : State::Ready));
}

TEST_CASE("P4: a pod that was deleted while no controller looked is not made again once it was recorded") {
  Cluster c;
  c.startReadyController();
  c.createSlab("spawner-a");
  const std::string uid = c.slab("spawner-a")->meta.uid;
  SECTION("by the controller") { c.reachState("spawner-a", State::Scheduled); }
  SECTION("only by the sweeper") {
    c.kube.fate = [](const WatchedTransport::Asked& asked) { return asked.method == "PATCH" ? Fate::DropBefore : Fate::Pass; };
    c.eventually("it runs", [&] { return !c.pod("spawner-a").is_null() && c.pod("spawner-a")["status"].value("phase", "") == "Running"; });
    c.sayReady("spawner-a");
  }
  c.controllers.clear();
  c.ask("DELETE", Cluster::podPath("spawner-a"), R"({"gracePeriodSeconds":0})");
  c.kube.fate = nullptr;
  c.startController();
  c.reachState("spawner-a", State::Failed);
  CHECK(c.slab("spawner-a")->status.end->reason == "PodLost");
  c.loop.runFor(400s);
  CHECK(c.podsOf[uid].size() == 1);
  CHECK_FALSE(c.slab("spawner-a"));
}

TEST_CASE("a pod whose label somebody took away is still the session's, and its end is seen") {
  Cluster c;
  c.startReadyController();
  c.createSlab("spawner-a");
  c.reachState("spawner-a", State::Scheduled);
  const std::string uid = c.slab("spawner-a")->meta.uid;
  c.sayReady("spawner-a");
  c.ask("PATCH", Cluster::podPath("spawner-a"), R"({"metadata":{"labels":{"app.kubernetes.io/managed-by":null}}})");
  c.loop.runFor(60s);
  CHECK(c.state("spawner-a") == State::Ready);
  c.exitApplication("spawner-a", 1, "Error");
  c.reachState("spawner-a", State::Failed, 1200s);
  CHECK(c.slab("spawner-a")->status.end->reason == "Error");
  CHECK(c.podsOf[uid].size() == 1);
}
