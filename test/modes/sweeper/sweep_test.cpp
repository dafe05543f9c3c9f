// How sessions end: idle, too old, asked for; and what does not end them.
#include <catch2/catch.hpp>

#include "modes/sweeper/sweeper_fixture.hpp"

using namespace spawner;
using namespace spawner::test;

TEST_CASE("an unused session is swept within its grace period + 2 s, and says why everywhere", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  FakeSidecar& sidecar = world.add("a");
  world.waitFor("a", "ready", 1s);
  world.loop.runFor(299s);
  CHECK_FALSE(sidecar.core->swept());
  world.waitFor("a", "swept", 3s);
  CHECK(sidecar.core->swept() == "Idle");
  const json& status = world.kube.status("a");
  CHECK(status["end"]["reason"] == "Idle");
  CHECK(status["end"]["message"].get<std::string>().find("300 s") != std::string::npos);
  CHECK(status["phase"] == "Swept");
  CHECK(status["reason"] == "Idle");
  CHECK(status["stateTimes"]["ready"].get<std::string>() < status["stateTimes"]["swept"].get<std::string>());
  world.loop.runFor(5s);
  CHECK(world.kube.patches.size() == 2);
  CHECK(world.kube.events.size() == 2);
  CHECK(world.kube.events.back()["reason"] == "Swept");
  CHECK(world.kube.events.back().dump().find("Idle") != std::string::npos);
  CHECK(sidecar.sweeps == 1);
  CHECK(world.metric("spawner_sweeper_sweeps_decided_total{reason=\"Idle\"}") == 1);
  CHECK(world.logged("session swept"));
}

TEST_CASE("an unused session is swept in time whatever its grace period is, between two reports too", "[sweeper]") {
  for (int grace = 1; grace <= 24; ++grace) {
    CAPTURE(grace);
    World world;
    auto role = world.sweeper();
    SessionOptions session;
    session.grace = std::to_string(grace);
    FakeSidecar& sidecar = world.add("a", session);
    const TimePoint ready = world.loop.now();
    REQUIRE(world.until([&] { return sidecar.core->swept().has_value(); }, 60s));
    CHECK(world.loop.now() - ready >= grace * 1s);
    CHECK(world.loop.now() - ready <= grace * 1s + 100ms);
  }
}

TEST_CASE("fault 05: a use that outlasts the grace period many times is not swept, whatever the wall clock does", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.grace = "10";
  FakeSidecar& sidecar = world.add("a", session);
  world.waitFor("a", "ready", 1s);
  auto download = sidecar.core->admit();
  for (int i = 0; i < 20; ++i) {
    world.loop.runFor(60s);
    world.loop.jumpWall(i % 2 == 0 ? 48h : -72h);
  }
  CHECK_FALSE(sidecar.core->swept());
  CHECK_FALSE(world.kube.has("a", "swept"));
  CHECK(sidecar.sweeps == 0);
  download.reset();
  const TimePoint end = world.loop.now();
  world.waitFor("a", "swept", 13s);
  CHECK(world.loop.now() - end >= 10s);
  CHECK(world.loop.now() - end <= 12s);
}

TEST_CASE("fault 05: short uses again and again keep a session", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.grace = "10";
  FakeSidecar& sidecar = world.add("a", session);
  for (int i = 0; i < 100; ++i) {
    world.loop.runFor(9s + 900ms);
    REQUIRE_FALSE(sidecar.core->swept());
    auto use = sidecar.core->admit();
    REQUIRE(use);
    world.loop.runFor(i % 3 * 1ms);
  }
  world.waitFor("a", "swept", 12s);
}

TEST_CASE("a busy lease is use", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.grace = "5";
  FakeSidecar& sidecar = world.add("a", session);
  REQUIRE(sidecar.core->setBusy(600));
  world.loop.runFor(600s);
  CHECK_FALSE(sidecar.core->swept());
  world.waitFor("a", "swept", 7s);
}

TEST_CASE("grace period 0: not before the first use, at once after the last", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.grace = "0";
  FakeSidecar& sidecar = world.add("a", session);
  world.loop.runFor(1h);
  CHECK_FALSE(sidecar.core->swept());
  CHECK(sidecar.sweeps == 0);
  auto one = sidecar.core->admit();
  auto two = sidecar.core->admit();
  world.loop.runFor(10s);
  one.reset();
  world.loop.runFor(10s);
  CHECK_FALSE(sidecar.core->swept());
  two.reset();
  world.waitFor("a", "swept", 1s);
  CHECK(world.reason("a") == "Idle");
}

TEST_CASE("fault 09: a missing grace period is 300 s, and one that cannot be read, too", "[sweeper]") {
  const std::string grace = GENERATE(as<std::string>{}, "", "soon", "-1", "4294967296", "1.5");
  CAPTURE(grace);
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.grace = grace;
  FakeSidecar& sidecar = world.add("a", session);
  world.loop.runFor(299s);
  CHECK_FALSE(sidecar.core->swept());
  world.waitFor("a", "swept", 4s);
  CHECK(world.logged("annotation cannot be read") == !grace.empty());
}

TEST_CASE("the grace period may change while the session lives", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  FakeSidecar& sidecar = world.add("a");
  const auto setGrace = [&world](const std::string& seconds) {
    world.changePod("a", [&](json& pod) { pod["metadata"]["annotations"]["spawner.dev/grace-period-seconds"] = seconds; });
  };
  world.loop.runFor(290s);
  SECTION("longer") {
    setGrace("600");
    world.loop.runFor(305s);
    CHECK_FALSE(sidecar.core->swept());
    world.waitFor("a", "swept", 8s);
  }
  SECTION("shorter: at once") {
    setGrace("60");
    world.waitFor("a", "swept", 1s);
  }
  SECTION("longer, at the very last moment") {
    world.loop.runFor(9s + 999ms);
    setGrace("4294967295");
    world.loop.runFor(24h);
    CHECK_FALSE(sidecar.core->swept());
  }
}

