// ApiServer's discovery: what is served, in the legacy form (kubectl falls back to it from the aggregated one), version and health.

#include <fmt/format.h>

#include <array>

#include "base/text.hpp"
#include "cluster/api_impl.hpp"

namespace spawner::cluster {

namespace {

struct Group {
  std::string_view name, version;
};
constexpr std::array<Group, 5> groups = {{{"apiextensions.k8s.io", "v1"},
                                          {"authorization.k8s.io", "v1"},
                                          {"coordination.k8s.io", "v1"},
                                          {"events.k8s.io", "v1"},
                                          {"spawner.dev", "v1"}}};

Json textArray(std::span<const std::string_view> texts) {
  Json out = Json::array();
  for (const std::string_view text : texts) out.editItems().emplace_back(text);
  return out;
}

Json versionOf(const Group& group) {
  return Json::object({{"groupVersion", fmt::format("{}/{}", group.name, group.version)}, {"version", group.version}});
}

Json groupJson(const Group& group) {
  return Json::object({{"name", group.name}, {"versions", Json::array({versionOf(group)})}, {"preferredVersion", versionOf(group)}});
}

Json resourceJson(const ResourceType& type, std::string_view subresource) {
  Json out = Json::object({{"name", subresource.empty() ? std::string(type.plural) : fmt::format("{}/{}", type.plural, subresource)},
                           {"singularName", subresource.empty() ? type.singular : std::string_view()},
                           {"namespaced", type.namespaced},
                           {"kind", type.kind}});
  if (subresource == "status") {
    out.set("verbs", Json::array({"get", "patch", "update"}));
  } else if (!subresource.empty()) {
    out.set("verbs", Json::array({"get"}));
  } else {
    constexpr std::array<std::string_view, 8> all = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
    constexpr std::array<std::string_view, 3> reads = {"get", "list", "watch"};
    out.set("verbs", type.readOnly ? textArray(reads) : textArray(all));
    if (!type.shortNames.empty()) out.set("shortNames", textArray(type.shortNames));
    if (!type.categories.empty()) out.set("categories", textArray(type.categories));
  }
  return out;
}

Json resourceList(std::string_view group, std::string_view version) {
  Json resources = Json::array();
  for (const ResourceType* type : allTypes()) {
    const bool eventsV1 = type == &types::events && group == "events.k8s.io";
    if ((type->group != group && !eventsV1) || type->version != version) continue;
    resources.editItems().push_back(resourceJson(*type, {}));
    if (type->hasStatus) resources.editItems().push_back(resourceJson(*type, "status"));
    if (type == &types::pods) resources.editItems().push_back(resourceJson(*type, "log"));
  }
  if (group == "authorization.k8s.io")
    resources.editItems().push_back(Json::object({{"name", "selfsubjectaccessreviews"},
                                                  {"singularName", "selfsubjectaccessreview"},
                                                  {"namespaced", false},
                                                  {"kind", "SelfSubjectAccessReview"},
                                                  {"verbs", Json::array({"create"})}}));
  return Json::object({{"kind", "APIResourceList"},
                       {"apiVersion", "v1"},
                       {"groupVersion", group.empty() ? std::string(version) : fmt::format("{}/{}", group, version)},
                       {"resources", resources}});
}

/// There is no authorization here: whoever reaches the server may do everything.
Response accessReview(const Request& request) {
  Result<Json> review = Json::parse(request.body);
  // kubectl's own body is protobuf, which is not read here; the answer is the same whatever it asks.
  if (!review || !review->isObject()) review = Json::object();
  review->set("kind", "SelfSubjectAccessReview");
  review->set("apiVersion", "authorization.k8s.io/v1");
  review->edit("metadata");
  review->set("status", Json::object({{"allowed", true}, {"reason", "the embedded cluster has no authorization"}}));
  return jsonResponse(201, review->dump());
}

Json versionJson(const std::string& gitVersion) {
  const auto parts = split(std::string_view(gitVersion).substr(1), '.');
  return Json::object({{"major", parts.front()},
                       {"minor", parts.size() > 1 ? parts[1] : std::string_view("0")},
                       {"gitVersion", gitVersion},
                       {"gitCommit", ""},
                       {"gitTreeState", "clean"},
                       {"buildDate", "1970-01-01T00:00:00Z"},
                       {"goVersion", ""},
                       {"compiler", "g++"},
                       {"platform", "linux/amd64"}});
}

Json rootPaths() {
  Json paths = Json::array({"/api", "/api/v1", "/apis"});
  for (const Group& group : groups) {
    paths.editItems().emplace_back(fmt::format("/apis/{}", group.name));
    paths.editItems().emplace_back(fmt::format("/apis/{}/{}", group.name, group.version));
  }
  for (const std::string_view path : {"/healthz", "/livez", "/openapi/v3", "/readyz", "/version"}) paths.editItems().emplace_back(path);
  return Json::object({{"paths", paths}});
}

}  // namespace

std::optional<Response> ApiServer::Impl::discovery(const Request& request, const Route& route) const {
  const std::vector<std::string>& s = route.segments;
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (s.size() == 4 && s[0] == "apis" && s[1] == "authorization.k8s.io" && s[3] == "selfsubjectaccessreviews")
    return request.method == "POST" ? accessReview(request) : failures::methodNotAllowed().response();
  std::optional<Json> found;
  if (s.empty()) {
    found = rootPaths();
  } else if (s.size() == 1 && (s[0] == "healthz" || s[0] == "livez" || s[0] == "readyz")) {
    Response ok = jsonResponse(200, "ok");
    ok.contentType = "text/plain; charset=utf-8";
    return ok;
  } else if (s.size() == 1 && s[0] == "version") {
    found = versionJson(options.gitVersion);
  } else if (s.size() == 1 && s[0] == "api") {
    found = Json::object({{"kind", "APIVersions"},
                          {"versions", Json::array({"v1"})},
                          {"serverAddressByClientCIDRs",
                           Json::array({Json::object({{"clientCIDR", "0.0.0.0/0"}, {"serverAddress", request.header("Host")}})})}});
  } else if (s.size() == 1 && s[0] == "apis") {
    Json list = Json::array();
    for (const Group& group : groups) list.editItems().push_back(groupJson(group));
    found = Json::object({{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", list}});
  } else if (s.size() == 2 && s[0] == "api" && s[1] == "v1") {
    found = resourceList("", "v1");
  } else if (s.size() >= 2 && s.size() <= 3 && s[0] == "apis") {
    for (const Group& group : groups) {
      if (group.name != s[1]) continue;
      if (s.size() == 3) {
        if (s[2] == group.version) found = resourceList(group.name, group.version);
        continue;
      }
      found = groupJson(group);
      found->set("kind", "APIGroup");
      found->set("apiVersion", "v1");
    }
  }
  if (!found) return std::nullopt;
  return reads ? jsonResponse(200, found->dump()) : failures::methodNotAllowed().response();
}

}  // namespace spawner::cluster
