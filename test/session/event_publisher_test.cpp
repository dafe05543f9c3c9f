#include "session/event_publisher.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <string>
#include <vector>

#include "loop/sim_loop.hpp"
#include "session/protocol.hpp"
#include "session/sidecar_core.hpp"

using namespace std::chrono_literals;
using spawner::Duration;
using spawner::ErrorKind;
using spawner::SidecarReport;
using spawner::SimLoop;
using namespace spawner::session;

namespace {

struct Reader {
  std::vector<SidecarReport> got;
  std::vector<spawner::TimePoint> at;
  bool slow = false;
  EventPublisher::Subscription subscription;

  Reader(SimLoop& loop, EventPublisher& publisher) {
    auto made = publisher.subscribe([this, &loop](std::string_view json) {
      auto report = decodeReport(json);
      REQUIRE(report);
      got.push_back(*report);
      at.push_back(loop.now());
      return !slow;
    });
    REQUIRE(made);
    subscription = std::move(*made);
  }
  Reader(const Reader&) = delete;
};

struct Session {
  SimLoop loop{1};
  std::array<std::byte, sessionFileSize> memory{};
  SidecarCore core{loop, memory, SidecarIdentity{"uid-1", "boot-1"}};
  EventPublisher publisher{loop, [this] { return core.report(); }};
  Session() {
    core.onChange([this] { publisher.changed(); });
  }
  void turn() { loop.runFor(0s); }
};

}  // namespace

TEST_CASE("events: the state at once, in a later turn, again every second until Ready, and then every 5 s", "[session]") {
  Session session;
  Reader reader(session.loop, session.publisher);
  CHECK(reader.got.empty());
  session.turn();
  REQUIRE(reader.got.size() == 1);
  CHECK_FALSE(reader.got[0].ready);
  session.loop.runFor(999ms);
  CHECK(reader.got.size() == 1);
  session.loop.runFor(1ms);
  CHECK(reader.got.size() == 2);
  CHECK(reader.got[1].age == 1s);
  session.loop.runFor(3s);
  CHECK(reader.got.size() == 5);
  session.core.setReady();
  session.turn();
  CHECK(reader.got.size() == 6);
  session.loop.runFor(60s);
  CHECK(reader.got.size() == 18);
}

TEST_CASE("events: ready, 0 <-> n, busy, shutdown and swept are told in the same instant", "[session]") {
  Session session;
  Reader reader(session.loop, session.publisher);
  session.turn();
  const auto tells = [&](auto act) {
    const std::size_t before = reader.got.size();
    act();
    CHECK(reader.got.size() == before);  // never inside the change
    session.turn();
    REQUIRE(reader.got.size() == before + 1);
    return reader.got.back();
  };
  CHECK(tells([&] { session.core.setReady(); }).ready);
  std::optional<SidecarCore::Guard> guard;
  CHECK(tells([&] { guard = session.core.admit(); }).liveConnections == 1);
  CHECK(tells([&] { guard.reset(); }).idle == 0ms);
  CHECK(tells([&] { (void)session.core.setBusy(2); }).busy);
  CHECK_FALSE(tells([&] { session.core.clearBusy(); }).busy);
  CHECK(tells([&] { session.core.requestShutdown(); }).shutdownRequested);
  CHECK(tells([&] { session.core.sweep(SweepCommand::shutdown(), [] { return false; }); }).sweptReason == "Shutdown");
  // The lease's end is told when it runs out.
  Session other;
  Reader second(other.loop, other.publisher);
  other.core.setReady();
  (void)other.core.setBusy(2);
  other.turn();
  CHECK(second.got.back().busy);
  other.loop.runFor(2s);
  CHECK_FALSE(second.got.back().busy);
}

TEST_CASE("events: counts come at most 10 a second, and the last one is told", "[session]") {
  Session session;
  session.core.setReady();
  Reader reader(session.loop, session.publisher);
  auto first = session.core.admit();
  session.turn();
  const std::size_t before = reader.got.size();
  std::vector<SidecarCore::Guard> guards;
  for (int i = 0; i < 1000; ++i) {
    guards.push_back(std::move(*session.core.admit()));
    session.loop.runFor(1ms);
  }
  session.loop.runFor(100ms);
  CHECK(reader.got.size() - before >= 9);
  CHECK(reader.got.size() - before <= 11);
  CHECK(reader.got.back().liveConnections == 1001);
  for (std::size_t i = before; i < reader.at.size(); ++i) REQUIRE(reader.at[i] - reader.at[i - 1] >= Duration(100ms));
}

