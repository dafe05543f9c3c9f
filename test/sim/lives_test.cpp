// Twenty thousand session lives in virtual time over several nodes, with crashes of roles, lost answers, refusals and cut watches: P1–P6
// are looked at on every commit. A failure prints seed and step; `scripts/test sim --seed N` replays it.
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <iostream>

#include "sim/world.hpp"

using namespace spawner;

namespace {

std::uint64_t fromEnvironment(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

std::uint64_t live(sim::WorldOptions options) {
  sim::World world(options);
  try {
    world.run();
  } catch (const sim::Broken& broken) {
    FAIL("seed " << options.seed << ", step " << world.loop().steps() << ", lives " << options.lives << ": " << broken.what());
  }
  const sim::Oracles::Counts& counts = world.oracles().counts();
  std::cout << "seed " << options.seed << ": " << options.lives << " lives, " << counts.commits << " commits, " << world.loop().steps()
            << " steps, " << std::chrono::duration_cast<std::chrono::minutes>(world.lasted()).count() << " virtual minutes, "
            << world.crashes() << " crashes of roles, " << world.spawns().streamsChecked() << " streams; ends:";
  for (const auto& [reason, count] : counts.reasons) std::cout << ' ' << reason << ' ' << count;
  std::cout << std::endl;
  CHECK(counts.idle > static_cast<std::uint64_t>(options.lives) / 2);
  return world.oracles().digest();
}

}  // namespace

TEST_CASE("sim: every life keeps the promises") {
  const int lives = static_cast<int>(fromEnvironment("SPAWNER_SIM_LIVES", 20'000));
  const bool replay = std::getenv("SPAWNER_SIM_SEED") != nullptr;
  const std::uint64_t first = fromEnvironment("SPAWNER_SIM_SEED", 1);
  constexpr std::uint64_t worlds = 4;
  for (std::uint64_t seed = first; seed < first + (replay ? 1 : worlds); ++seed) {
    sim::WorldOptions options;
    options.seed = seed;
    options.lives = lives / static_cast<int>(worlds);
    options.nodes = 2 + static_cast<int>(seed % 4);
    options.election = seed % 2 == 1;
    live(options);
  }
}

TEST_CASE("sim: a seed repeats itself to the last commit") {
  sim::WorldOptions options;
  options.seed = 4242;
  options.lives = 150;
  options.election = true;
  CHECK(live(options) == live(options));
}
