#include <catch2/catch.hpp>

#include "backend/decode.hpp"
#include "backend/derive.hpp"
#include "backend/status_patch.hpp"
#include "base/crypto.hpp"
#include "samples.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace spawner::backend;
using nlohmann::json;

namespace {

const SweptPod pod{"slab-uid", "spawner-abc", "pod-uid", "10.1.2.3", "node-1"};

/// What an API server makes of a sweeper's patch.
Slab afterJsonPatch(const Slab& before, const std::string& patch) {
  const json result = slabToJson(before).patch(json::parse(patch));
  auto slab = decodeSlab(result.dump());
  REQUIRE(slab.ok());
  return *slab;
}

Slab afterMergePatch(const Slab& before, const std::string& patch) {
  json document = slabToJson(before);
  json change = json::parse(patch);
  CHECK(change["metadata"]["uid"] == before.meta.uid);
  CHECK(change["metadata"]["resourceVersion"] == before.meta.resourceVersion);
  document.merge_patch(change);
  auto slab = decodeSlab(document.dump());
  REQUIRE(slab.ok());
  return *slab;
}

/// A slab as the controller left it with patch A.
Slab afterPatchA() {
  Slab slab = sampleSlab();
  setReached(slab, State::Scheduled);
  apply(slab.status, derive(slab));
  return slab;
}

}  // namespace

TEST_CASE("a sweeper's guess leaves the controller nothing to mend") {
  const Slab before = afterPatchA();
  const auto nothingToMend = [](const Slab& slab) { return differences(slab.status, derive(slab)); };

  const Slab ready = afterJsonPatch(before, readyPatch(pod, wall(5), wall(5, 1)));
  CHECK(ready.state() == State::Ready);
  CHECK(ready.status.podUid == "pod-uid");
  CHECK(ready.status.podIp == "10.1.2.3");
  CHECK(nothingToMend(ready).empty());
  CHECK(ready.status.stateTimes[static_cast<std::size_t>(State::Running)] == wall(5));

  const Slab running = afterJsonPatch(before, runningPatch(pod, wall(5)));
  CHECK(running.state() == State::Running);
  CHECK(nothingToMend(running).empty());
  const Slab late = afterJsonPatch(running, readyPatch(pod, std::nullopt, wall(60)));
  CHECK(late.state() == State::Ready);
  CHECK(late.status.stateTimes[static_cast<std::size_t>(State::Running)] == wall(5));
  CHECK(nothingToMend(late).empty());

  const Slab swept = afterJsonPatch(ready, endPatch(pod, State::Swept, EndInfo{"Idle", "It was unused for 300 s.", {}, {}, wall(400)}));
  CHECK(swept.state() == State::Swept);
  CHECK(swept.status.end->reason == "Idle");
  CHECK(swept.status.reason == "Idle");
  CHECK(nothingToMend(swept).empty());

  const Slab failed = afterJsonPatch(before, endPatch(pod, State::Failed, EndInfo{"StartTimeout", "It did not listen.", 1, 9, wall(400)}));
  CHECK(failed.state() == State::Failed);
  CHECK(failed.status.end->exitCode == 1);
  CHECK(nothingToMend(failed).empty());
}

TEST_CASE("a sweeper's patch does not touch a later object of the same name") {
  Slab another = afterPatchA();
  another.meta.uid = "another-uid";
  for (const std::string& patch :
       {readyPatch(pod, wall(5), wall(6)), runningPatch(pod, wall(5)), endPatch(pod, State::Swept, EndInfo{"Idle", "m", {}, {}, wall(7)}),
        contactLostPatch("slab-uid", wall(1), "m"), contactRegainedPatch("slab-uid")}) {
    CAPTURE(patch);
    CHECK_THROWS_AS(slabToJson(another).patch(json::parse(patch)), json::other_error);
  }
}

TEST_CASE("lost contact is a fact that can be taken back, and ends nothing") {
  Slab before = afterPatchA();
  const Slab lost = afterJsonPatch(before, contactLostPatch("slab-uid", wall(9), "no answer from 10.1.2.3"));
  REQUIRE(lost.status.contactLost);
  CHECK(lost.state() == State::Scheduled);
  CHECK(differences(lost.status, derive(lost)) == std::vector<std::string>{"conditions"});
  Slab mended = lost;
  apply(mended.status, derive(lost));
  CHECK(mended.status.conditions.back().type == "ContactLost");
  CHECK(mended.status.conditions.back().message == "no answer from 10.1.2.3");
  const Slab regained = afterJsonPatch(mended, contactRegainedPatch("slab-uid"));
  CHECK_FALSE(regained.status.contactLost);
  apply(mended.status, derive(regained));
  CHECK(mended.status.conditions.size() == 1);
}

