#include "modes/api/answers.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "backend/builders.hpp"
#include "base/text.hpp"
#include "http/router.hpp"
#include "modes/api/timeline.hpp"
#include "modes/role/sessions.hpp"

namespace spawner::api {

namespace {

using Json = nlohmann::ordered_json;

Json orNull(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

std::string backendUrl(const Options& options, const std::string& name, std::string_view call) {
  if (options.apiServerBase.empty()) return {};
  std::string base = options.apiServerBase;
  while (base.ends_with('/')) base.pop_back();
  return base + "/backend/" + name + "/" + std::string(call);
}

Json summary(const Options& options, const std::string& name, const Slab& slab) {
  const StateChange newest = timeline(slab).back();
  Json json = {{"name", name},
               {"state", toString(newest.state)},
               {"time", toRfc3339Micro(newest.time)},
               {"url", orNull(sessionUrl(options, name))},
               {"createdAt", toRfc3339Micro(slab.meta.creationTime)},
               {"gracePeriodSeconds", slab.spec.gracePeriodSeconds},
               {"node", orNull(slab.status.nodeName)}};
  json["labels"] = Json::object();
  for (const auto& [key, value] : slab.meta.labels) json["labels"][key] = value;
  if (isTerminal(newest.state)) json["reason"] = newest.reason;
  return json;
}

Json endJson(const EndInfo& end) {
  Json json = {
      {"reason", end.reason}, {"message", end.message}, {"exitCode", nullptr}, {"signal", nullptr}, {"time", toRfc3339Micro(end.time)}};
  if (end.exitCode) json["exitCode"] = *end.exitCode;
  if (end.signal) json["signal"] = *end.signal;
  if (!end.log.empty()) json["log"] = end.log;
  return json;
}

Json conditionsJson(const Slab& slab) {
  Json list = Json::array();
  for (const Condition& condition : slab.status.conditions)
    list.push_back({{"type", condition.type},
                    {"status", condition.status},
                    {"reason", condition.reason},
                    {"message", condition.message},
                    {"lastTransitionTime", toRfc3339(condition.lastTransitionTime)}});
  return list;
}

/// Text that came from outside may be any bytes: never throws.
std::string text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::string sessionUrl(const Options& options, const std::string& name) {
  std::string url = options.urlTemplate;
  for (std::size_t at = 0; (at = url.find("{}", at)) != std::string::npos; at += name.size()) url.replace(at, 2, name);
  return url;
}
std::string readyUrl(const Options& options, const std::string& name) { return backendUrl(options, name, "ready"); }
std::string statusUrl(const Options& options, const std::string& name) { return backendUrl(options, name, "status"); }

std::string spawnJson(const Options& options, const std::string& name) {
  return text(Json{{"url", orNull(sessionUrl(options, name))},
                   {"name", name},
                   {"readyUrl", orNull(readyUrl(options, name))},
                   {"statusUrl", orNull(statusUrl(options, name))}});
}

std::string summaryJson(const Options& options, const std::string& name, const Slab& slab) { return text(summary(options, name, slab)); }

std::string detailJson(const Options& options, const std::string& name, const Slab& slab) {
  Json json = summary(options, name, slab);
  json["readyUrl"] = orNull(readyUrl(options, name));
  json["statusUrl"] = orNull(statusUrl(options, name));
  json["inClusterUrl"] = orNull(slab.status.url);
  json["image"] = orNull(backend::applicationImage(slab));
  json["httpPort"] = slab.spec.httpPort;
  json["startupTimeoutSeconds"] = slab.spec.startupTimeoutSeconds;
  json["maxLifetimeSeconds"] = slab.spec.maxLifetimeSeconds ? Json(*slab.spec.maxLifetimeSeconds) : Json(nullptr);
  json["states"] = Json::array();
  for (const StateChange& change : timeline(slab))
    json["states"].push_back({{"state", toString(change.state)}, {"time", toRfc3339Micro(change.time)}});
  if (isTerminal(slab.state())) {
    json["end"] = endJson(role::endOf(slab));
  } else {
    json["reason"] = orNull(slab.status.reason);
    json["message"] = orNull(slab.status.message);
    json["end"] = nullptr;
  }
  json["conditions"] = conditionsJson(slab);
  return text(json);
}

http::Response busy(std::string_view reason, std::string_view detail, Duration retryAfter) {
  http::Response response = http::problem(503, reason, detail);
  const auto seconds = std::max(std::chrono::ceil<std::chrono::seconds>(retryAfter), std::chrono::seconds(1));
  response.headers.set("Retry-After", std::to_string(seconds.count()));
  return response;
}

http::Response kubeProblem(const Error& error, const std::string& what) {
  const std::string detail = what + ": " + error.message;
  switch (error.kind) {
    case ErrorKind::NotFound: return http::problem(404, "NotFound", detail);
    case ErrorKind::Conflict: return http::problem(409, "Conflict", detail);
    case ErrorKind::Invalid:
    case ErrorKind::InvalidArgument: return http::problem(422, "Invalid", detail);
    case ErrorKind::Limit: return busy("Busy", detail, error.retryAfter.value_or(Duration::zero()));
    case ErrorKind::TooManyRequests:
    case ErrorKind::Server:
    case ErrorKind::Timeout:
    case ErrorKind::Disconnected: return busy("KubernetesUnavailable", detail, error.retryAfter.value_or(Duration::zero()));
    case ErrorKind::Forbidden:
      // Kubernetes answers a full ResourceQuota with 403.
      if (error.message.find("exceeded quota") != std::string::npos) return busy("QuotaExceeded", detail, std::chrono::seconds(10));
      [[fallthrough]];
    default: return http::problem(500, toString(error.kind), detail);
  }
}

}  // namespace spawner::api
