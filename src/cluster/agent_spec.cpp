#include "cluster/agent_spec.hpp"

#include <nlohmann/json.hpp>

namespace spawner::cluster {
namespace {

using Json = nlohmann::json;

std::string textAt(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::vector<std::string> listAt(const Json& object, const char* key) {
  std::vector<std::string> list;
  const auto it = object.find(key);
  if (it == object.end() || !it->is_array()) return list;
  for (const Json& item : *it)
    if (item.is_string()) list.push_back(item.get<std::string>());
  return list;
}

std::map<std::string, std::string> mapAt(const Json& object, const char* key) {
  std::map<std::string, std::string> map;
  const auto it = object.find(key);
  if (it == object.end() || !it->is_object()) return map;
  for (const auto& [name, value] : it->items())
    if (value.is_string()) map[name] = value.get<std::string>();
  return map;
}

std::optional<std::int64_t> numberAt(const Json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_number_integer()) return std::nullopt;
  return it->get<std::int64_t>();
}

EnvPlan envOf(const Json& item) {
  EnvPlan env{textAt(item, "name"), textAt(item, "value"), {}, {}, {}, {}, false};
  const auto from = item.find("valueFrom");
  if (from == item.end() || !from->is_object()) return env;
  if (from->contains("fieldRef")) env.fieldPath = textAt(from->at("fieldRef"), "fieldPath");
  for (const auto& [source, target] :
       {std::pair{"secretKeyRef", &EnvPlan::secretName}, std::pair{"configMapKeyRef", &EnvPlan::configName}}) {
    if (!from->contains(source)) continue;
    const Json& reference = from->at(source);
    env.*target = textAt(reference, "name");
    env.key = textAt(reference, "key");
    env.optional = reference.value("optional", false);
  }
  return env;
}

/// A hook's port is a number or the name of one of the container's ports.
std::optional<HookPlan> preStopOf(const Json& container) {
  const Json::json_pointer where("/lifecycle/preStop/httpGet");
  if (!container.contains(where)) return std::nullopt;
  const Json& get = container.at(where);
  HookPlan hook{textAt(get, "path"), 0};
  if (const auto number = numberAt(get, "port")) hook.port = static_cast<std::uint16_t>(*number);
  const std::string name = textAt(get, "port");
  if (!name.empty() && container.contains("ports"))
    for (const Json& port : container.at("ports"))
      if (textAt(port, "name") == name) hook.port = static_cast<std::uint16_t>(numberAt(port, "containerPort").value_or(0));
  return hook.port == 0 ? std::nullopt : std::optional(hook);
}

ContainerPlan containerOf(const Json& item, bool init) {
  ContainerPlan plan;
  plan.name = textAt(item, "name");
  plan.image = textAt(item, "image");
  plan.command = listAt(item, "command");
  plan.args = listAt(item, "args");
  plan.workingDir = textAt(item, "workingDir");
  plan.preStop = preStopOf(item);
  plan.logTailOnError = textAt(item, "terminationMessagePolicy") == "FallbackToLogsOnError";
  plan.sidecar = init && textAt(item, "restartPolicy") == "Always";
  const auto env = item.find("env");
  if (env != item.end() && env->is_array())
    for (const Json& variable : *env) plan.env.push_back(envOf(variable));
  return plan;
}

PodPlan planOf(const Json& pod) {
  PodPlan plan;
  const Json& meta = pod.at("metadata");
  plan.ns = textAt(meta, "namespace");
  plan.name = textAt(meta, "name");
  plan.uid = textAt(meta, "uid");
  plan.labels = mapAt(meta, "labels");
  plan.annotations = mapAt(meta, "annotations");
  plan.deleting = meta.contains("deletionTimestamp");
  const Json& spec = pod.at("spec");
  plan.nodeName = textAt(spec, "nodeName");
  if (const std::string policy = textAt(spec, "restartPolicy"); !policy.empty()) plan.restartPolicy = policy;
  plan.graceSeconds = static_cast<std::uint32_t>(numberAt(spec, "terminationGracePeriodSeconds").value_or(30));
  plan.deletionGraceSeconds = static_cast<std::uint32_t>(numberAt(meta, "deletionGracePeriodSeconds").value_or(plan.graceSeconds));
  for (const auto& [key, list, init] :
       {std::tuple{"initContainers", &plan.initContainers, true}, std::tuple{"containers", &plan.containers, false}}) {
    const auto items = spec.find(key);
    if (items == spec.end() || !items->is_array()) continue;
    for (const Json& item : *items) list->push_back(containerOf(item, init));
  }
  if (const auto status = pod.find("status"); status != pod.end() && status->is_object()) plan.phase = textAt(*status, "phase");
  return plan;
}

}  // namespace

Result<PodPlan> parsePodPlan(std::string_view json) {
  try {
    PodPlan plan = planOf(Json::parse(json));
    if (plan.containers.empty()) return Error{ErrorKind::InvalidArgument, "pod " + plan.key() + " has no containers", {}};
    return plan;
  } catch (const Json::exception& problem) { return Error{ErrorKind::InvalidArgument, std::string("not a pod: ") + problem.what(), {}}; }
}

std::string expandVariables(std::string_view text, const std::vector<std::pair<std::string, std::string>>& variables) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '$' || i + 1 >= text.size()) {
      out += text[i++];
      continue;
    }
    if (text[i + 1] == '$') {  // an escaped dollar
      out += '$';
      i += 2;
      continue;
    }
    const std::size_t end = text[i + 1] == '(' ? text.find(')', i + 2) : std::string_view::npos;
    if (end == std::string_view::npos) {
      out += text[i++];
      continue;
    }
    const std::string_view name = text.substr(i + 2, end - i - 2);
    std::string_view value = text.substr(i, end + 1 - i);
    for (const auto& [known, content] : variables)
      if (known == name) value = content;
    out += value;
    i = end + 1;
  }
  return out;
}

}  // namespace spawner::cluster