TEST_CASE("maximum lifetime ends a session in use", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.maxLifetime = "3600";
  FakeSidecar& sidecar = world.add("a", session);
  auto use = sidecar.core->admit();
  world.loop.runFor(3599s);
  CHECK_FALSE(sidecar.core->swept());
  world.waitFor("a", "swept", 3s);
  CHECK(world.reason("a") == "MaxLifetime");
  CHECK_FALSE(sidecar.core->admit());
}

TEST_CASE("a shutdown that the application asks for goes through the same door", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  FakeSidecar& sidecar = world.add("a");
  auto use = sidecar.core->admit();
  world.loop.runFor(10s);
  sidecar.core->requestShutdown();
  world.waitFor("a", "swept", 1s);
  CHECK(world.reason("a") == "Shutdown");
  CHECK(world.metric("spawner_sweeper_sweeps_decided_total{reason=\"Shutdown\"}") == 1);
}

TEST_CASE("fault 16: unread bytes refuse the sweep; it is asked for again, not in a storm", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.grace = "5";
  FakeSidecar& sidecar = world.add("a", session);
  sidecar.unreadInput = true;
  world.loop.runFor(65s);
  CHECK_FALSE(sidecar.core->swept());
  CHECK(sidecar.sweeps >= 60);
  CHECK(sidecar.sweeps <= 125);
  CHECK(world.metric("spawner_sweeper_sweeps_refused_total") == sidecar.sweeps);
  sidecar.unreadInput = false;
  world.waitFor("a", "swept", 1s);
}

TEST_CASE("fault 16: a decision whose answer is lost is stated from the events", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.grace = "5";
  FakeSidecar& sidecar = world.add("a", session);
  sidecar.loseSweepAnswers = true;
  world.waitFor("a", "swept", 8s);
  CHECK(world.reason("a") == "Idle");
  CHECK(sidecar.sweeps == 1);
  CHECK_FALSE(sidecar.core->admit());
}

TEST_CASE("fault 16: a decision of a sweeper that died is stated by the next, over a restart of the sidecar", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.grace = "5";
  FakeSidecar& sidecar = world.add("a", session);
  world.waitFor("a", "ready", 1s);
  // Its write does not get through, and then it dies.
  world.kube.fault = [](const TransportRequest& request) {
    return request.method == "PATCH" ? FakeKube::Fault::LoseRequest : FakeKube::Fault::None;
  };
  REQUIRE(world.until([&] { return sidecar.core->swept().has_value(); }, 8s));
  role.reset();
  sidecar.crash();
  world.loop.runFor(1h);
  CHECK_FALSE(world.kube.has("a", "swept"));
  world.kube.fault = nullptr;
  sidecar.start();
  CHECK_FALSE(sidecar.core->admit());
  role = world.sweeper();
  world.waitFor("a", "swept", 2s);
  CHECK(world.reason("a") == "Idle");
}

TEST_CASE("a restarted sweeper writes nothing again and sweeps in time", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.grace = "100";
  FakeSidecar& sidecar = world.add("a", session);
  world.waitFor("a", "ready", 1s);
  const json before = world.kube.slabs.at("a");
  for (int i = 0; i < 9; ++i) {
    world.loop.runFor(5s);
    role.reset();
    world.loop.runFor(5s);
    role = world.sweeper();
  }
  CHECK(world.kube.slabs.at("a") == before);
  CHECK(world.kube.patches.size() == 1);
  CHECK(world.kube.events.size() == 1);
  CHECK_FALSE(sidecar.core->swept());
  world.waitFor("a", "swept", 12s);
}

TEST_CASE("two sweepers at once are harmless", "[sweeper]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    World world(seed);
    auto one = world.sweeper();
    auto two = world.sweeper();
    SessionOptions session;
    session.grace = "10";
    FakeSidecar& sidecar = world.add("a", session);
    world.waitFor("a", "ready", 1s);
    auto use = sidecar.core->admit();
    world.loop.runFor(60s);
    REQUIRE_FALSE(sidecar.core->swept());
    use.reset();
    world.waitFor("a", "swept", 12s);
    world.loop.runFor(30s);
    CHECK(world.reason("a") == "Idle");
    CHECK_FALSE(world.kube.has("a", "failed"));
    CHECK(world.kube.patches.size() <= 4);
  }
}

TEST_CASE("a sidecar that crashes in use and comes back is not swept before its grace period", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.grace = "20";
  FakeSidecar& sidecar = world.add("a", session);
  auto use = sidecar.core->admit();
  world.loop.runFor(100s);
  sidecar.crash();
  use.reset();
  world.loop.runFor(10s);
  sidecar.start();
  const TimePoint restart = world.loop.now();
  world.waitFor("a", "swept", 25s);
  CHECK(world.loop.now() - restart >= 20s);
  CHECK(world.loop.now() - restart <= 22s);
}

TEST_CASE("a pod that ends while its drain is refused is not asked again", "[sweeper]") {
  for (const bool objectGone : {false, true}) {
    World world;
    auto role = world.sweeper();
    FakeSidecar& sidecar = world.add("a");
    world.waitFor("a", "ready", 1s);
    sidecar.refuseDrain = true;
    world.changePod("a", [](json& pod) { pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"; });
    world.loop.runFor(1s);
    const int drains = sidecar.drains;
    CHECK(drains > 0);
    if (objectGone) world.kube.slabs.erase("a");
    world.changePod("a", [](json& pod) { pod["status"]["phase"] = "Failed"; });
    world.loop.runFor(30s);
    CHECK(sidecar.drains == drains);
  }
}
