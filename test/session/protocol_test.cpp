#include "session/protocol.hpp"

#include <catch2/catch.hpp>

#include "base/crypto.hpp"

using namespace std::chrono_literals;
using spawner::ErrorKind;
using spawner::SidecarReport;
using namespace spawner::session;

TEST_CASE("reports begin with the original's fields, exactly", "[session]") {
  SidecarReport report;
  report.podUid = "u1";
  report.age = 1500ms;
  CHECK(encodeReport(report) == R"({"ready":false,"v":1,"pod_uid":"u1","age_ms":1500})");
  report.ready = true;
  report.liveConnections = 2;
  report.used = true;
  CHECK(encodeReport(report) == R"({"ready":true,"live_connections":2,"v":1,"pod_uid":"u1","age_ms":1500,"used":true})");
  report.liveConnections = 0;
  report.idle = 17'999ms;
  CHECK(encodeReport(report) ==
        R"({"ready":true,"seconds_since_active":17,"idle_ms":17999,"v":1,"pod_uid":"u1","age_ms":1500,"used":true})");
  report.sweptReason = "Idle";
  report.shutdownRequested = true;
  CHECK(encodeReport(report) == R"({"ready":true,"seconds_since_active":17,"idle_ms":17999,"v":1,"pod_uid":"u1","age_ms":1500,)"
                                R"("used":true,"shutdown_requested":true,"swept":{"reason":"Idle"}})");
}

TEST_CASE("the original's reports are understood", "[session]") {
  auto report = decodeReport(R"({"ready": false})");
  REQUIRE(report);
  CHECK_FALSE(report->ready);
  CHECK(report->version == 0);
  CHECK(report->podUid.empty());
  report = decodeReport(R"({"ready": true, "live_connections": 2})");
  REQUIRE(report);
  CHECK(report->liveConnections == 2);
  CHECK_FALSE(report->idle);
  report = decodeReport(R"({"ready": true, "seconds_since_active": 17})");
  REQUIRE(report);
  CHECK(report->idle == 17'000ms);
}

TEST_CASE("every report survives its journey, with unknown fields beside it", "[session]") {
  const auto random = spawner::seededRandom(5);
  for (int i = 0; i < 5000; ++i) {
    SidecarReport report;
    report.podUid = "uid-" + std::to_string(random->below(1000));
    report.ready = random->below(2) != 0;
    report.liveConnections = random->below(2) != 0 ? static_cast<std::uint32_t>(random->next()) : 0;
    report.busy = random->below(4) == 0;
    report.used = random->below(2) != 0;
    report.age = std::chrono::milliseconds(random->below(4'294'967'295'000));
    if (report.ready && !report.inUse()) report.idle = std::chrono::milliseconds(random->below(4'294'967'295'000));
    report.shutdownRequested = random->below(2) != 0;
    if (random->below(2) != 0) report.sweptReason = "MaxLifetime";
    std::string json = encodeReport(report);
    REQUIRE(json.find('\n') == std::string::npos);
    auto got = decodeReport(json);
    REQUIRE(got);
    REQUIRE(*got == report);
    json.pop_back();
    got = decodeReport(json + R"(,"future":{"x":[1,2]}})");
    REQUIRE(got);
    REQUIRE(*got == report);
  }
}

TEST_CASE("what is no report is refused, and says which field", "[session]") {
  const auto bad = GENERATE(as<std::string>{}, "", "[]", "{", "true", R"({"live_connections":1})", R"({"ready":1})", R"({"ready":null})",
                            R"({"ready":true,"live_connections":-1})", R"({"ready":true,"live_connections":1.5})",
                            R"({"ready":true,"live_connections":4294967296})", R"({"ready":true,"live_connections":"2"})",
                            R"({"ready":true,"seconds_since_active":-5})", R"({"ready":true,"seconds_since_active":1e3})",
                            R"({"ready":true,"idle_ms":4294967295001})", R"({"ready":true,"idle_ms":18446744073709551616})",
                            R"({"ready":true,"v":1})", R"({"ready":true,"v":1,"pod_uid":""})", R"({"ready":true,"v":-1,"pod_uid":"u"})",
                            R"({"ready":true,"pod_uid":7})", R"({"ready":true,"swept":"Idle"})", R"({"ready":true,"swept":{}})",
                            R"({"ready":true,"swept":{"reason":""}})", R"({"ready":true,"swept":{"reason":"two words"}})",
                            R"({"ready":true,"swept":null})", R"({"ready":true,"busy":"yes"})", R"({"ready":true,"shutdown_requested":0})");
  CAPTURE(bad);
  const auto got = decodeReport(bad);
  REQUIRE_FALSE(got);
  CHECK(got.error().kind == ErrorKind::Protocol);
}

TEST_CASE("a report that contradicts itself is refused: in use is never idle", "[session]") {
  CHECK_FALSE(decodeReport(R"({"ready":true,"live_connections":1,"seconds_since_active":500})"));
  CHECK_FALSE(decodeReport(R"({"ready":true,"busy":true,"idle_ms":500})"));
  CHECK_FALSE(decodeReport(R"({"ready":false,"idle_ms":500})"));
  CHECK_FALSE(decodeReport(std::string(17'000, ' ') + R"({"ready":false})"));
}
