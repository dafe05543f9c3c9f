// Facts as changes of state.
#include "modes/api/timeline.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "base/text.hpp"

using namespace spawner;
using namespace std::chrono_literals;

namespace {

constexpr WallTime created = std::chrono::sys_days(std::chrono::year(2026) / 1 / 2);

Slab slabWith(std::initializer_list<std::pair<State, std::optional<std::chrono::milliseconds>>> facts) {
  Slab slab;
  slab.meta.creationTime = created;
  for (const auto& [state, at] : facts) {
    slab.status.reached[static_cast<std::size_t>(state)] = true;
    if (at) slab.status.stateTimes[static_cast<std::size_t>(state)] = created + *at;
  }
  return slab;
}

std::string told(const Slab& slab) {
  std::string text;
  for (const api::StateChange& change : api::timeline(slab)) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(change.time - created).count();
    text += std::string(toString(change.state)) + "@" + std::to_string(ms) + " ";
  }
  return text;
}

}  // namespace

TEST_CASE("timeline: a new object is Submitted at its creation") { CHECK(told(slabWith({})) == "Submitted@0 "); }

TEST_CASE("timeline: several facts of one patch are one change each, in order of rank, with their own times") {
  const Slab slab =
      slabWith({{State::Submitted, 1ms}, {State::Constructed, 5ms}, {State::Scheduled, 6ms}, {State::Running, 90ms}, {State::Ready, 95ms}});
  CHECK(told(slab) == "Submitted@1 Constructed@5 Scheduled@6 Running@90 Ready@95 ");
}

TEST_CASE("timeline: a state that no writer stated has the time of the fact that implies it") {
  CHECK(told(slabWith({{State::Constructed, 5ms}, {State::Ready, 80ms}})) == "Submitted@0 Constructed@5 Scheduled@80 Running@80 Ready@80 ");
}

TEST_CASE("timeline: a fact without any time gets the newest known one before it") {
  CHECK(told(slabWith({{State::Constructed, 5ms}, {State::Scheduled, 9ms}, {State::Ready, std::nullopt}})) ==
        "Submitted@0 Constructed@5 Scheduled@9 Running@9 Ready@9 ");
}

TEST_CASE("timeline: times never go back, though other clocks wrote them") {
  const Slab slab =
      slabWith({{State::Constructed, 9ms}, {State::Scheduled, 10ms}, {State::Running, 8ms}, {State::Ready, 30ms}, {State::Swept, 20ms}});
  CHECK(told(slab) == "Submitted@0 Constructed@9 Scheduled@10 Running@10 Ready@30 Swept@30 ");
}

TEST_CASE("timeline: an end implies nothing before it, and is the last") {
  Slab slab = slabWith({{State::Constructed, 5ms}, {State::Failed, 300ms}});
  slab.status.end = EndInfo{"ImagePullFailed", "The image \"x\" is not there.", std::nullopt, std::nullopt, created + 300ms};
  CHECK(told(slab) == "Submitted@0 Constructed@5 Failed@300 ");
  CHECK(api::timeline(slab).back().reason == "ImagePullFailed");
}

TEST_CASE("timeline: of two ends only the first one set counts") {
  CHECK(told(slabWith({{State::Ready, 10ms}, {State::Swept, 50ms}, {State::Failed, 60ms}})) ==
        "Submitted@0 Constructed@10 Scheduled@10 Running@10 Ready@10 Swept@50 ");
}

TEST_CASE("timeline: the original's sweeper gives no reason and no time for an end; both are filled in") {
  const Slab slab = slabWith({{State::Ready, 10ms}, {State::Swept, std::nullopt}});
  CHECK(told(slab) == "Submitted@0 Constructed@10 Scheduled@10 Running@10 Ready@10 Swept@10 ");
  CHECK(api::timeline(slab).back().reason == "Idle");
}

TEST_CASE("timeline: the JSON of a change is the original's, byte for byte; an end says why besides") {
  CHECK(api::changeJson({State::Ready, created + 678901us, {}, {}}) == R"({"state":"Ready","time":"2026-01-02T00:00:00.678901Z"})");
  CHECK(api::changeJson({State::Failed, created, "OOMKilled", "It used \"too\" much."}) ==
        R"({"state":"Failed","time":"2026-01-02T00:00:00.000000Z","reason":"OOMKilled","message":"It used \"too\" much."})");
}
