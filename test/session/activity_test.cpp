#include "session/activity.hpp"

#include <catch2/catch.hpp>

#include <vector>

#include "loop/sim_loop.hpp"

using namespace std::chrono_literals;
using spawner::Duration;
using spawner::SimLoop;
using spawner::session::Activity;

TEST_CASE("idle time begins at Ready and not before", "[session]") {
  SimLoop loop(1);
  Activity activity(loop);
  loop.runFor(10s);
  CHECK_FALSE(activity.idle());
  activity.setReady();
  CHECK(activity.idle() == Duration(0s));
  loop.runFor(3s);
  CHECK(activity.idle() == Duration(3s));
  activity.setReady();
  CHECK(activity.idle() == Duration(3s));
}

TEST_CASE("fault 05: a guard is in use to its end, however long, and idle time begins at its end", "[session]") {
  SimLoop loop(1);
  Activity activity(loop);
  activity.setReady();
  auto download = activity.begin();
  auto other = activity.begin();
  CHECK(activity.live() == 2);
  loop.runFor(24h);
  CHECK(activity.inUse());
  CHECK_FALSE(activity.idle());
  other.end();
  other.end();
  CHECK(activity.live() == 1);
  loop.runFor(1h);
  CHECK_FALSE(activity.idle());
  download.end();
  loop.runFor(2s);
  CHECK(activity.idle() == Duration(2s));
}

TEST_CASE("fault 05: a jump of the wall clock changes no idle time", "[session]") {
  SimLoop loop(1);
  Activity activity(loop);
  activity.setReady();
  loop.runFor(5s);
  loop.jumpWall(400h);
  CHECK(activity.idle() == Duration(5s));
  loop.jumpWall(-800h);
  CHECK(activity.idle() == Duration(5s));
}

TEST_CASE("a moved guard is one use; an assigned-over guard ends", "[session]") {
  SimLoop loop(1);
  Activity activity(loop);
  auto first = activity.begin();
  Activity::Guard second = std::move(first);
  CHECK(activity.live() == 1);
  CHECK_FALSE(first.active());
  CHECK(second.active());
  second = activity.begin();
  CHECK(activity.live() == 1);
  second = Activity::Guard();
  CHECK(activity.live() == 0);
}

TEST_CASE("a guard that outlives its activity ends without effect", "[session]") {
  SimLoop loop(1);
  Activity::Guard guard;
  {
    Activity activity(loop);
    guard = activity.begin();
  }
  CHECK_FALSE(guard.active());
  guard.end();
}

TEST_CASE("an ignored guard leaves no trace in idle time", "[session]") {
  SimLoop loop(1);
  Activity activity(loop);
  activity.setReady();
  loop.runFor(7s);
  auto health = activity.begin();
  loop.runFor(1s);
  health.ignore();
  CHECK(activity.idle() == Duration(8s));
  CHECK_FALSE(activity.used());
}

TEST_CASE("a busy lease is use; it is extended, never shortened, and ends by itself or when told", "[session]") {
  SimLoop loop(1);
  Activity activity(loop);
  activity.setReady();
  int changes = 0;
  activity.onChange([&] { ++changes; });
  activity.extendBusy(60s);
  activity.extendBusy(10s);
  CHECK(changes == 1);
  loop.runFor(59s);
  CHECK(activity.busy());
  CHECK_FALSE(activity.idle());
  activity.extendBusy(60s);
  loop.runFor(59s);
  CHECK(activity.busy());
  const int before = changes;
  loop.runFor(2s);
  CHECK(changes == before + 1);
  CHECK_FALSE(activity.busy());
  CHECK(activity.idle() == Duration(1s));
  CHECK(activity.used());

  activity.extendBusy(60s);
  loop.runFor(5s);
  activity.endBusy();
  CHECK_FALSE(activity.busy());
  loop.runFor(2s);
  CHECK(activity.idle() == Duration(2s));
  const int told = changes;
  loop.runFor(100s);
  CHECK(changes == told);
}

TEST_CASE("used: only what was in use at or after Ready counts", "[session]") {
  SimLoop loop(1);
  SECTION("a request that ended before Ready") {
    Activity activity(loop);
    activity.begin().end();
    loop.runFor(1s);
    activity.setReady();
    CHECK_FALSE(activity.used());
  }
  SECTION("a request that waited for Ready") {
    Activity activity(loop);
    auto waiting = activity.begin();
    loop.runFor(1s);
    activity.setReady();
    CHECK(activity.used());
    waiting.end();
    CHECK(activity.used());
  }
  SECTION("a lease that ended before Ready") {
    Activity activity(loop);
    activity.extendBusy(1s);
    loop.runFor(2s);
    activity.setReady();
    CHECK_FALSE(activity.used());
    CHECK(activity.idle() == Duration(0s));
  }
}
