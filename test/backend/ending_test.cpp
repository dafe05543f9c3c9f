#include <catch2/catch.hpp>

#include "backend/decide.hpp"
#include "backend/derive.hpp"
#include "samples.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace spawner::backend;

namespace {

ContainerView terminated(std::string name, int code, std::string reason = "", int signal = 0, std::string message = "") {
  ContainerView c;
  c.name = std::move(name);
  c.terminated = true;
  c.exitCode = code;
  c.reason = std::move(reason);
  c.signal = signal;
  c.message = std::move(message);
  return c;
}

/// A second, healthy container stands first: statuses come in any order.
PodView withApp(ContainerView app, const std::string& phase) {
  const Slab slab = sampleSlab();
  PodView pod = runningPod(slab);
  pod.phase = phase;
  ContainerView helper;
  helper.name = "a-helper";
  helper.running = true;
  pod.containerNames = {"my-app", "a-helper"};
  pod.containers = {helper, std::move(app)};
  return pod;
}

}  // namespace

TEST_CASE("fault 02: every way in which an application ends is seen, in every phase") {
  struct Row {
    std::string name;
    ContainerView app;
    State state;
    std::string reason;
    std::optional<int> signal;
  };
  const auto row = GENERATE(values<Row>({
      {"error", terminated("my-app", 1, "Error"), State::Failed, "Error", {}},
      {"no reason given", terminated("my-app", 3), State::Failed, "Error", {}},
      {"out of memory", terminated("my-app", 137, "OOMKilled"), State::Failed, "OOMKilled", 9},
      {"killed", terminated("my-app", 137, "Error"), State::Failed, "Error", 9},
      {"killed, signal told", terminated("my-app", 255, "Error", 11), State::Failed, "Error", 11},
      {"cannot be started", terminated("my-app", 128, "StartError", 0, "no such file"), State::Failed, "StartError", {}},
      {"normal", terminated("my-app", 0, "Completed"), State::Swept, "Completed", {}},
      {"normal, no reason given", terminated("my-app", 0), State::Swept, "Completed", {}},
  }));
  const std::string phase = GENERATE("Pending", "Running", "Succeeded", "Failed", "Unknown");
  CAPTURE(row.name, phase);
  const auto ending = endingOf(withApp(row.app, phase));
  REQUIRE(ending);
  // What never ran did not end "with code 128".
  CHECK((ending->message.find("could not be started: no such file.") != std::string::npos) == (row.reason == "StartError"));
  CHECK((ending->message.find("128") != std::string::npos) == false);
  CHECK(ending->state == row.state);
  CHECK(ending->reason == row.reason);
  CHECK(ending->exitCode == row.app.exitCode);
  CHECK(ending->signal == row.signal);
  CHECK_FALSE(ending->message.empty());
  CHECK_THAT(ending->message, Catch::Contains(row.app.message));
}

TEST_CASE("fault 03: the application is containers[0], whatever its name") {
  const std::string name = GENERATE("spawner-app", "app", "x", "spawner-application");
  PodView pod = runningPod(sampleSlab());
  pod.containerNames = {name, "other"};
  pod.containers = {terminated("other", 1, "Error")};
  CHECK_FALSE(endingOf(pod));  // another container's end is its own business
  pod.containers.push_back(terminated(name, 1, "Error"));
  CHECK(endingOf(pod));
}

TEST_CASE("fault 14: a normal exit ends the session though the sidecar goes on") {
  PodView pod = withApp(terminated("my-app", 0, "Completed"), "Running");
  const auto ending = endingOf(pod);
  REQUIRE(ending);
  CHECK(ending->state == State::Swept);
  CHECK(ending->reason == reasons::completed);
}

TEST_CASE("what Kubernetes decides is taken over, with its reason") {
  struct Row {
    std::string phase, podReason, disruption;
    bool deleting;
    std::string reason;
  };
  const auto row = GENERATE(values<Row>({
      {"Failed", "Evicted", "", false, "Evicted"},
      {"Failed", "NodeLost", "", false, "NodeLost"},
      {"Failed", "Preempting", "", false, "Preempted"},
      {"Failed", "Terminated", "", false, "NodeShutdown"},
      {"Failed", "NodeShutdown", "TerminationByKubelet", false, "NodeShutdown"},
      {"Failed", "DeadlineExceeded", "", false, "DeadlineExceeded"},
      {"Failed", "OutOfcpu", "", false, "PodFailed"},
      {"Running", "", "PreemptionByScheduler", true, "Preempted"},
      {"Running", "", "DeletionByTaintManager", true, "NodeLost"},
      {"Failed", "", "DeletionByPodGC", false, "NodeLost"},
      {"Running", "", "EvictionByEvictionAPI", true, "Evicted"},
      {"Running", "NodeLost", "", true, "NodeLost"},
      {"Running", "", "", true, "PodDeleted"},
  }));
  PodView pod = runningPod(sampleSlab());
  pod.phase = row.phase;
  pod.reason = row.podReason;
  pod.disruptionReason = row.disruption;
  pod.meta.deleting = row.deleting;
  CAPTURE(row.phase, row.podReason, row.disruption);
  const auto ending = endingOf(pod);
  REQUIRE(ending);
  CHECK(ending->state == State::Failed);
  CHECK(ending->reason == row.reason);
}

TEST_CASE("an application that a deletion ended did not complete") {
  PodView pod = withApp(terminated("my-app", 0, "Completed"), "Running");
  pod.meta.deleting = true;
  const auto ending = endingOf(pod);
  REQUIRE(ending);
  CHECK(ending->reason == reasons::podDeleted);
  CHECK(ending->exitCode == 0);
}

TEST_CASE("trouble that is not the end ends nothing") {
  const Slab slab = sampleSlab();
  CHECK_FALSE(endingOf(samplePod(slab)));
  CHECK_FALSE(endingOf(runningPod(slab)));
  PodView pod = runningPod(slab);
  pod.disruptionReason = "PreemptionByScheduler";  // announced, not yet deleted
  CHECK_FALSE(endingOf(pod));
  pod = runningPod(slab);
  pod.phase = "Unknown";  // the node is out of contact
  pod.reason = "NodeLost";
  CHECK_FALSE(endingOf(pod));
  pod = runningPod(slab);
  pod.initContainers = {terminated(std::string(names::sidecarContainer), 1, "Error")};  // native: the kubelet starts it again
  CHECK_FALSE(endingOf(pod));
}

TEST_CASE("a dead sidecar in container mode is an end at once") {
  PodView pod = runningPod(sampleSlab());
  pod.initContainers.clear();
  pod.containerNames.emplace_back(names::sidecarContainer);
  pod.containers.push_back(terminated(std::string(names::sidecarContainer), 137, "OOMKilled"));
  const auto ending = endingOf(pod);
  REQUIRE(ending);
  CHECK(ending->reason == reasons::sidecarFailed);
  CHECK(ending->signal == 9);
  pod.containers[0] = terminated("my-app", 2, "Error");  // both: the application's end tells more
  CHECK(endingOf(pod)->reason == reasons::error);
}

TEST_CASE("a failed init container is told") {
  PodView pod = samplePod(sampleSlab());
  pod.phase = "Failed";
  pod.initContainers = {terminated("prepare", 4, "Error")};
  const auto ending = endingOf(pod);
  REQUIRE(ending);
  CHECK(ending->reason == reasons::podFailed);
  CHECK(ending->exitCode == 4);
  CHECK_THAT(ending->message, Catch::Contains("prepare"));
}
