// The sweeper and its surroundings: the API server's moods, bounds, pods that are not its own, its stop.
#include <catch2/catch.hpp>

#include "modes/sweeper/sweeper_fixture.hpp"

using namespace spawner;
using namespace spawner::test;

TEST_CASE("an API server that fails or loses answers gets each fact in the end, once", "[sweeper]") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    World world(seed);
    const auto chance = seededRandom(seed);
    world.kube.fault = [&](const TransportRequest& request) {
      if (request.method != "PATCH") return FakeKube::Fault::None;
      return std::array{FakeKube::Fault::None, FakeKube::Fault::Refuse, FakeKube::Fault::LoseRequest,
                        FakeKube::Fault::LoseAnswer}[chance->below(4)];
    };
    auto role = world.sweeper();
    SessionOptions session;
    session.grace = "60";
    world.add("a", session);
    world.waitFor("a", "ready", 10min);
    const json times = world.kube.status("a")["stateTimes"];
    world.waitFor("a", "swept", 15min);
    CHECK(world.kube.status("a")["stateTimes"]["ready"] == times["ready"]);
    CHECK(world.kube.status("a")["stateTimes"]["running"] == times["running"]);
    CHECK(world.reason("a") == "Idle");
    // The last answer may be lost many times.
    CHECK(world.until([&] { return world.kube.events.size() == 2; }, 1h));
    world.loop.runFor(1h);
    CHECK(world.kube.events.size() == 2);
  }
}

TEST_CASE("an API server that wants patience gets it for a while, not for an hour", "[sweeper]") {
  World world;
  bool refused = false;
  world.kube.fault = [&refused](const TransportRequest& request) {
    return request.method == "PATCH" && !std::exchange(refused, true) ? FakeKube::Fault::Refuse : FakeKube::Fault::None;
  };
  auto role = world.sweeper();
  const auto first = [&](const std::string& retryAfter) {
    refused = false;
    world.kube.retryAfter = retryAfter;
    world.add(retryAfter);
    REQUIRE(world.until([&] { return refused; }, 10s));
  };
  first("7");
  world.loop.runFor(6900ms);
  CHECK_FALSE(world.kube.has("7", "ready"));
  world.waitFor("7", "ready", 200ms);
  first("3600");
  world.loop.runFor(29s);
  CHECK_FALSE(world.kube.has("3600", "ready"));
  world.waitFor("3600", "ready", 2s);
}

TEST_CASE("followed pods are bounded; the next is taken up when one goes", "[sweeper]") {
  World world;
  world.options.maxFollowed = 2;
  auto role = world.sweeper();
  world.add("a");
  world.add("b");
  world.add("c");
  world.loop.runFor(5s);
  CHECK_FALSE(world.kube.has("c", "ready"));
  CHECK(world.metric("spawner_sweeper_unfollowed_pods") == 1);
  CHECK(world.logged("too many pods"));
  world.kube.removePod("a");
  world.waitFor("c", "ready", 1s);
  CHECK(world.metric("spawner_sweeper_unfollowed_pods") == 0);
  CHECK(world.metric("spawner_sweeper_followed_pods") == 2);
}

TEST_CASE("pods that cannot be followed are left alone", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  world.add("a");
  world.loop.runFor(1s);
  json bare = world.podOf("x", {}, "10.0.0.99");
  bare["metadata"].erase("annotations");
  world.kube.putPod(bare);
  json orphan = world.podOf("y", {}, "10.0.0.98");
  orphan["metadata"].erase("ownerReferences");
  world.kube.putPod(orphan);
  world.loop.runFor(30s);
  CHECK(world.metric("spawner_sweeper_followed_pods") == 1);
}

TEST_CASE("the role stops in a later turn and does nothing afterwards", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  FakeSidecar& sidecar = world.add("a");
  world.loop.runFor(1s);
  bool stopped = false;
  role->stop([&stopped] { stopped = true; });
  CHECK_FALSE(stopped);
  world.loop.runFor(1ms);
  CHECK(stopped);
  world.loop.runFor(1h);
  CHECK_FALSE(sidecar.core->swept());
  role.reset();
  world.loop.runFor(1h);
}
