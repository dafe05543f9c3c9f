#include "base/backoff.hpp"

#include <catch2/catch.hpp>

#include "base/crypto.hpp"

using namespace spawner;
using namespace std::chrono_literals;

namespace {
/// Always the smallest or always the largest number.
class Extreme final : public Random {
 public:
  explicit Extreme(std::uint64_t value) : value_(value) {}
  std::uint64_t next() override { return value_; }

 private:
  std::uint64_t value_;
};
}  // namespace

TEST_CASE("backoff: without jitter it doubles up to the maximum and stays there") {
  const auto random = seededRandom(1);
  Backoff backoff({.first = 100ms, .max = 1s, .factor = 2.0, .jitter = 0.0});
  for (Duration expected : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) CHECK(backoff.next(*random) == expected);
  CHECK(backoff.tries() == 6);
  backoff.reset();
  CHECK(backoff.tries() == 0);
  CHECK(backoff.next(*random) == 100ms);
}

TEST_CASE("backoff: what a server asks for is kept to, but not for ever") {
  const auto random = seededRandom(1);
  Backoff backoff({.first = 100ms, .max = 1s, .factor = 2.0, .jitter = 0.0, .maxAsked = 5s});
  CHECK(backoff.next(*random, std::nullopt) == 100ms);
  CHECK(backoff.next(*random, 3s) == 3s);
  CHECK(backoff.next(*random, 10ms) == 400ms);
  CHECK(backoff.next(*random, Duration::max()) == 5s);
}

TEST_CASE("backoff: jitter stays within its bounds and fills them") {
  Extreme lowest(0), highest(UINT64_MAX);
  CHECK(Backoff({.first = 1s, .max = 1min, .factor = 2.0, .jitter = 0.2}).next(lowest) == 800ms);
  const Duration high = Backoff({.first = 1s, .max = 1min, .factor = 2.0, .jitter = 0.2}).next(highest);
  CHECK(high <= 1200ms);
  CHECK(high > 1199ms);
  const auto random = seededRandom(2);
  Duration least = 1h, most = 0s;
  for (int i = 0; i < 2000; ++i) {
    Backoff backoff({.first = 1s, .max = 1min, .factor = 2.0, .jitter = 0.2});
    const Duration delay = backoff.next(*random);
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  CHECK(least >= 800ms);
  CHECK(least < 810ms);
  CHECK(most <= 1200ms);
  CHECK(most > 1190ms);
}

TEST_CASE("backoff: any number of tries stays finite and below the maximum with its jitter") {
  const auto random = seededRandom(3);
  Backoff backoff({.first = 1ms, .max = 30s, .factor = 10.0, .jitter = 0.5});
  for (int i = 0; i < 5000; ++i) {
    const Duration delay = backoff.next(*random);
    REQUIRE(delay > 0s);
    REQUIRE(delay <= 45s);
  }
}

TEST_CASE("backoff: a first delay above the maximum is cut") {
  const auto random = seededRandom(3);
  CHECK(Backoff({.first = 1min, .max = 1s, .factor = 2.0, .jitter = 0.0}).next(*random) == 1s);
}
