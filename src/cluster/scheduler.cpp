#include "cluster/scheduler.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace spawner::cluster {

namespace {

std::string_view nodeOf(const ObjectPtr& pod) { return pod ? pod->json().textAt({"spec", "nodeName"}) : std::string_view(); }

/// The node whose room the pod takes: none after its end.
std::string_view seatOf(const ObjectPtr& pod) {
  if (!pod) return {};
  const std::string_view phase = pod->json().textAt({"status", "phase"});
  return phase == "Succeeded" || phase == "Failed" ? std::string_view() : nodeOf(pod);
}

bool isReady(const Json& node) {
  const Json* conditions = node.find({"status", "conditions"});
  return !node.truthAt({"spec", "unschedulable"}) && node.find({"metadata", "deletionTimestamp"}) == nullptr && conditions != nullptr &&
         std::any_of(conditions->items().begin(), conditions->items().end(),
                     [](const Json& one) { return one.textAt({"type"}) == "Ready" && one.textAt({"status"}) == "True"; });
}

bool selects(const Json& pod, const Json& node) {
  const Json* selector = pod.find({"spec", "nodeSelector"});
  if (selector == nullptr) return true;
  return std::all_of(selector->members().begin(), selector->members().end(), [&node](const Json::Member& one) {
    return node.textAt({"metadata", "labels", one.first}) == one.second.text();
  });
}

void setCondition(Json& pod, Json condition) {
  Json::Array& conditions = pod.edit("status").edit("conditions").editItems();
  const std::string_view type = condition.textAt({"type"});
  const auto same = std::find_if(conditions.begin(), conditions.end(), [type](const Json& one) { return one.textAt({"type"}) == type; });
  if (same != conditions.end())
    *same = std::move(condition);
  else
    conditions.push_back(std::move(condition));
}

}  // namespace

bool Scheduler::observe(const ResourceType& type, const std::string& key, const ObjectPtr& before, const ObjectPtr& after) {
  if (&type == &types::nodes) return !pending_.empty();
  if (&type != &types::pods) return false;
  const std::string_view was = seatOf(before);
  const std::string_view is = seatOf(after);
  if (was != is) {
    if (!was.empty() && --taken_[std::string(was)] == 0) taken_.erase(std::string(was));
    if (!is.empty()) ++taken_[std::string(is)];
  }
  const bool waits =
      after && nodeOf(after).empty() && !after->deleting() && after->json().textAt({"spec", "schedulerName"}) == "default-scheduler";
  if (!waits) {
    pending_.erase(key);
    return !was.empty() && is.empty() && !pending_.empty();  // room for another
  }
  return pending_.insert(key).second;
}

void Scheduler::run(Now now) {
  const std::set<std::string> pending = pending_;  // binding changes the set
  for (const std::string& key : pending) {
    const ObjectPtr pod = server_.store().find(types::pods, key);
    if (!pod || !nodeOf(pod).empty() || pod->deleting()) continue;
    std::string why = options_.unschedulable ? options_.unschedulable(pod->json()) : std::string();
    const ObjectPtr node = why.empty() ? choose(pod->json(), why) : nullptr;
    if (node)
      bind(*pod, *node, now);
    else
      refuse(*pod, why, now);
  }
}

ObjectPtr Scheduler::choose(const Json& pod, std::string& why) {
  const Store::Table& nodes = server_.store().objects(types::nodes);
  std::size_t notReady = 0, notSelected = 0, full = 0;
  auto it = nodes.upper_bound(last_);
  for (std::size_t i = 0; i < nodes.size(); ++i, ++it) {
    if (it == nodes.end()) it = nodes.begin();
    const ObjectPtr& node = it->second;
    const auto taken = taken_.find(it->first);
    const auto room = parseUnsigned(node->json().textAt({"status", "allocatable", "pods"}));
    if (!isReady(node->json()))
      ++notReady;
    else if (!selects(pod, node->json()))
      ++notSelected;
    else if (room && taken != taken_.end() && static_cast<std::uint64_t>(taken->second) >= *room)
      ++full;
    else {
      last_ = it->first;
      return node;
    }
  }
  why = fmt::format("0/{} nodes are available", nodes.size());
  if (notReady > 0) why += fmt::format(": {} node(s) were not ready or unschedulable", notReady);
  if (notSelected > 0) why += fmt::format(": {} node(s) didn't match Pod's node affinity/selector", notSelected);
  if (full > 0) why += fmt::format(": {} Too many pods", full);
  return nullptr;
}

void Scheduler::bind(const Object& pod, const Object& node, Now now) {
  Json json = pod.json();
  json.edit("spec").set("nodeName", node.name());
  setCondition(
      json,
      Json::object({{"type", "PodScheduled"}, {"status", "True"}, {"lastProbeTime", Json()}, {"lastTransitionTime", toRfc3339(now.wall)}}));
  const ObjectPtr placed = server_.store().put(types::pods, std::move(json));
  ++bound_;
  if (options_.schedulerEvents)
    server_.recordEvent(*placed, "Normal", "Scheduled", fmt::format("Successfully assigned {} to {}", pod.key(), node.name()),
                        "default-scheduler", now);
}

void Scheduler::refuse(const Object& pod, const std::string& why, Now now) {
  const Json* conditions = pod.json().find({"status", "conditions"});
  if (conditions != nullptr)
    for (const Json& one : conditions->items())
      if (one.textAt({"type"}) == "PodScheduled" && one.textAt({"message"}) == why) return;  // said already
  Json json = pod.json();
  setCondition(json, Json::object({{"type", "PodScheduled"},
                                   {"status", "False"},
                                   {"reason", "Unschedulable"},
                                   {"message", why},
                                   {"lastProbeTime", Json()},
                                   {"lastTransitionTime", toRfc3339(now.wall)}}));
  const ObjectPtr refused = server_.store().put(types::pods, std::move(json));
  ++refused_;
  if (options_.schedulerEvents) server_.recordEvent(*refused, "Warning", "FailedScheduling", why, "default-scheduler", now);
}

}  // namespace spawner::cluster
