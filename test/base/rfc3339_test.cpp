#include <catch2/catch.hpp>
#include <random>

#include "base/text.hpp"

using namespace spawner;
using namespace std::chrono_literals;
using std::chrono::microseconds;

namespace {
WallTime us(std::int64_t n) { return WallTime(microseconds(n)); }
}  // namespace

TEST_CASE("rfc3339: times as text") {
  CHECK(toRfc3339Micro(us(0)) == "1970-01-01T00:00:00.000000Z");
  CHECK(toRfc3339(us(0)) == "1970-01-01T00:00:00Z");
  CHECK(toRfc3339Micro(us(1767323045678901)) == "2026-01-02T03:04:05.678901Z");
  CHECK(toRfc3339(us(1767323045999999)) == "2026-01-02T03:04:05Z");
  CHECK(toRfc3339Micro(us(-1)) == "1969-12-31T23:59:59.999999Z");
  CHECK(toRfc3339(us(-1)) == "1969-12-31T23:59:59Z");
  CHECK(toRfc3339(us(951782400000000)) == "2000-02-29T00:00:00Z");
}

TEST_CASE("rfc3339: a time beyond the format's years is the nearest one inside") {
  CHECK(toRfc3339Micro(WallTime::max()) == "9999-12-31T23:59:59.999999Z");
  CHECK(toRfc3339Micro(WallTime::min()) == "0000-01-01T00:00:00.000000Z");
}

TEST_CASE("rfc3339: what is read") {
  const WallTime time = us(1767323045000000);
  CHECK(parseRfc3339("2026-01-02T03:04:05Z") == time);
  CHECK(parseRfc3339("2026-01-02t03:04:05z") == time);
  CHECK(parseRfc3339("2026-01-02T03:04:05.6Z") == time + 600ms);
  CHECK(parseRfc3339("2026-01-02T03:04:05.678901Z") == time + 678901us);
  CHECK(parseRfc3339("2026-01-02T03:04:05.678901999999999999999999Z") == time + 678901us);
  CHECK(parseRfc3339("2026-01-02T03:04:05.000000001Z") == time);
  CHECK(parseRfc3339("2026-01-02T05:34:05+02:30") == time);
  CHECK(parseRfc3339("2026-01-01T16:04:05-11:00") == time);
  CHECK(parseRfc3339("2026-01-02T03:04:05-00:00") == time);
  CHECK(parseRfc3339("2026-01-02T03:04:05+23:59") == time - 23h - 59min);
  CHECK(parseRfc3339("1969-12-31T23:59:59.999999Z") == us(-1));
  CHECK(parseRfc3339("2024-02-29T00:00:00Z"));
  CHECK(parseRfc3339("2000-02-29T00:00:00Z"));
  CHECK(parseRfc3339("2016-12-31T23:59:60Z") == parseRfc3339("2017-01-01T00:00:00Z"));  // a leap second
  CHECK(parseRfc3339("0000-01-01T00:00:00Z"));
}

TEST_CASE("rfc3339: what is refused") {
  for (const char* bad : {"",
                          "2026-01-02",
                          "2026-01-02T03:04:05",
                          "2026-01-02 03:04:05Z",
                          "2026-1-02T03:04:05Z",
                          "26-01-02T03:04:05Z",
                          "2026-00-02T03:04:05Z",
                          "2026-13-02T03:04:05Z",
                          "2026-01-00T03:04:05Z",
                          "2026-01-32T03:04:05Z",
                          "2026-04-31T03:04:05Z",
                          "2026-02-29T03:04:05Z",
                          "1900-02-29T00:00:00Z",
                          "2026-01-02T24:00:00Z",
                          "2026-01-02T03:60:05Z",
                          "2026-01-02T03:04:61Z",
                          "2026-01-02T03:04:05.Z",
                          "2026-01-02T03:04:05,5Z",
                          "2026-01-02T03:04:05.5",
                          "2026-01-02T03:04:05+0230",
                          "2026-01-02T03:04:05+02",
                          "2026-01-02T03:04:05+24:00",
                          "2026-01-02T03:04:05+02:60",
                          "2026-01-02T03:04:05ZZ",
                          "2026-01-02T03:04:05Z ",
                          " 2026-01-02T03:04:05Z",
                          "+026-01-02T03:04:05Z",
                          "-026-01-02T03:04:05Z",
                          "2026-01-02T03:04:-5Z",
                          "2026-01-02T03:04:05.-1Z",
                          "20260102T030405Z",
                          "2026-01-02T03:04Z"}) {
    INFO(bad);
    CHECK_FALSE(parseRfc3339(bad));
  }
}

TEST_CASE("rfc3339: any time comes back") {
  std::mt19937_64 random(9);
  for (int i = 0; i < 20000; ++i) {
    const WallTime time = us(static_cast<std::int64_t>(random() % 315537897600000000u) - 62135596800000000);  // year 1 to 9999
    REQUIRE(parseRfc3339(toRfc3339Micro(time)) == time);
  }
}

TEST_CASE("rfc3339: no cut or changed byte of a good text crashes; the cut ones are all refused") {
  const std::string good = "2026-01-02T03:04:05.678901+02:30";
  for (std::size_t i = 0; i < good.size(); ++i) {
    CHECK_FALSE(parseRfc3339(good.substr(0, i)));
    for (int c = 0; c < 256; ++c) {
      std::string changed = good;
      changed[i] = static_cast<char>(c);
      (void)parseRfc3339(changed);
    }
  }
}
