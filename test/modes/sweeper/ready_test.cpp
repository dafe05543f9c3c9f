// How a session becomes Running and Ready, and what happens when it does not.
#include <catch2/catch.hpp>

#include "modes/sweeper/service_world.hpp"

using namespace spawner;
using namespace spawner::test;

TEST_CASE("Running and Ready are one patch and one Event, without a read", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  world.loop.runFor(1s);
  CHECK(role->ready());
  world.add("a");
  world.waitFor("a", "ready", 1s);
  world.loop.runFor(30s);
  CHECK(world.kube.patches.size() == 1);
  CHECK(world.kube.slabReads == 0);
  const json& status = world.kube.status("a");
  CHECK(status["running"] == true);
  CHECK(status["podUID"] == "pod-uid-a");
  CHECK(status["podName"] == "a");
  CHECK(status["podIP"] == "10.0.0.1");
  CHECK(status["nodeName"] == "node-1");
  CHECK(status["phase"] == "Ready");
  CHECK(status["stateTimes"]["running"].get<std::string>() < status["stateTimes"]["ready"].get<std::string>());
  REQUIRE(world.kube.events.size() == 1);
  CHECK(world.kube.events[0]["reason"] == "Ready");
  CHECK(world.kube.events[0].dump().find("Running") != std::string::npos);
  CHECK(world.metric("spawner_sweeper_followed_pods") == 1);
  CHECK(world.metric("spawner_sweeper_streams_open") == 1);
}

TEST_CASE("cold start: Ready is stated at most an eighth later than the sidecar could be heard", "[sweeper]") {
  for (const auto delay : {0ms, 3ms, 40ms, 200ms, 900ms, 4000ms}) {
    CAPTURE(delay.count());
    World world;
    auto role = world.sweeper();
    world.loop.runFor(1s);
    SessionOptions session;
    session.up = false;
    session.phase = "Pending";
    FakeSidecar& sidecar = world.add("a", session);
    world.loop.runFor(delay);
    sidecar.start();
    sidecar.core->setReady();
    const TimePoint truth = world.loop.now();
    world.waitFor("a", "ready", 10s);
    CHECK(world.loop.now() - truth <= 10ms + delay / 8 * 9 / 8);
  }
}

TEST_CASE("cold start: Ready of a sidecar that is heard already is stated in the same millisecond", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.ready = false;
  FakeSidecar& sidecar = world.add("a", session);
  world.loop.runFor(700ms);
  CHECK(world.kube.patches.empty());
  sidecar.core->setReady();
  const TimePoint truth = world.loop.now();
  world.waitFor("a", "ready", 10s);
  CHECK(world.loop.now() - truth <= 1ms);
  CHECK(world.kube.patches.size() == 1);
}

TEST_CASE("cold start: a sidecar that comes up late is heard as soon as its pod changes", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.up = false;
  session.phase = "Pending";
  FakeSidecar& sidecar = world.add("a", session);
  world.loop.runFor(10min);  // an image that is long to pull: tries are seconds apart by now
  sidecar.start();
  sidecar.core->setReady();
  world.changePod("a", [](json& pod) { pod["status"]["phase"] = "Running"; });
  world.waitFor("a", "ready", 20ms);
}

TEST_CASE("a pod without an address yet is followed once it has one", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.phase = "Pending";
  world.add("a", session);
  world.changePod("a", [](json& pod) { pod["status"].erase("podIP"); });
  world.loop.runFor(5s);
  const auto before = world.kube.patches.size();
  world.changePod("a", [](json& pod) { pod["status"]["podIP"] = "10.0.0.1"; });
  world.waitFor("a", "ready", 1s);
  CHECK(world.kube.patches.size() <= before + 1);
}

