#include "session/sidecar_core.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <memory>

#include "loop/sim_loop.hpp"

using namespace std::chrono_literals;
using spawner::Duration;
using spawner::ErrorKind;
using spawner::SimLoop;
using namespace spawner::session;

namespace {

/// A pod whose sidecar can crash and come back.
struct Pod {
  SimLoop loop{1};
  std::array<std::byte, sessionFileSize> memory{};
  std::unique_ptr<SidecarCore> core;
  Pod() { start(); }
  void start(const std::string& boot = "boot-1", const std::string& uid = "uid-1") {
    core = std::make_unique<SidecarCore>(loop, memory, SidecarIdentity{uid, boot});
  }
  void crash() { core.reset(); }
  SweepAnswer sweep(const SweepCommand& command, bool unread = false) {
    return core->sweep(command, [unread] { return unread; });
  }
};

}  // namespace

TEST_CASE("a sweep is decided by the sidecar's own state, and is irrevocable", "[session]") {
  Pod pod;
  CHECK(pod.sweep(SweepCommand::idle(0s, false)).status == 409);  // not Ready
  pod.core->setReady();
  pod.loop.runFor(10s);
  auto answer = pod.sweep(SweepCommand::idle(10'001ms, false));
  CHECK(answer.status == 409);
  CHECK(answer.state.idle == 10'000ms);
  CHECK_FALSE(answer.state.sweptReason);
  answer = pod.sweep(SweepCommand::idle(10s, false));
  CHECK(answer.status == 200);
  CHECK(answer.state.sweptReason == "Idle");
  CHECK_FALSE(pod.core->admit());
  // Whoever asks again, whatever for, is told the first reason.
  answer = pod.sweep(SweepCommand::age(1h, "MaxLifetime"));
  CHECK(answer.status == 200);
  CHECK(answer.state.sweptReason == "Idle");
}

TEST_CASE("fault 16: a request that has begun, even one unread byte of it, refuses the sweep", "[session]") {
  Pod pod;
  pod.core->setReady();
  pod.loop.runFor(1h);
  CHECK(pod.sweep(SweepCommand::idle(1s, false), true).status == 409);
  CHECK_FALSE(pod.core->swept());
  // The look itself begins the request: the decision must see it.
  std::optional<SidecarCore::Guard> guard;
  auto answer = pod.core->sweep(SweepCommand::idle(1s, false), [&] {
    guard = pod.core->admit();
    return false;
  });
  CHECK(answer.status == 409);
  CHECK(answer.state.liveConnections == 1);
  guard.reset();
  CHECK(pod.sweep(SweepCommand::idle(1s, false)).status == 409);
  pod.loop.runFor(1s);
  CHECK(pod.sweep(SweepCommand::idle(1s, false)).status == 200);
}

TEST_CASE("fault 16: the mark is in the session file before the answer, and a restarted sidecar refuses at once", "[session]") {
  Pod pod;
  pod.core->setReady();
  pod.loop.runFor(1h);
  REQUIRE(pod.sweep(SweepCommand::idle(1s, false)).status == 200);
  REQUIRE(SessionFile(pod.memory).load()->sweptReason == "Idle");
  for (const char* boot : {"boot-1", "boot-2"}) {
    pod.crash();
    pod.loop.runFor(3s);
    pod.start(boot);
    CHECK_FALSE(pod.core->admit());
    CHECK(pod.core->report().sweptReason == "Idle");
    CHECK(pod.core->setBusy(10).error().kind == ErrorKind::Gone);
  }
}

TEST_CASE("grace period 0: ends after its last use, never before the first", "[session]") {
  Pod pod;
  pod.core->setReady();
  pod.loop.runFor(1h);
  const SweepCommand command = SweepCommand::idle(0s, true);
  CHECK(pod.sweep(command).status == 409);
  auto guard = pod.core->admit();
  CHECK(pod.sweep(command).status == 409);
  SECTION("at once") {
    guard.reset();
    CHECK(pod.sweep(command).status == 200);
  }
  SECTION("over a crash while in use") {
    pod.crash();
    pod.start();
    CHECK(pod.core->report().used);
    CHECK(pod.sweep(command).status == 200);
  }
  SECTION("over a crash after it") {
    guard.reset();
    pod.crash();
    pod.start();
    CHECK(pod.sweep(command).status == 200);
  }
}

TEST_CASE("a restart resets neither idle time nor age", "[session]") {
  Pod pod;
  pod.loop.runFor(2s);
  pod.core->setReady();
  { auto guard = pod.core->admit(); }
  pod.loop.runFor(100s);
  pod.crash();
  pod.loop.runFor(30s);
  pod.start();
  const auto report = pod.core->report();
  CHECK(report.ready);
  CHECK(report.idle == 130s);
  CHECK(report.age == 132s);
  CHECK(report.used);
}

TEST_CASE("in use at a crash counts as used until the restart", "[session]") {
  Pod pod;
  pod.core->setReady();
  auto guard = pod.core->admit();
  pod.loop.runFor(100s);
  pod.crash();
  pod.loop.runFor(30s);
  pod.start();
  CHECK(pod.core->report().idle == 0ms);
  CHECK(pod.core->report().liveConnections == 0);
  guard.reset();  // the dead process's guard
  CHECK(pod.core->report().liveConnections == 0);
  pod.crash();
  pod.loop.runFor(5s);
  pod.start();
  CHECK(pod.core->report().idle == 5s);
}

TEST_CASE("after a reboot old times mean nothing: used until now, Ready to be found again", "[session]") {
  Pod pod;
  pod.loop.runFor(50s);
  pod.core->setReady();
  REQUIRE(pod.core->setBusy(3600));
  { auto guard = pod.core->admit(); }
  pod.core->requestShutdown();
  pod.loop.runFor(100s);
  pod.crash();
  pod.start("boot-2");
  auto report = pod.core->report();
  CHECK_FALSE(report.ready);
  CHECK_FALSE(report.busy);
  CHECK(report.age == 0ms);
  CHECK(report.shutdownRequested);
  pod.core->setReady();
  CHECK(pod.core->report().idle == 0ms);
}

TEST_CASE("another pod's file is no file", "[session]") {
  Pod pod;
  pod.core->setReady();
  pod.loop.runFor(1h);
  REQUIRE(pod.sweep(SweepCommand::idle(1s, false)).status == 200);
  pod.crash();
  pod.start("boot-1", "uid-2");
  CHECK_FALSE(pod.core->swept());
  CHECK_FALSE(pod.core->ready());
  CHECK(pod.core->report().podUid == "uid-2");
}

TEST_CASE("times of the future in the file are not believed", "[session]") {
  Pod pod;
  SessionRecord record;
  record.bootId = "boot-1";
  record.podUid = "uid-1";
  const auto now = pod.loop.now();
  record.firstStart = now + 5h;
  record.ready = now + 5h;
  record.lastUse = now + 90h;
  record.busyUntil = now + 1000h;
  pod.crash();
  SessionFile(pod.memory).store(record);
  SessionFile(pod.memory).store(record);
  pod.start();
  CHECK(pod.core->report().age == 0ms);
  CHECK(pod.core->busyLeft() == Duration(1h));
  pod.core->clearBusy();
  CHECK(pod.core->report().idle == 0ms);
}

TEST_CASE("a busy lease: bounds, and it goes on over a crash", "[session]") {
  Pod pod;
  pod.core->setReady();
  for (const std::uint64_t bad : {std::uint64_t{0}, std::uint64_t{3601}, UINT64_MAX})
    CHECK(pod.core->setBusy(bad).error().kind == ErrorKind::InvalidArgument);
  REQUIRE(pod.core->setBusy(60));
  CHECK(pod.core->setBusy(10).value() == 60s);
  pod.crash();
  pod.loop.runFor(20s);
  pod.start();
  CHECK(pod.core->report().busy);
  CHECK(pod.core->busyLeft() == Duration(40s));
  CHECK(pod.sweep(SweepCommand::idle(0s, false)).status == 409);
  pod.loop.runFor(45s);
  CHECK(pod.core->report().idle == 5s);
  CHECK(pod.core->report().used);
}

TEST_CASE("shutdown: only when asked for, in use or not, and it stays asked for", "[session]") {
  Pod pod;
  pod.core->setReady();
  auto guard = pod.core->admit();
  CHECK(pod.sweep(SweepCommand::shutdown()).status == 409);
  pod.core->requestShutdown();
  pod.crash();
  pod.start();
  CHECK(pod.core->report().shutdownRequested);
  auto again = pod.core->admit();
  const auto answer = pod.sweep(SweepCommand::shutdown(), true);
  CHECK(answer.status == 200);
  CHECK(answer.state.sweptReason == "Shutdown");
}

TEST_CASE("listeners hear of every change that a report can show", "[session]") {
  Pod pod;
  int heard = 0;
  pod.core->onChange([&] { ++heard; });
  const auto hears = [&heard](auto act) {
    heard = 0;
    act();
    return heard;
  };
  CHECK(hears([&] { pod.core->setReady(); }) == 1);
  std::optional<SidecarCore::Guard> guard;
  CHECK(hears([&] { guard = pod.core->admit(); }) == 1);
  CHECK(hears([&] { guard.reset(); }) == 1);
  CHECK(hears([&] { (void)pod.core->setBusy(5); }) == 1);
  CHECK(hears([&] { pod.loop.runFor(6s); }) == 1);
  CHECK(hears([&] { pod.core->requestShutdown(); }) == 1);
  CHECK(hears([&] { pod.core->requestShutdown(); }) == 0);
  CHECK(hears([&] { pod.sweep(SweepCommand::shutdown()); }) == 1);
  CHECK(hears([&] { pod.sweep(SweepCommand::shutdown()); }) == 0);
}
