// The line to a sidecar: split bytes, lost contact, reused addresses, pods that are not the session's.
#include <catch2/catch.hpp>

#include "modes/sweeper/sweeper_fixture.hpp"

using namespace spawner;
using namespace spawner::test;

TEST_CASE("fault 06: events split at any point, or joined, mean the same", "[sweeper]") {
  for (std::size_t chunk = 0; chunk <= 150; ++chunk) {
    CAPTURE(chunk);
    World world;
    auto role = world.sweeper();
    SessionOptions session;
    session.grace = "5";
    session.ready = false;
    FakeSidecar& sidecar = world.add("a", session);
    sidecar.chunkBytes = chunk;
    world.loop.runFor(100ms);
    sidecar.core->setReady();
    world.waitFor("a", "ready", 1s);
    auto use = sidecar.core->admit();
    world.loop.runFor(20s);
    REQUIRE_FALSE(sidecar.core->swept());
    use.reset();
    world.waitFor("a", "swept", 7s);
    REQUIRE(world.metric("spawner_sweeper_bad_reports_total") == 0);
    REQUIRE(world.metric("spawner_sweeper_connects_total") == 1);
  }
}

namespace {

/// A sidecar's address where somebody says whatever a test wants.
struct Stranger {
  explicit Stranger(World& world, std::string saysIn) : says(std::move(saysIn)) {
    world.net.transport.serve([this](const std::shared_ptr<Ask>& ask) {
      ++requests;
      commands += ask->stream ? 0 : 1;
      ask->head(200);
      ask->data(says);
    });
  }
  std::string says;
  int requests = 0, commands = 0;
};

}  // namespace

