#include "session/commands.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using spawner::SidecarReport;
using namespace spawner::session;

TEST_CASE("sweep commands on the wire", "[session]") {
  CHECK(encodeSweep(SweepCommand::idle(300s, false)) == R"({"idle_at_least_ms":300000})");
  CHECK(encodeSweep(SweepCommand::idle(0s, true)) == R"({"idle_at_least_ms":0,"used":true})");
  CHECK(encodeSweep(SweepCommand::age(1h, "MaxLifetime")) == R"({"age_at_least_ms":3600000,"reason":"MaxLifetime"})");
  CHECK(encodeSweep(SweepCommand::shutdown()) == R"({"shutdown_requested":true})");
  for (const SweepCommand& command :
       {SweepCommand::idle(300s, false), SweepCommand::idle(0s, true), SweepCommand::age(1h, "MaxLifetime"), SweepCommand::shutdown()}) {
    const auto got = decodeSweep(encodeSweep(command));
    REQUIRE(got);
    CHECK(*got == command);
  }
}

TEST_CASE("a command with anything unknown in it is refused: it might be a condition", "[session]") {
  const auto bad =
      GENERATE(as<std::string>{}, "", "{}", "[]", "null", "{", R"({"idle_at_least_ms":-1})", R"({"idle_at_least_ms":"5"})",
               R"({"idle_at_least_ms":1.5})", R"({"idle_at_least_ms":4294967295001})", R"({"idle_at_least_ms":5,"unless":1})",
               R"({"idle_at_least_ms":5,"used":1})", R"({"idle_at_least_ms":5,"age_at_least_ms":5})",
               R"({"idle_at_least_ms":5,"reason":"Idle"})", R"({"age_at_least_ms":5})", R"({"age_at_least_ms":5,"reason":"a b"})",
               R"({"age_at_least_ms":5,"reason":""})", R"({"age_at_least_ms":5,"reason":"X","used":true})",
               R"({"shutdown_requested":false})", R"({"shutdown_requested":true,"used":true})", R"({"force":true})");
  CAPTURE(bad);
  CHECK_FALSE(decodeSweep(bad));
}

TEST_CASE("which state each condition holds for", "[session]") {
  SidecarReport idle;
  idle.ready = true;
  idle.idle = 5000ms;
  idle.age = 60s;
  CHECK(holds(SweepCommand::idle(5s, false), idle));
  CHECK_FALSE(holds(SweepCommand::idle(5001ms, false), idle));
  CHECK_FALSE(holds(SweepCommand::idle(0s, true), idle));
  SidecarReport used = idle;
  used.used = true;
  CHECK(holds(SweepCommand::idle(0s, true), used));
  SidecarReport live = used;
  live.liveConnections = 1;
  live.idle.reset();
  CHECK_FALSE(holds(SweepCommand::idle(0s, false), live));
  SidecarReport busy = used;
  busy.busy = true;
  busy.idle.reset();
  CHECK_FALSE(holds(SweepCommand::idle(0s, false), busy));
  SidecarReport starting;
  starting.age = 60s;
  CHECK_FALSE(holds(SweepCommand::idle(0s, false), starting));
  // Age and shutdown end what is in use, too.
  CHECK(holds(SweepCommand::age(60s, "MaxLifetime"), live));
  CHECK_FALSE(holds(SweepCommand::age(60'001ms, "MaxLifetime"), live));
  CHECK_FALSE(holds(SweepCommand::shutdown(), live));
  live.shutdownRequested = true;
  CHECK(holds(SweepCommand::shutdown(), live));
}