TEST_CASE("a slow application costs one more patch: Running alone, once its pod runs", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.ready = false;
  session.phase = "Pending";
  FakeSidecar& sidecar = world.add("a", session);
  world.loop.runFor(30s);
  CHECK(world.kube.patches.empty());  // the sidecar answers, but the pod is not Running: its image may still be pulled
  world.changePod("a", [](json& pod) { pod["status"]["phase"] = "Running"; });
  world.loop.runFor(900ms);
  CHECK(world.kube.patches.empty());
  world.waitFor("a", "running", 200ms);
  CHECK_FALSE(world.kube.has("a", "ready"));
  const std::string runningTime = world.kube.status("a")["stateTimes"]["running"];
  world.loop.runFor(60s);
  sidecar.core->setReady();
  world.waitFor("a", "ready", 1s);
  CHECK(world.kube.patches.size() == 2);
  CHECK(world.kube.status("a")["stateTimes"]["running"] == runningTime);
  world.loop.runFor(1s);
  CHECK(world.kube.events.size() == 2);
}

TEST_CASE("Running that the controller stated meanwhile keeps its time", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.up = false;
  FakeSidecar& sidecar = world.add("a", session);
  world.loop.runFor(6s);
  const std::string time = "2026-01-01T00:00:00.000000Z";
  world.kube.slabs["a"]["status"] = {{"running", true}, {"stateTimes", {{"running", time}}}};
  sidecar.start();
  sidecar.core->setReady();
  world.waitFor("a", "ready", 5s);
  CHECK(world.kube.status("a")["stateTimes"]["running"] == time);
  CHECK(world.kube.patches.size() == 1);
}

TEST_CASE("an application that never listens fails by its sidecar's own word", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.ready = false;
  session.startupTimeout = "60";
  SECTION("once its pod runs") {
    world.add("a", session);
    world.loop.runFor(59s);
    CHECK_FALSE(world.kube.has("a", "failed"));
    world.waitFor("a", "failed", 7s);
    CHECK(world.reason("a") == "StartTimeout");
    CHECK_FALSE(world.kube.has("a", "swept"));
    CHECK(world.metric("spawner_sweeper_start_timeouts_total") == 1);
    world.loop.runFor(2s);
    CHECK(world.kube.events.back()["type"] == "Warning");
    CHECK(world.kube.events.back()["reason"] == "Failed");
  }
  SECTION("but not before: until Running the limit is the controller's") {
    session.phase = "Pending";
    world.add("a", session);
    world.loop.runFor(10min);
    CHECK(world.kube.patches.empty());
  }
  SECTION("and never without its word") {
    world.add("a", session);
    world.loop.runFor(50s);
    world.net.partitioned = true;
    world.net.at.begin()->second->silent = true;
    world.loop.runFor(10min);
    CHECK_FALSE(world.kube.has("a", "failed"));
  }
}

TEST_CASE("with a Service, Ready means that its address works", "[sweeper]") {
  ServiceWorld world;
  SECTION("on") {
    auto role = world.sweeper();
    world.add("a", world.session);
    world.loop.runFor(500ms);
    CHECK(world.kube.patches.empty());
    CHECK(world.service.tries > 3);
    world.loop.runFor(10s);
    CHECK(world.kube.has("a", "running"));
    CHECK_FALSE(world.kube.has("a", "ready"));
    world.service.works = true;
    world.waitFor("a", "ready", 2s);
    const int tries = world.service.tries;
    world.loop.runFor(60s);
    CHECK(world.service.tries == tries);
  }
  SECTION("off") {
    world.options.serviceCheck = false;
    auto role = world.sweeper();
    world.add("a", world.session);
    world.waitFor("a", "ready", 1s);
    CHECK(world.service.tries == 0);
    CHECK(world.kube.serviceReads == 0);  // nor is one watched
  }
  SECTION("a headless session needs none") {
    world.session.clusterIp.clear();
    auto role = world.sweeper();
    world.add("a", world.session);
    world.waitFor("a", "ready", 1s);
    CHECK(world.service.tries == 0);
  }
}

TEST_CASE("cold start: Ready is stated soon after the Service works, whether it refused or was silent before", "[sweeper]") {
  for (const bool silent : {false, true}) {
    for (const auto delay : {0ms, 3ms, 40ms, 200ms, 900ms, 4000ms}) {
      CAPTURE(silent, delay.count());
      ServiceWorld world;
      world.service.losesPackets = silent;
      auto role = world.sweeper();
      world.loop.runFor(1s);
      world.add("a", world.session);
      world.loop.runFor(delay);
      CHECK_FALSE(world.kube.has("a", "ready"));
      world.service.works = true;
      const TimePoint truth = world.loop.now();
      world.waitFor("a", "ready", 10s);
      const Duration lastTry = silent ? std::clamp<Duration>(delay / 2, 50ms, 1s) : Duration::zero();
      CHECK(world.loop.now() - truth <= 10ms + delay / 8 * 9 / 8 + lastTry);
    }
  }
}

