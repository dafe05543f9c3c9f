// Sessions that were never used, and whose Ready comes late or was told by another sweeper: since when they are idle.
#include <catch2/catch.hpp>

#include "modes/sweeper/service_world.hpp"

using namespace spawner;
using namespace spawner::test;

TEST_CASE("a session that began to listen while no sweeper was there has its grace period from Ready on", "[sweeper]") {
  World world;
  SessionOptions session;
  session.grace = "10";
  FakeSidecar& sidecar = world.add("a", session);
  world.loop.runFor(1h);
  auto role = world.sweeper();
  world.waitFor("a", "ready", 1s);
  world.loop.runFor(9s);
  CHECK_FALSE(sidecar.core->swept());
  SECTION("nobody comes") {}
  SECTION("another sweeper takes over, which did not tell Ready: the sidecar's count is what there is") {
    role.reset();
    role = world.sweeper();
  }
  world.waitFor("a", "swept", 3s);
  CHECK(world.reason("a") == "Idle");
}

TEST_CASE("while Ready cannot be written, nobody can come, and nothing is swept for being idle", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.grace = "10";
  world.kube.fault = [](const TransportRequest& request) {
    return request.method == "PATCH" ? FakeKube::Fault::LoseRequest : FakeKube::Fault::None;
  };
  FakeSidecar& sidecar = world.add("a", session);
  world.loop.runFor(10min);
  CHECK_FALSE(sidecar.core->swept());
  world.kube.fault = nullptr;
  world.waitFor("a", "ready", 2min);
  world.loop.runFor(8s);
  CHECK_FALSE(sidecar.core->swept());
  world.waitFor("a", "swept", 4s);
}

TEST_CASE("a new sweeper sweeps in time what an earlier one told Ready, between its first report and the second", "[sweeper]") {
  ServiceWorld world;
  world.service.works = true;
  world.session.grace = "10";
  bool worksStill = true;
  SECTION("with a Service") {}
  SECTION("with a Service that does not work any more") { worksStill = false; }
  SECTION("with a Service that does not work any more") {}
  SECTION("without a Service") { world.session.clusterIp.clear(); }
  SECTION("without a check of it") { world.options.serviceCheck = false; }
  auto role = world.sweeper();
  FakeSidecar& sidecar = world.add("a", world.session);
  world.waitFor("a", "ready", 1s);
  world.loop.runFor(9500ms);
  CHECK_FALSE(sidecar.core->swept());
  role.reset();
  world.service.works = worksStill;
  role = world.sweeper();
  world.waitFor("a", "swept", 2500ms);
  CHECK(world.reason("a") == "Idle");
}

TEST_CASE("with a Service, too, a session has its grace period from Ready on", "[sweeper]") {
  ServiceWorld world;
  world.session.grace = "10";
  SECTION("that began to listen while no sweeper was there") {
    world.service.works = true;
    FakeSidecar& sidecar = world.add("a", world.session);
    world.loop.runFor(1h);
    auto role = world.sweeper();
    world.waitFor("a", "ready", 1s);
    world.loop.runFor(9s);
    CHECK_FALSE(sidecar.core->swept());
    world.waitFor("a", "swept", 3s);
  }
  SECTION("whose Service takes longer than that to work") {
    auto role = world.sweeper();
    FakeSidecar& sidecar = world.add("a", world.session);
    world.loop.runFor(60s);
    world.service.works = true;
    world.waitFor("a", "ready", 2s);
    world.loop.runFor(9s);
    CHECK_FALSE(sidecar.core->swept());
    world.waitFor("a", "swept", 3s);
  }
}

TEST_CASE("a session whose Service never works ends all the same, after its start limit", "[sweeper]") {
  ServiceWorld world;
  world.session.grace = "10";
  world.session.startupTimeout = "60";
  const bool late = GENERATE(false, true);
  CAPTURE(late);
  std::unique_ptr<role::Role> role;
  if (!late) role = world.sweeper();
  FakeSidecar& sidecar = world.add("a", world.session);
  if (late) world.loop.runFor(1h);
  if (late) role = world.sweeper();
  world.loop.runFor(59s);
  CHECK_FALSE(sidecar.core->swept());
  world.waitFor("a", "swept", 7s);
  CHECK(world.reason("a") == "Idle");
  CHECK_FALSE(world.kube.has("a", "ready"));
}

TEST_CASE("a session in use is not idle, nor is what was used spared, while its Service is tried", "[sweeper]") {
  ServiceWorld world;
  world.session.grace = "10";
  world.session.startupTimeout = "60";
  auto role = world.sweeper();
  FakeSidecar& sidecar = world.add("a", world.session);
  world.loop.runFor(1s);
  auto use = sidecar.core->admit();  // somebody who knows the pod's address
  world.loop.runFor(10min);
  CHECK_FALSE(sidecar.core->swept());
  use.reset();
  world.loop.runFor(9s);
  CHECK_FALSE(sidecar.core->swept());
  world.waitFor("a", "swept", 3s);
}
