// What lanes count, summed up.
#include <array>
#include <bit>
#include <catch2/catch.hpp>
#include <cstdint>

#include "modes/gateway/lane.hpp"

using namespace spawner;

namespace {

constexpr std::size_t words = sizeof(gateway::LaneCounts) / sizeof(std::uint64_t);
using Words = std::array<std::uint64_t, words>;
static_assert(sizeof(Words) == sizeof(gateway::LaneCounts), "all of it is 64-bit numbers");

}  // namespace

TEST_CASE("gateway: sums of counts leave out nothing that is counted") {
  Words one{}, other{};
  for (std::size_t i = 0; i < words; ++i) {
    one[i] = i + 1;
    other[i] = 1000 * (i + 1);
  }
  auto sum = std::bit_cast<gateway::LaneCounts>(one);
  sum.add(std::bit_cast<gateway::LaneCounts>(other));
  const auto got = std::bit_cast<Words>(sum);
  for (std::size_t i = 0; i < words; ++i) {
    INFO("number " << i << " of LaneCounts");
    CHECK(got[i] == 1001 * (i + 1));
  }
  CHECK(sum == sum);
  CHECK_FALSE(sum == std::bit_cast<gateway::LaneCounts>(one));
}
