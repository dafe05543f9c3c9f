// Leader election: of several controllers one acts; the others are ready to.
#include "fixture.hpp"

using namespace spawner;
using namespace spawner::test;

namespace {

const std::string leasePath = "/apis/coordination.k8s.io/v1/namespaces/spawner-system/leases/spawner-controller";

std::string holder(Cluster& c) {
  const Json lease = c.ask("GET", leasePath);
  return lease["_status"] == 200 ? lease["spec"].value("holderIdentity", "") : "";
}

/// The first leads, the second follows; both are ready.
void startTwo(Cluster& c) {
  c.options.leaderElection = true;
  c.startReadyController();
  c.eventually("the first leads", [&] { return !holder(c).empty(); });
  c.startReadyController();
}

bool isRenewal(const WatchedTransport::Asked& asked) { return asked.method == "PUT" && asked.target.find("/leases/") != std::string::npos; }

}  // namespace

TEST_CASE("without election nothing is asked of a Lease, and the controller leads") {
  Cluster c;
  c.startReadyController();
  c.loop.runFor(60s);
  CHECK(c.kube.count("GET", "/leases") + c.kube.count("POST", "/leases") == 0);
  CHECK_THAT(c.metrics.text(), Catch::Contains("spawner_leader 1"));
}

TEST_CASE("of two controllers one acts, and both are ready") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    INFO("seed " << seed);
    Cluster c(seed);
    startTwo(c);
    c.kube.asked.clear();
    c.createSlab("spawner-a");
    c.reachState("spawner-a", State::Scheduled);
    c.sayReady("spawner-a");
    c.loop.runFor(60s);
    CHECK(c.kube.count("POST", "/pods") == 1);
    CHECK(c.kube.count("POST", "/services") == 1);
    CHECK(c.kube.count("PATCH", "/status") == 1);
    CHECK(c.kube.count("POST", "/events") == 1);
  }
}

TEST_CASE("the Lease names the instance and something that no other process has") {
  Cluster c;
  startTwo(c);
  CHECK(holder(c).starts_with("test_"));
  CHECK(holder(c).size() == std::string("test_").size() + 16);
}

TEST_CASE("after a leader's crash the follower acts when the Lease has run out, and knows all that happened") {
  Cluster c;
  startTwo(c);
  c.createSlab("spawner-a");
  c.reachState("spawner-a", State::Scheduled);
  c.controllers.erase(c.controllers.begin());
  c.createSlab("spawner-b");
  c.loop.runFor(12s);
  CHECK(c.pod("spawner-b").is_null());
  c.reachState("spawner-b", State::Scheduled, 6s);
  c.exitApplication("spawner-a", 1, "Error");
  c.reachState("spawner-a", State::Failed);
  c.loop.runFor(1s);
  for (const auto& [slab, pods] : c.podsOf) CHECK(pods.size() == 1);
}

TEST_CASE("an orderly end finishes what is under way, and the follower acts at once") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    INFO("seed " << seed);
    Cluster c(seed);
    startTwo(c);
    c.createSlab("spawner-a");
    for (std::uint64_t i = 0; i < seed; ++i) c.loop.step();
    bool stopped = false;
    c.controllers[0]->stop([&] { stopped = true; });
    CHECK_FALSE(stopped);
    c.eventually(
        "it has stopped", [&] { return stopped; }, 5s);
    c.controllers.erase(c.controllers.begin());
    c.reachState("spawner-a", State::Scheduled, 3s);
    CHECK(c.podsOf.begin()->second.size() == 1);
  }
}

TEST_CASE("a leader that cannot renew stops to act, says so, and acts again when it can") {
  Cluster c;
  c.options.leaderElection = true;
  c.startReadyController();
  c.eventually("it leads", [&] { return !holder(c).empty(); });
  c.kube.fate = [](const WatchedTransport::Asked& asked) { return isRenewal(asked) ? Fate::DropBefore : Fate::Pass; };
  c.loop.runFor(11s);
  CHECK_THAT(c.metrics.text(), Catch::Contains("spawner_leader 0"));
  CHECK(c.controllers[0]->ready());
  c.kube.asked.clear();
  c.createSlab("spawner-a");
  c.loop.runFor(60s);
  for (const WatchedTransport::Asked& asked : c.kube.asked) CHECK(asked.target.find("/leases") != std::string::npos);
  c.kube.fate = nullptr;
  c.reachState("spawner-a", State::Scheduled, 5s);
  CHECK_THAT(c.metrics.text(), Catch::Contains("spawner_leader 1"));
  CHECK(std::any_of(c.log->lines.begin(), c.log->lines.end(), [](const std::string& l) {
    return l.find("leads no more") != std::string::npos && l.find("renewed in time") != std::string::npos;
  }));
}