TEST_CASE("events: a flood of short requests is not a flood of events, and the last state is told", "[session]") {
  Session session;
  session.core.setReady();
  Reader reader(session.loop, session.publisher);
  session.turn();
  for (int i = 0; i < 2000; ++i) {
    auto guard = session.core.admit();
    session.loop.runFor(1ms);
    guard.reset();
    session.loop.runFor(1ms);
  }
  CHECK(reader.got.size() <= 10 + 4 * 10 + 2);
  session.loop.runFor(200ms);
  CHECK(reader.got.back().liveConnections == 0);
  CHECK(reader.got.back().idle <= 200ms);
}

TEST_CASE("events: a use that began and ended in one turn is told by its idle time", "[session]") {
  Session session;
  session.core.setReady();
  Reader reader(session.loop, session.publisher);
  session.loop.runFor(3s);
  const std::size_t before = reader.got.size();
  { auto guard = session.core.admit(); }
  session.turn();
  REQUIRE(reader.got.size() == before + 1);
  CHECK(reader.got.back().idle == 0ms);
  // But a health check that is ignored is not told.
  session.loop.runFor(1s);
  session.core.admit()->ignore();
  session.turn();
  CHECK(reader.got.size() == before + 1);
}

TEST_CASE("events: a slow reader gets only the newest state, and holds up nobody", "[session]") {
  Session session;
  session.core.setReady();
  Reader slow(session.loop, session.publisher);
  Reader quick(session.loop, session.publisher);
  slow.slow = true;
  session.turn();
  REQUIRE(slow.got.size() == 1);
  std::vector<SidecarCore::Guard> guards;
  for (int i = 0; i < 50; ++i) {
    guards.push_back(std::move(*session.core.admit()));
    session.loop.runFor(200ms);
  }
  CHECK(slow.got.size() == 1);
  CHECK(quick.got.size() > 50);
  slow.slow = false;
  slow.subscription.drained();
  CHECK(slow.got.size() == 1);
  session.turn();
  REQUIRE(slow.got.size() == 2);
  CHECK(slow.got.back().liveConnections == 50);
  slow.subscription.drained();
  session.turn();
  CHECK(slow.got.size() == 2);  // nothing was missed
}

TEST_CASE("events: readers are bounded, and a place is free again at once", "[session]") {
  Session session;
  std::vector<EventPublisher::Subscription> subscriptions;
  for (int i = 0; i < 16; ++i) subscriptions.push_back(std::move(*session.publisher.subscribe([](std::string_view) { return true; })));
  const auto refused = session.publisher.subscribe([](std::string_view) { return true; });
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::Limit);
  subscriptions.pop_back();
  CHECK(session.publisher.subscribe([](std::string_view) { return true; }));
}

TEST_CASE("events: a reader may leave inside its own call, and the publisher may die before its readers", "[session]") {
  Session session;
  EventPublisher::Subscription self;
  int calls = 0;
  self = std::move(*session.publisher.subscribe([&](std::string_view) {
    ++calls;
    self.reset();
    return true;
  }));
  Reader other(session.loop, session.publisher);
  session.loop.runFor(20s);
  CHECK(calls == 1);
  CHECK(other.got.size() == 21);
  CHECK(session.publisher.readers() == 1);

  EventPublisher::Subscription orphan;
  {
    SimLoop loop{2};
    auto publisher = std::make_unique<EventPublisher>(loop, [] { return SidecarReport{}; });
    orphan = std::move(*publisher->subscribe([&](std::string_view) {
      publisher.reset();
      return true;
    }));
    auto second = publisher->subscribe([](std::string_view) { return true; });
    loop.runFor(1s);
    CHECK_FALSE(publisher);
  }
  orphan.drained();
}
