// Ends that are remembered for a while.
#include "modes/role/sessions.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "backend/decode.hpp"
#include "base/crypto.hpp"
#include "loop/sim_loop.hpp"
#include "support/slab_store.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  explicit Fixture(Duration remember, std::size_t max) {
    role::SessionsOptions options;
    options.ns = "spawner";
    options.prefix = "spawner-";
    options.rememberEnds = remember;
    options.rememberEndsMax = max;
    sessions.emplace(context, client, options, backend::decodeSlab);
  }
  /// Starts, and waits until all objects of the store are known.
  void begin() {
    sessions->start();
    REQUIRE(loop.runUntil([this] { return sessions->synced(); }, 10s));
  }
  void end(const std::string& name) {
    store.erase("spawner-" + name);
    REQUIRE(loop.runUntil([&] { return !sessions->objects().contains("spawner/spawner-" + name); }, 10s));
  }
  SimLoop loop{7};
  SlabStore store{loop};
  std::unique_ptr<Random> random = seededRandom(7);
  Metrics metrics;
  role::Context context{loop, store, *random, Logger(), metrics};
  k8s::Client client{store, 10s};
  std::optional<role::Sessions> sessions;
};

}  // namespace

TEST_CASE("sessions: who listens is told of each end that is forgotten, at its time") {
  Fixture of(60s, 10);
  std::vector<std::string> forgotten;
  of.sessions->onForget([&](const std::string& name) { forgotten.push_back(name); });
  for (const char* name : {"spawner-x", "spawner-y"}) of.store.add(name);
  of.begin();
  of.end("x");
  of.loop.runFor(20s);
  of.end("y");
  CHECK(of.sessions->find("x"));
  of.loop.runFor(39s);
  CHECK(of.sessions->find("x"));
  CHECK(forgotten.empty());
  of.loop.runFor(2s);
  CHECK(forgotten == std::vector<std::string>{"x"});
  CHECK_FALSE(of.sessions->find("x"));
  CHECK(of.sessions->find("y"));
  CHECK(of.sessions->endsRemembered() == 1);
  of.loop.runFor(20s);
  CHECK(forgotten == std::vector<std::string>{"x", "y"});
  CHECK(of.sessions->endsRemembered() == 0);
}

TEST_CASE("sessions: an end that has no room any more is forgotten, and told so, when the next one comes") {
  Fixture of(1h, 1);
  std::vector<std::string> forgotten;
  of.sessions->onForget([&](const std::string& name) {
    CHECK_FALSE(of.sessions->find(name));
    forgotten.push_back(name);
  });
  for (const char* name : {"spawner-x", "spawner-y"}) of.store.add(name);
  of.begin();
  of.end("x");
  CHECK(forgotten.empty());
  of.end("y");
  CHECK(forgotten == std::vector<std::string>{"x"});
  CHECK(of.sessions->find("y"));
}

TEST_CASE("sessions: an end whose name lives again is forgotten without the living one") {
  Fixture of(60s, 10);
  std::vector<std::string> forgotten;
  of.sessions->onForget([&](const std::string& name) { forgotten.push_back(name); });
  of.store.add("spawner-x");
  of.begin();
  of.end("x");
  CHECK(isTerminal(of.sessions->find("x")->state()));
  of.store.add("spawner-x");
  REQUIRE(of.loop.runUntil([&] { return of.sessions->objects().contains("spawner/spawner-x"); }, 10s));
  of.loop.runFor(61s);
  CHECK(forgotten == std::vector<std::string>{"x"});
  REQUIRE(of.sessions->find("x"));
  CHECK_FALSE(isTerminal(of.sessions->find("x")->state()));
}
