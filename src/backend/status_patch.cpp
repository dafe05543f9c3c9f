#include "backend/status_patch.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "backend/derive.hpp"
#include "base/text.hpp"
#include "spawner/names.hpp"

namespace spawner::backend {
namespace {

using Json = nlohmann::ordered_json;

constexpr WallTime::duration tick{1};

std::size_t index(State state) { return static_cast<std::size_t>(state); }

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// Times of conditions are Kubernetes' Time, which has whole seconds.
Json conditionsJson(const std::vector<Condition>& conditions) {
  Json list = Json::array();
  for (const Condition& condition : conditions) {
    Json item = {{"type", condition.type},
                 {"status", condition.status},
                 {"reason", condition.reason},
                 {"message", condition.message},
                 {"lastTransitionTime", toRfc3339(condition.lastTransitionTime)}};
    if (condition.observedGeneration != 0) item["observedGeneration"] = condition.observedGeneration;
    list.push_back(std::move(item));
  }
  return list;
}

Json endJson(const EndInfo& end) {
  Json json = {{"reason", end.reason}, {"message", end.message}, {"time", toRfc3339Micro(end.time)}};
  if (end.exitCode) json["exitCode"] = *end.exitCode;
  if (end.signal) json["signal"] = *end.signal;
  if (!end.log.empty()) json["log"] = end.log;
  return json;
}

void putText(Json& json, const char* name, const std::string& text) {
  if (!text.empty()) json[name] = text;
}

void putState(Json& status, State state, WallTime time) {
  status[std::string(fieldName(state))] = true;
  status["stateTimes"][std::string(fieldName(state))] = toRfc3339Micro(time);
}

void putFacts(Json& status, const SweptPod& pod) {
  putText(status, "nodeName", pod.nodeName);
  putText(status, "podName", pod.podName);
  putText(status, "podUID", pod.podUid);
  putText(status, "podIP", pod.podIp);
}

/// A sweeper's guess: what the controller would derive from the same facts. observedGeneration is not the sweeper's to know.
void putDerived(Json& status, const Slab& slab) {
  const Derived derived = derive(slab);
  status["phase"] = derived.phase;
  status["reason"] = derived.reason;
  status["message"] = derived.message;
  status["conditions"] = conditionsJson(derived.conditions);
}

void set(Slab& slab, State state, WallTime time) {
  slab.status.reached[index(state)] = true;
  slab.status.stateTimes[index(state)] = time;
}

/// A JSON patch that sets these fields of the status, if the object is still the one of this uid.
std::string sweeperPatch(std::string_view uid, const Json& status) {
  Json operations = Json::array();
  operations.push_back({{"op", "test"}, {"path", "/metadata/uid"}, {"value", uid}});
  const auto add = [&](const std::string& path, const Json& value) {
    operations.push_back({{"op", "add"}, {"path", path}, {"value", value}});
  };
  for (const auto& [name, value] : status.items()) {
    if (name != "stateTimes") {
      add("/status/" + name, value);
      continue;
    }
    for (const auto& [state, time] : value.items()) add("/status/stateTimes/" + state, time);
  }
  return dump(operations);
}

/// One difference of a text fact: null takes an emptied one away.
void diffText(Json& patch, const char* name, const std::string& before, const std::string& after) {
  if (before != after) patch[name] = after.empty() ? Json(nullptr) : Json(after);
}

void diffFacts(Json& patch, const SlabStatus& before, const SlabStatus& after) {
  for (const State state : allStates) {
    const std::string name(fieldName(state));
    if (before.reached[index(state)] != after.reached[index(state)]) patch[name] = after.reached[index(state)];
    const auto& time = after.stateTimes[index(state)];
    if (before.stateTimes[index(state)] != time) patch["stateTimes"][name] = time ? Json(toRfc3339Micro(*time)) : Json(nullptr);
  }
  diffText(patch, "nodeName", before.nodeName, after.nodeName);
  diffText(patch, "ip", before.ip, after.ip);
  if (before.port != after.port) patch["port"] = after.port ? Json(*after.port) : Json(nullptr);
  diffText(patch, "url", before.url, after.url);
  diffText(patch, "podName", before.podName, after.podName);
  diffText(patch, "podUID", before.podUid, after.podUid);
  diffText(patch, "podIP", before.podIp, after.podIp);
  if (before.end != after.end) patch["end"] = after.end ? endJson(*after.end) : Json(nullptr);
  if (before.contactLost != after.contactLost)
    patch["contactLost"] = after.contactLost
                               ? Json{{"since", toRfc3339Micro(after.contactLost->since)}, {"message", after.contactLost->message}}
                               : Json(nullptr);
}

}  // namespace

WallTime stateTime(WallTime now, std::optional<WallTime> last) { return last ? std::max(now, *last + tick) : now; }

std::string runningPatch(const SweptPod& pod, WallTime running) {
  Slab slab;
  Json status;
  set(slab, State::Running, running);
  putState(status, State::Running, running);
  putFacts(status, pod);
  putDerived(status, slab);
  return sweeperPatch(pod.slabUid, status);
}

std::string readyPatch(const SweptPod& pod, std::optional<WallTime> running, WallTime ready) {
  Slab slab;
  Json status;
  if (running) {
    set(slab, State::Running, *running);
    putState(status, State::Running, *running);
  }
  set(slab, State::Ready, ready);
  putState(status, State::Ready, ready);
  putFacts(status, pod);
  putDerived(status, slab);
  return sweeperPatch(pod.slabUid, status);
}

std::string endPatch(const SweptPod& pod, State state, const EndInfo& end) {
  Slab slab;
  Json status;
  set(slab, state, end.time);
  slab.status.end = end;
  putState(status, state, end.time);
  status["end"] = endJson(end);
  putFacts(status, pod);
  putDerived(status, slab);
  return sweeperPatch(pod.slabUid, status);
}

std::string contactLostPatch(std::string_view slabUid, WallTime since, std::string_view message) {
  return sweeperPatch(slabUid, Json{{"contactLost", {{"since", toRfc3339Micro(since)}, {"message", message}}}});
}

std::string contactRegainedPatch(std::string_view slabUid) { return sweeperPatch(slabUid, Json{{"contactLost", nullptr}}); }

std::string statusPatch(const Slab& before, const SlabStatus& after) {
  Json patch = Json::object();
  diffFacts(patch, before.status, after);
  diffText(patch, "phase", before.status.phase, after.phase);
  diffText(patch, "reason", before.status.reason, after.reason);
  diffText(patch, "message", before.status.message, after.message);
  if (before.status.observedGeneration != after.observedGeneration) patch["observedGeneration"] = after.observedGeneration;
  if (before.status.conditions != after.conditions) patch["conditions"] = conditionsJson(after.conditions);
  if (patch.empty()) return {};
  return dump(
      Json{{"metadata", {{"uid", before.meta.uid}, {"resourceVersion", before.meta.resourceVersion}}}, {"status", std::move(patch)}});
}

void reach(SlabStatus& status, State state, WallTime now) {
  status.reached[index(state)] = true;
  auto& time = status.stateTimes[index(state)];
  if (time) return;
  std::optional<WallTime> lower, upper;
  for (const State other : allStates) {
    const auto& t = status.stateTimes[index(other)];
    if (!t) continue;
    if (other < state) lower = lower ? std::max(*lower, *t) : *t;
    if (other > state) upper = upper ? std::min(*upper, *t) : *t;
  }
  time = stateTime(now, lower);
  if (upper && *time >= *upper) time = *upper - tick;
}

}  // namespace spawner::backend