TEST_CASE("the controller's patch turns any status into any other") {
  const auto random = seededRandom(7);
  const auto change = [&](SlabStatus& status) {
    const auto maybe = [&] { return random->below(2) == 0; };
    const auto word = [&] { return maybe() ? std::string() : "w" + std::to_string(random->below(5)); };
    for (const State state : allStates) {
      status.reached[static_cast<std::size_t>(state)] = maybe();
      status.stateTimes[static_cast<std::size_t>(state)] = maybe() ? std::optional(wall(static_cast<int>(random->below(9)))) : std::nullopt;
    }
    for (std::string* text : {&status.nodeName, &status.ip, &status.url, &status.podName, &status.podUid, &status.podIp, &status.phase,
                              &status.reason, &status.message})
      *text = word();
    status.port = maybe() ? std::optional(std::uint16_t{9090}) : std::nullopt;
    status.observedGeneration = static_cast<std::int64_t>(random->below(3));
    status.end =
        maybe() ? std::optional(EndInfo{"R" + word(), word(), maybe() ? std::optional(1) : std::nullopt, {}, wall(1)}) : std::nullopt;
    status.contactLost = maybe() ? std::optional(ContactLostInfo{wall(2), word()}) : std::nullopt;
    status.conditions.clear();
    if (maybe()) status.conditions.push_back(Condition{"Ready", "True", word(), word(), 0, wall(3)});
  };
  for (int i = 0; i < 2000; ++i) {
    Slab before = sampleSlab();
    change(before.status);
    SlabStatus after = before.status;
    if (random->below(10) != 0) change(after);
    // A merge patch cannot take half of an end away; the controller never changes one.
    if (before.status.end) after.end = before.status.end;
    const std::string patch = statusPatch(before, after);
    if (after == before.status) {
      REQUIRE(patch.empty());
      continue;
    }
    CAPTURE(patch);
    REQUIRE(afterMergePatch(before, patch).status == after);
  }
}

TEST_CASE("times of states are in order of rank whatever the clocks say") {
  CHECK(stateTime(wall(5), std::nullopt) == wall(5));
  CHECK(stateTime(wall(5), wall(3)) == wall(5));
  CHECK(stateTime(wall(5), wall(9)) == wall(9, 1));
  SlabStatus status;
  reach(status, State::Submitted, wall(100));
  reach(status, State::Constructed, wall(50));  // the clock went back
  CHECK(*status.stateTimes[1] == wall(100, 1));
  reach(status, State::Constructed, wall(500));  // set once
  CHECK(*status.stateTimes[1] == wall(100, 1));
  reach(status, State::Ready, wall(200));
  reach(status, State::Running, wall(300));  // written late: it was before Ready
  CHECK(*status.stateTimes[3] == wall(199, 999'999));
  CHECK(status.has(State::Running));
}

TEST_CASE("derived fields follow from facts") {
  Slab slab = sampleSlab();
  CHECK(derive(slab).phase == "Submitted");
  setReached(slab, State::Ready);
  slab.meta.generation = 3;
  Derived derived = derive(slab);
  CHECK(derived.phase == "Ready");
  CHECK(derived.observedGeneration == 3);
  REQUIRE(derived.conditions.size() == 1);
  CHECK(derived.conditions[0].status == "True");
  CHECK(derived.conditions[0].lastTransitionTime == wall(4));
  apply(slab.status, derived);
  CHECK(differences(slab.status, derive(slab)).empty());
  slab.status.message = "x";
  slab.status.observedGeneration = 1;
  CHECK(differences(slab.status, derive(slab)) == std::vector<std::string>{"message", "observedGeneration"});
}

TEST_CASE("the original's writers are understood") {
  Slab slab = sampleSlab();
  slab.status.reached[static_cast<std::size_t>(State::Ready)] = true;  // {"status":{"ready":true}}
  CHECK(derive(slab).phase == "Ready");
  slab.status.reached[static_cast<std::size_t>(State::Swept)] = true;
  const Derived swept = derive(slab);
  CHECK(swept.phase == "Swept");
  CHECK(swept.reason == "Idle");
  REQUIRE(swept.conditions.size() == 2);
  CHECK(swept.conditions[0].status == "False");
  CHECK(swept.conditions[1].type == "Finished");
}

TEST_CASE("edits that have no effect are told, and conditions of others are kept") {
  Slab slab = sampleSlab();
  setReached(slab, State::Ready);
  slab.status.conditions.push_back(Condition{"example.org/Mine", "True", "R", "m", 2, wall(1)});
  Derived derived = derive(slab, {"template", wall(77)});
  REQUIRE(derived.conditions.size() == 3);
  CHECK(derived.conditions[1].type == "SpecIgnored");
  CHECK_THAT(derived.conditions[1].message, Catch::Contains("template"));
  CHECK(derived.conditions[1].lastTransitionTime == wall(77));
  CHECK(derived.conditions[2].type == "example.org/Mine");
  apply(slab.status, derived);
  CHECK(derive(slab, {std::nullopt, wall(99)}).conditions[1] == derived.conditions[1]);  // not known: as it was
  CHECK(derive(slab, {"template", wall(99)}).conditions[1].lastTransitionTime == wall(77));
  CHECK(derive(slab, {"", wall(99)}).conditions.size() == 2);
}