TEST_CASE("a leader that loses the Lease in the middle of its work leaves one pod and one service") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    Cluster c(seed);
    startTwo(c);
    c.createSlab("spawner-a");
    const std::string uid = c.slab("spawner-a")->meta.uid;
    for (std::uint64_t i = 0; i < seed; ++i) c.loop.step();
    c.ask("PATCH", leasePath, R"({"spec":{"holderIdentity":null,"leaseDurationSeconds":1}})");  // the other takes it at once
    c.reachState("spawner-a", State::Scheduled, 60s);
    c.loop.runFor(60s);
    CHECK(c.podsOf[uid].size() == 1);
    CHECK(c.state("spawner-a") >= State::Scheduled);
    CHECK(c.state("spawner-a") <= State::Ready);
  }
}

TEST_CASE("why a pod ended is known to the next leader, though the pod was gone before it led") {
  for (const std::string reason : {"Evicted", "PodDeleted", "OOMKilled"}) {
    CAPTURE(reason);
    Cluster c;
    startTwo(c);
    c.createSlab("spawner-a");
    c.reachState("spawner-a", State::Scheduled);
    c.sayReady("spawner-a");
    c.controllers.erase(c.controllers.begin());  // drained too: with the leader nobody looks for a while
    if (reason == "OOMKilled")                   // and the pod is deleted later, while its sidecar still runs
      c.podStatus("spawner-a", Json::parse(R"({"containerStatuses":[{"name":"my-app",)"
                                           R"("state":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]})"));
    if (reason == "Evicted")
      c.podStatus("spawner-a",
                  Json::parse(R"({"conditions":[{"type":"DisruptionTarget","status":"True","reason":"EvictionByEvictionAPI"}]})"));
    c.ask("DELETE", Cluster::podPath("spawner-a"));
    c.eventually(
        "the pod is gone", [&] { return c.pod("spawner-a").is_null(); }, 5s);
    CHECK(c.state("spawner-a") == State::Ready);
    c.reachState("spawner-a", State::Failed, 30s);
    CHECK(c.slab("spawner-a")->status.end->reason == reason);
  }
}

TEST_CASE("a controller that may not see the Lease is not ready") {
  Cluster c;
  c.options.leaderElection = true;
  c.kube.answer = [](const WatchedTransport::Asked& asked) -> std::unique_ptr<TransportResponse> {
    if (asked.target.find("/leases") == std::string::npos) return nullptr;
    return std::make_unique<TransportResponse>(
        TransportResponse{403, {}, R"({"kind":"Status","reason":"Forbidden","message":"leases is forbidden","code":403})"});
  };
  c.startController();
  c.createSlab("spawner-a");
  c.loop.runFor(60s);
  CHECK_FALSE(c.controllers[0]->ready());
  CHECK(c.pod("spawner-a").is_null());
  CHECK(std::count_if(c.log->lines.begin(), c.log->lines.end(),
                      [](const std::string& l) { return l.find("leases is forbidden") != std::string::npos; }) == 1);
}

TEST_CASE("what a leader did is told, also when it loses the Lease before it could say so") {
  Cluster c;
  c.options.eventHoldMs = 10'000;
  startTwo(c);
  c.createSlab("spawner-a");
  c.reachState("spawner-a", State::Scheduled);
  c.ask("PATCH", leasePath, R"({"spec":{"holderIdentity":"somebody","leaseDurationSeconds":3600}})");
  c.loop.runFor(15s);
  CHECK_THAT(c.metrics.text(), Catch::Contains("spawner_leader 0"));
  CHECK(c.events("spawner-a") == std::vector<std::string>{"Scheduled"});
}