TEST_CASE("a Service that comes after its pod is waited for, and tried as soon as it is there", "[sweeper]") {
  ServiceWorld world;
  world.service.works = true;
  world.session.serviceLate = true;
  auto role = world.sweeper();
  world.add("a", world.session);
  const auto late = GENERATE(0ms, 30ms, 10s);
  world.loop.runFor(late);
  CHECK(world.service.tries == 0);
  SECTION("made at last") {
    CHECK_FALSE(world.kube.has("a", "ready"));
    if (late == 10s) CHECK(world.logged("there is no Service of its name"));
  }
  SECTION("after that of an earlier object of the name") {
    world.kube.putService(World::serviceOf("a", "10.96.0.1", "an-earlier-slab"));
    world.loop.runFor(1s);
    CHECK(world.service.tries == 0);
    world.kube.removeService("a");
  }
  SECTION("made anew with another address, before the first one worked") {
    world.service.works = false;
    world.service.expected = "10.96.0.1";
    world.kube.putService(World::serviceOf("a", "10.96.0.1", World::slabUid("a")));
    world.loop.runFor(1s);
    CHECK(world.service.tries > 0);
    world.service.works = true;
    world.service.expected = "10.96.0.7";
  }
  world.kube.putService(World::serviceOf("a", "10.96.0.7", World::slabUid("a")));
  world.waitFor("a", "ready", 5ms);
}

TEST_CASE("the Service of a slow application is tried before it listens, and not again", "[sweeper]") {
  ServiceWorld world;
  world.service.works = true;
  world.session.ready = false;
  auto role = world.sweeper();
  FakeSidecar& sidecar = world.add("a", world.session);
  world.loop.runFor(700ms);
  CHECK(world.service.tries == 1);
  CHECK_FALSE(world.kube.has("a", "ready"));
  world.service.works = false;
  sidecar.core->setReady();
  world.waitFor("a", "ready", 5ms);
  CHECK(world.service.tries == 1);
}

TEST_CASE("without its key the sweeper waits for it, and does not lose a session by that", "[sweeper]") {
  World world;
  const std::string secret = std::exchange(world.kube.adminKey, "");
  world.add("a");
  auto role = world.sweeper();
  world.loop.runFor(30s);
  CHECK_FALSE(role->ready());
  CHECK(world.logged("admin key cannot be read"));
  world.kube.adminKey = secret;
  world.waitFor("a", "ready", 10s);
  for (const std::string& line : world.sink->lines) CHECK(line.find(secret) == std::string::npos);
}

TEST_CASE("a rotation: the new key is tried first, the former for pods that know only that", "[sweeper]") {
  World world;
  const Ed25519Key newer = Ed25519Key::generate(*world.random);
  world.setKeys({newer, world.key});
  auto role = world.sweeper();
  FakeSidecar& sidecar = world.add("a");
  world.waitFor("a", "ready", 2s);
  world.loop.runFor(300s);
  world.waitFor("a", "swept", 5s);
  CHECK(sidecar.core->swept());
}

TEST_CASE("options that cannot work are refused by name", "[sweeper]") {
  World world;
  const auto refusal = [&world] {
    auto role =
        sweeper::start({world.loop, world.kube.transport, *world.random, Logger(), world.metrics}, world.options, &world.net.transport);
    REQUIRE_FALSE(role);
    return role.error().message;
  };
  world.options.nodeName.clear();
  CHECK(refusal().find("--node-name") != std::string::npos);
  world.options.nodeName = "n";
  world.options.events = "some";
  CHECK(refusal().find("--events") != std::string::npos);
  world.options.events = "write";
  world.options.freshSeconds = 0;
  CHECK(refusal().find("--fresh-seconds") != std::string::npos);
}