TEST_CASE("fault 06: what is no report breaks nothing, ends nothing, and is not asked for in a storm", "[sweeper]") {
  const std::string says =
      GENERATE(as<std::string>{}, "data: \n\n", "data: {\n\n", "data: {\"ready\":true\n\n", "data: {\"ready\":\"yes\"}\n\n",
               "garbage\r\ndata:}\r\n\r\n", std::string("data: ") + std::string(20'000, 'x') + "\n\n",
               std::string("data: ") + std::string(100'000, '['),
               "data: {\"ready\":true,\"seconds_since_active\":100000}\n\n",  // the original's sidecar names no pod: it cannot be told from
                                                                              // another's
               "data: {\"ready\":true,\"v\":1,\"pod_uid\":\"pod-uid-a\",\"idle_ms\":900000,\"live_connections\":1}\n\n");
  CAPTURE(says.substr(0, 60));
  World world;
  Stranger stranger(world, says);
  auto role = world.sweeper();
  world.add("a");
  world.loop.runFor(10min);
  CHECK(world.kube.has("a", "ready") == false);
  CHECK(world.kube.has("a", "swept") == false);
  CHECK(stranger.commands == 0);
  CHECK(stranger.requests <= 130);
}

TEST_CASE("fault 06: a stream that breaks within an event leaves nothing for the next stream", "[sweeper]") {
  const std::string event = "data: {\"ready\":true,\"v\":1,\"pod_uid\":\"pod-uid-a\",\"age_ms\":1,\"idle_ms\":1}\n\n";
  for (std::size_t cut = 0; cut < event.size(); ++cut) {
    CAPTURE(cut);
    World world;
    int streams = 0;
    world.net.transport.serve([&](const std::shared_ptr<Ask>& ask) {
      ask->head(200);
      if (++streams > 1) return ask->data(event);
      ask->data(event.substr(0, cut));
      ask->fail(ErrorKind::Disconnected);
    });
    auto role = world.sweeper();
    world.add("a");
    world.waitFor("a", "ready", 1s);
    REQUIRE(streams == 2);
    REQUIRE(world.metric("spawner_sweeper_bad_reports_total") == 0);
  }
}

TEST_CASE("fault 07: a stale report sends no command, even where commands would get through", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  FakeSidecar& sidecar = world.add("a");
  world.waitFor("a", "ready", 1s);
  world.loop.runFor(5s);
  sidecar.silent = true;
  world.loop.runFor(60s);
  world.changePod("a", [](json& pod) { pod["metadata"]["annotations"]["spawner.dev/grace-period-seconds"] = "1"; });
  world.loop.runFor(60s);
  CHECK(sidecar.sweeps == 0);
  sidecar.silent = false;
  world.waitFor("a", "swept", 30s);
}

TEST_CASE("fault 07: losing contact for hours is never idleness; a fresh report then is", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.grace = "30";
  FakeSidecar& sidecar = world.add("a", session);
  world.waitFor("a", "ready", 1s);
  auto use = sidecar.core->admit();
  world.loop.runFor(7s);
  use.reset();
  world.loop.runFor(1s);
  const std::size_t patches = world.kube.patches.size();

  const bool crash = GENERATE(false, true);
  world.net.partitioned = true;
  crash ? sidecar.crash() : void(sidecar.silent = true);
  world.loop.runFor(3h);
  CHECK_FALSE(world.kube.has("a", "swept"));
  CHECK(sidecar.sweeps == 0);
  // Said once, with a time; the metric shows it; it goes on trying.
  CHECK(world.kube.patches.size() == patches + 1);
  CHECK(world.kube.status("a").contains("contactLost"));
  CHECK(world.metric("spawner_sweeper_contact_lost_pods") == 1);
  CHECK(world.metric("spawner_sweeper_contact_losses_total") == 1);
  const std::size_t connects = world.net.connects;
  world.loop.runFor(60s);
  CHECK(world.net.connects > connects + 3);

  sidecar.silent = false;
  if (crash) sidecar.start();
  world.net.partitioned = false;
  world.waitFor("a", "swept", 12s);
  CHECK(sidecar.core->swept() == "Idle");
  CHECK(world.metric("spawner_sweeper_contact_lost_pods") == 0);
}

TEST_CASE("fault 07: a session in use stays while nobody can reach its sidecar, and after", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.grace = "10";
  FakeSidecar& sidecar = world.add("a", session);
  world.waitFor("a", "ready", 1s);
  sidecar.crash();
  world.loop.runFor(100ms);
  sidecar.start();
  world.loop.runFor(5s);
  auto use = sidecar.core->admit();
  sidecar.silent = true;
  world.net.partitioned = true;
  world.loop.runFor(1h);
  CHECK(world.kube.status("a")["contactLost"]["message"].get<std::string>().find("refused") == std::string::npos);  // that was mended
  sidecar.silent = false;
  world.net.partitioned = false;
  world.loop.runFor(1h);
  CHECK_FALSE(sidecar.core->swept());
  REQUIRE(world.kube.status("a").contains("contactLost"));
  CHECK(world.kube.status("a")["contactLost"].is_null());
}

TEST_CASE("lost contact is written at most once a minute, however it flaps", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  FakeSidecar& sidecar = world.add("a");
  world.waitFor("a", "ready", 1s);
  auto use = sidecar.core->admit();
  world.loop.runFor(1s);
  const std::size_t before = world.kube.patches.size();
  for (int i = 0; i < 60; ++i) {
    sidecar.silent = world.net.partitioned = true;
    world.loop.runFor(20s);
    sidecar.silent = world.net.partitioned = false;
    world.loop.runFor(10s);
  }
  CHECK(world.metric("spawner_sweeper_contact_losses_total") == 60);
  CHECK(world.kube.patches.size() - before <= 31);
  world.loop.runFor(2min);
  CHECK(world.kube.status("a")["contactLost"].is_null());
}

TEST_CASE("a restarted sweeper takes back its predecessor's lost contact", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  FakeSidecar& sidecar = world.add("a");
  world.waitFor("a", "ready", 1s);
  auto use = sidecar.core->admit();
  sidecar.silent = world.net.partitioned = true;
  world.loop.runFor(30s);
  REQUIRE(world.kube.status("a").contains("contactLost"));
  role.reset();
  sidecar.silent = world.net.partitioned = false;
  role = world.sweeper();
  world.loop.runFor(3s);
  CHECK(world.kube.status("a")["contactLost"].is_null());
}

TEST_CASE("a restarted sweeper that cannot reach a sidecar either does not say so again", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  FakeSidecar& sidecar = world.add("a");
  world.waitFor("a", "ready", 1s);
  sidecar.silent = world.net.partitioned = true;
  world.loop.runFor(30s);
  const json lost = world.kube.status("a")["contactLost"];
  REQUIRE(lost.is_object());
  role.reset();
  role = world.sweeper();
  world.loop.runFor(10min);
  CHECK(world.kube.status("a")["contactLost"] == lost);
  CHECK(world.metric("spawner_sweeper_contact_lost_pods") == 1);
}

TEST_CASE("fault 15: another pod at a reused address is not taken for ours", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.grace = "10";
  FakeSidecar& mine = world.add("a", session);
  world.waitFor("a", "ready", 1s);
  auto use = mine.core->admit();
  world.loop.runFor(1s);
  // Our pod's address now belongs to another pod, idle for long; it accepts our key, but its signatures are bound to its own uid.
  auto other = std::make_shared<FakeSidecar>(world.loop, "pod-uid-other",
                                             std::vector<std::string>{session::adminKeyArgument(world.key.publicKey())});
  other->start();
  other->core->setReady();
  auto kept = std::exchange(world.net.at["10.0.0.1:9091"], other);
  kept->crash();
  world.loop.runFor(10min);
  CHECK_FALSE(world.kube.has("a", "swept"));
  CHECK_FALSE(other->core->swept());
  CHECK(other->sweeps == 0);
}

TEST_CASE("fault 15: events that name another pod drop the stream, even if they come on ours", "[sweeper]") {
  World world;
  Stranger stranger(world, R"(data: {"ready":true,"v":1,"pod_uid":"pod-uid-b","age_ms":1,"idle_ms":900000,"swept":{"reason":"Idle"}})"
                           "\n\n");
  auto role = world.sweeper();
  world.add("a");
  world.loop.runFor(10min);
  CHECK_FALSE(world.kube.has("a", "ready"));
  CHECK_FALSE(world.kube.has("a", "swept"));
  CHECK(stranger.commands == 0);
  CHECK(world.metric("spawner_sweeper_wrong_pod_total") > 10);
  CHECK(world.metric("spawner_sweeper_streams_open") == 0);
}

TEST_CASE("fault 15: deleted and made again under the same name is another session", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.grace = "10";
  FakeSidecar& first = world.add("a", session);
  world.waitFor("a", "ready", 1s);
  first.core->requestShutdown();
  // While the first one's end is on its way, the object is made again.
  world.kube.slabs["a"] = World::slabOf("a");
  world.kube.slabs["a"]["metadata"]["uid"] = "slab-uid-a2";
  world.loop.runFor(5s);
  CHECK(first.core->swept() == "Shutdown");
  CHECK_FALSE(world.kube.has("a", "swept"));
  CHECK(world.metric("spawner_sweeper_objects_gone_total") == 1);
  CHECK(world.metric("spawner_sweeper_streams_open") == 0);

  // Its pod comes under the same name, too, in one event or in two.
  const bool seenDeletion = GENERATE(true, false);
  auto second =
      std::make_shared<FakeSidecar>(world.loop, "pod-uid-a2", std::vector<std::string>{session::adminKeyArgument(world.key.publicKey())});
  second->start();
  second->core->setReady();
  world.net.at["10.0.0.9:9091"] = second;
  json pod = world.podOf("a", session, "10.0.0.9");
  pod["metadata"]["uid"] = "pod-uid-a2";
  pod["metadata"]["annotations"]["spawner.dev/slab-uid"] = "slab-uid-a2";
  if (seenDeletion) world.kube.removePod("a");
  world.kube.putPod(pod);
  world.waitFor("a", "ready", 2s);
  CHECK(world.kube.status("a")["podUID"] == "pod-uid-a2");
  auto use = second->core->admit();
  world.loop.runFor(60s);
  CHECK_FALSE(second->core->swept());
  CHECK(world.metric("spawner_sweeper_followed_pods") == 1);
}

TEST_CASE("an object that is gone is not written to, and its pod is left alone", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.grace = "5";
  FakeSidecar& sidecar = world.add("a", session);
  world.waitFor("a", "ready", 1s);
  world.kube.slabs.erase("a");
  world.loop.runFor(10s);
  CHECK(world.metric("spawner_sweeper_objects_gone_total") == 1);
  const int sweeps = sidecar.sweeps;
  world.loop.runFor(10min);
  CHECK(sidecar.sweeps == sweeps);
}

TEST_CASE("a pod that came too late, after another one of its session, is not written about and not swept", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  SessionOptions session;
  session.grace = "5";
  FakeSidecar& sidecar = world.add("a", session);
  world.kube.slabs["a"]["status"] = {{"podUID", "the-first"}, {"nodeName", "another"}, {"stateTimes", json::object()}};
  world.loop.runFor(10min);
  CHECK(world.kube.status("a")["podUID"] == "the-first");
  CHECK(world.kube.status("a")["nodeName"] == "another");
  CHECK(!world.kube.has("a", "ready"));
  CHECK(world.kube.slabReads == 1);
  CHECK(world.kube.events.empty());
  CHECK(sidecar.sweeps == 0);
}

TEST_CASE("a pod that is to go is drained once it hears, and its end is not called lost contact", "[sweeper]") {
  World world;
  auto role = world.sweeper();
  FakeSidecar& sidecar = world.add("a");
  world.waitFor("a", "ready", 1s);
  sidecar.refuseDrain = true;
  world.changePod("a", [](json& pod) { pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"; });
  world.loop.runFor(3s);
  CHECK(sidecar.drains > 2);
  sidecar.refuseDrain = false;
  world.loop.runFor(5s);
  const int drains = sidecar.drains;
  sidecar.crash();
  world.changePod("a", [](json& pod) { pod["metadata"]["labels"]["x"] = "y"; });
  world.loop.runFor(60s);
  CHECK(sidecar.drains == drains);
  CHECK_FALSE(world.kube.status("a").contains("contactLost"));
  world.kube.removePod("a");
  world.loop.runFor(1s);
  CHECK(world.metric("spawner_sweeper_followed_pods") == 0);
}
