#include "backend/spawn.hpp"

#include <nlohmann/json.hpp>

namespace spawner::backend {
namespace {

using Json = nlohmann::ordered_json;

Json metadata(const SpawnParameters& p) {
  Json meta = Json::object();
  if (!p.name.empty()) meta["name"] = p.name;
  if (p.name.empty() && !p.generateName.empty()) meta["generateName"] = p.generateName;
  if (!p.ns.empty()) meta["namespace"] = p.ns;
  if (!p.labels.empty()) meta["labels"] = p.labels;
  if (!p.annotations.empty()) meta["annotations"] = p.annotations;
  return meta;
}

Json podTemplate(const SpawnParameters& p) {
  Json container = {{"name", names::appContainer}, {"image", p.image}};
  if (!p.imagePullPolicy.empty()) container["imagePullPolicy"] = p.imagePullPolicy;
  if (!p.env.empty()) {
    Json env = Json::array();
    for (const auto& [name, value] : p.env) env.push_back({{"name", name}, {"value", value}});
    container["env"] = std::move(env);
  }
  if (!p.resourcesJson.empty()) {
    Json resources = Json::parse(p.resourcesJson, nullptr, /*allow_exceptions=*/false);
    if (resources.is_object()) container["resources"] = std::move(resources);
  }
  Json result = {{"containers", Json::array({std::move(container)})}};
  if (!p.imagePullSecret.empty()) result["imagePullSecrets"] = Json::array({Json{{"name", p.imagePullSecret}}});
  return result;
}

}  // namespace

std::string slabJson(const SpawnParameters& p) {
  Json spec = {{"template", podTemplate(p)}};
  if (p.gracePeriodSeconds) spec["gracePeriodSeconds"] = *p.gracePeriodSeconds;
  if (p.port) spec["httpPort"] = *p.port;
  if (p.startupTimeoutSeconds) spec["startupTimeoutSeconds"] = *p.startupTimeoutSeconds;
  if (p.maxLifetimeSeconds) spec["maxLifetimeSeconds"] = *p.maxLifetimeSeconds;
  if (p.ttlSecondsAfterFinished) spec["ttlSecondsAfterFinished"] = *p.ttlSecondsAfterFinished;
  Json slab = {{"apiVersion", names::apiVersion}, {"kind", names::kind}, {"metadata", metadata(p)}, {"spec", std::move(spec)}};
  return slab.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace spawner::backend
