// What decide() does at the end and with changes of the spec.
#include <catch2/catch.hpp>

#include "backend/decide.hpp"
#include "backend/derive.hpp"
#include "samples.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace spawner::backend;
using namespace std::chrono_literals;

namespace {

struct Ended {
  Slab slab = sampleSlab();
  std::optional<PodView> pod;
  std::optional<ServiceView> service;
  Memory memory;
  Duration now = 0s;

  Ended(State state, const std::string& reason) {
    setReached(slab, state);
    slab.status.end = EndInfo{reason, "m", {}, {}, wall(9)};
    apply(slab.status, derive(slab));
    pod = runningPod(slab);
    service = sampleService(slab);
  }
  std::vector<std::string> look(Duration after = 0s) {
    now += after;
    const Observed observed{&slab, pod ? &*pod : nullptr, service ? &*service : nullptr, wall(100), at(now)};
    remember(memory, observed);
    decision = decide(observed, memory, {});
    std::vector<std::string> result;
    for (const Action& action : decision.actions) result.emplace_back(nameOf(action));
    return result;
  }
  Decision decision;
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a swept object goes at once, and all that it has with it") {
  Ended s(State::Swept, "Idle");
  CHECK(s.look() == Names{"delete object"});
  CHECK(std::get<DeleteSlab>(s.decision.actions[0]).uid == "slab-uid");
}

TEST_CASE("failed and completed objects are kept, their pod and service are not") {
  const auto [state, reason] = GENERATE(table<State, std::string>({{State::Failed, "Error"}, {State::Swept, "Completed"}}));
  Ended s(state, reason);
  CHECK(s.look() == Names{"delete Pod", "delete Service"});
  CHECK(s.decision.requeueAfter == 300s);
  s.pod->meta.deleting = true;
  s.service.reset();
  CHECK(s.look(1s).empty());
  s.pod.reset();
  CHECK(s.look(298s).empty());
  CHECK(s.look(1s) == Names{"delete object"});
}

TEST_CASE("a time to live counts for every end") {
  Ended s(State::Swept, "Idle");
  s.slab.spec.ttlSecondsAfterFinished = 10;
  CHECK(s.look() == Names{"delete Pod", "delete Service"});
  CHECK(s.look(10s) == Names{"delete object"});
  Ended f(State::Failed, "Error");
  f.slab.spec.ttlSecondsAfterFinished = 0;
  CHECK(f.look() == Names{"delete object"});
}

TEST_CASE("an end that was seen before the pod's deletion is the end, whether the pod is still there or not") {
  Slab slab = sampleSlab();
  setReached(slab, State::Ready);
  PodView pod = runningPod(slab);
  pod.containers[0].running = false;
  pod.containers[0].terminated = true;
  pod.containers[0].exitCode = 137;
  pod.containers[0].reason = "OOMKilled";
  const ServiceView service = sampleService(slab);
  Memory memory;
  remember(memory, {&slab, &pod, &service, wall(100), at(0s)});  // and the writes of that moment do not get through
  pod.meta.deleting = true;
  remember(memory, {&slab, &pod, &service, wall(101), at(1s)});
  const bool gone = GENERATE(false, true);
  memory.podAbsenceConfirmed = gone;
  const Decision decision = decide({&slab, gone ? nullptr : &pod, &service, wall(102), at(2s)}, memory, {});
  CHECK(std::get<PatchStatus>(decision.actions.at(0)).after.end->reason == "OOMKilled");
}

TEST_CASE("an object that is being deleted is left to the garbage collector") {
  Ended s(State::Failed, "Error");
  s.slab.meta.deleting = true;
  CHECK(s.look().empty());
  CHECK_FALSE(s.decision.requeueAfter);
}

TEST_CASE("an end that somebody stated bare is completed by the controller") {
  Ended s(State::Failed, "Error");
  s.slab.status.end.reset();
  s.slab.status.phase.clear();
  s.slab.status.conditions.clear();
  s.slab.status.stateTimes[static_cast<std::size_t>(State::Failed)].reset();
  s.pod.reset();
  s.service.reset();
  REQUIRE(s.look() == Names{"patch status"});
  const SlabStatus& after = std::get<PatchStatus>(s.decision.actions[0]).after;
  CHECK(after.phase == "Failed");
  CHECK(after.stateTimes[static_cast<std::size_t>(State::Failed)]);
  CHECK(after.conditions.size() == 2);
}

namespace {

Ended live() {
  Ended s(State::Ready, "");
  s.slab.status.end.reset();
  s.slab.status.podIp = s.pod->podIp;
  apply(s.slab.status, derive(s.slab));
  return s;
}

}  // namespace

TEST_CASE("one write states the end and every fact on the way to it") {
  Ended s = live();
  s.slab.status = {};
  s.pod->containers[0].running = false;
  s.pod->containers[0].terminated = true;
  s.pod->containers[0].exitCode = 2;
  s.pod->containers[0].reason = "Error";
  REQUIRE(s.look() == Names{"patch status"});
  const SlabStatus& after = std::get<PatchStatus>(s.decision.actions[0]).after;
  for (const State state : {State::Constructed, State::Scheduled, State::Running, State::Failed}) CHECK(after.has(state));
  CHECK_FALSE(after.has(State::Ready));
  CHECK(after.podUid == "pod-uid");
  CHECK(after.end->exitCode == 2);
  CHECK(after.end->time == *after.stateTimes[static_cast<std::size_t>(State::Failed)]);
  CHECK(after.phase == "Failed");
  CHECK(after.reason == "Error");
}

TEST_CASE("a longer grace period reaches the pod, and an edit of the template is told") {
  Ended s = live();
  CHECK(s.look().empty());
  s.slab.meta.generation = 2;
  s.slab.spec.gracePeriodSeconds = 900;
  REQUIRE(s.look() == Names{"patch Pod", "patch status"});
  CHECK(std::get<PatchPod>(s.decision.actions[0]).uid == "pod-uid");
  CHECK(std::get<PatchStatus>(s.decision.actions[1]).after.observedGeneration == 2);
  s.pod->meta.annotations[std::string(names::graceAnnotation)] = "900";
  s.pod->meta.annotations[std::string(names::templateHashAnnotation)] = templateHash(s.slab.spec);
  s.slab.spec.templateJson = R"({"containers":[{"name":"my-app","image":"demo:2"}]})";
  REQUIRE(s.look() == Names{"patch status"});
  const SlabStatus& after = std::get<PatchStatus>(s.decision.actions[0]).after;
  CHECK(after.conditions.back().type == "SpecIgnored");
  s.slab.status = after;
  CHECK(s.look().empty());
}

TEST_CASE("what cannot be run is refused once, before anything is made") {
  Ended s = live();
  s.slab.status = {};
  s.pod.reset();
  s.service.reset();
  s.memory.slabIsLive = true;
  std::string reason;
  SECTION("name") {
    s.slab.meta.name = "a.b";
    reason = reasons::invalidName;
  }
  SECTION("spec") {
    s.slab.spec.templateJson = "{}";
    reason = reasons::invalidSpec;
  }
  SECTION("guarded field") {
    s.slab.spec.templateJson = R"({"containers":[{"name":"a","image":"b"}],"hostPID":true})";
    reason = reasons::fieldNotAllowed;
  }
  SECTION("by Kubernetes") {
    s.memory.invalid = "spec.containers[0].env[0].name: Invalid value";
    reason = reasons::invalidSpec;
  }
  REQUIRE(s.look() == Names{"patch status"});
  const SlabStatus& after = std::get<PatchStatus>(s.decision.actions[0]).after;
  CHECK(after.has(State::Failed));
  CHECK(after.end->reason == reason);
}

TEST_CASE("what runs is not judged anew") {
  Ended t = live();
  t.slab.spec.templateJson = "{}";
  CHECK(t.look().empty());
}
