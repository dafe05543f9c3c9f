#include "cluster/agent_status.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "spawner/names.hpp"

namespace spawner::cluster {
namespace {

using Json = nlohmann::json;

Json stateOf(const ContainerState& state, const std::string& id) {
  switch (state.kind) {
    case ContainerState::Kind::Waiting: return {{"waiting", {{"reason", state.reason}, {"message", state.message}}}};
    case ContainerState::Kind::Running: return {{"running", {{"startedAt", toRfc3339(state.startedAt)}}}};
    case ContainerState::Kind::Terminated: break;
  }
  Json terminated = {{"exitCode", state.exitCode},
                     {"reason", state.reason},
                     {"startedAt", toRfc3339(state.startedAt)},
                     {"finishedAt", toRfc3339(state.finishedAt)},
                     {"containerID", id}};
  if (!state.message.empty()) terminated["message"] = state.message;
  if (state.signal) terminated["signal"] = *state.signal;
  return {{"terminated", std::move(terminated)}};
}

bool isRunning(const AgentPod::Slot& slot) { return slot.state.kind == ContainerState::Kind::Running; }

/// Ready: runs; an ordinary init container is ready once it has completed.
bool isReady(const AgentPod::Slot& slot, bool init) {
  if (isRunning(slot)) return !init || slot.plan.sidecar;
  return init && !slot.plan.sidecar && slot.state.kind == ContainerState::Kind::Terminated && slot.state.exitCode == 0;
}

Json containerStatus(const AgentPod::Slot& slot, bool init) {
  const std::string id = slot.running ? slot.running->id() : std::string();
  Json status = {
      {"name", slot.plan.name},       {"image", slot.plan.image},   {"imageID", slot.plan.image},    {"containerID", id},
      {"ready", isReady(slot, init)}, {"started", isRunning(slot)}, {"restartCount", slot.restarts}, {"state", stateOf(slot.state, id)},
      {"lastState", Json::object()}};
  if (slot.last) status["lastState"] = stateOf(*slot.last, {});
  return status;
}

Json condition(std::string_view type, bool holds, WallTime now, std::string_view reason = {}, std::string_view message = {}) {
  Json entry = {{"type", type}, {"status", holds ? "True" : "False"}, {"lastProbeTime", nullptr}, {"lastTransitionTime", toRfc3339(now)}};
  if (!reason.empty()) entry["reason"] = reason;
  if (!message.empty()) entry["message"] = message;
  return entry;
}

}  // namespace

std::string podStatusPatch(const AgentPod& pod, const std::string& nodeIp, WallTime now) {
  const bool ready = std::all_of(pod.slots().begin(), pod.slots().end(), [](const AgentPod::Slot& slot) { return isReady(slot, false); });
  const std::string_view unready = ready ? "" : "ContainersNotReady";
  const PodFacts& facts = pod.facts();
  Json conditions = Json::array({condition("PodScheduled", true, facts.startedAt), condition("Initialized", facts.initialized, now),
                                 condition("ContainersReady", ready, now, unready), condition("Ready", ready, now, unready)});
  if (!facts.portProblem.empty())
    conditions.push_back(condition(names::listensOnPortCondition, false, now, "OtherPort", facts.portProblem));

  Json init = Json::array();
  for (const AgentPod::Slot& slot : pod.initSlots()) init.push_back(containerStatus(slot, true));
  Json containers = Json::array();
  for (const AgentPod::Slot& slot : pod.slots()) containers.push_back(containerStatus(slot, false));

  Json status = {{"phase", pod.phase()},
                 {"podIP", facts.ip},
                 {"podIPs", Json::array({{{"ip", facts.ip}}})},
                 {"hostIP", nodeIp},
                 {"startTime", toRfc3339(facts.startedAt)},
                 {"conditions", std::move(conditions)},
                 {"containerStatuses", std::move(containers)},
                 {"qosClass", "BestEffort"}};
  if (!init.empty()) status["initContainerStatuses"] = std::move(init);
  return Json{{"status", std::move(status)}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace spawner::cluster
