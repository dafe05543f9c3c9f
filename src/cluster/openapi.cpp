// ApiServer's /openapi/v3: enough for kubectl's validation (it looks for the fieldValidation parameter) and explain. Slabs have the CRD's
// whole schema, built-in types only an outline.

#include <fmt/format.h>

#include <algorithm>

#include "cluster/api_impl.hpp"

namespace spawner::cluster {

namespace {

Json gvk(const ResourceType& type) { return Json::object({{"group", type.group}, {"version", type.version}, {"kind", type.kind}}); }

/// "dev.spawner.v1.SessionLivedBackend", "io.k8s.api.core.v1.Pod".
std::string schemaName(const ResourceType& type) {
  if (type.custom) return fmt::format("dev.spawner.{}.{}", type.version, type.kind);
  const std::string_view group = type.group.empty() ? std::string_view("core") : type.group.substr(0, type.group.find('.'));
  return fmt::format("io.k8s.api.{}.{}.{}", group, type.version, type.kind);
}

Json text(std::string_view description) { return Json::object({{"type", "string"}, {"description", description}}); }
Json open(std::string_view description) {
  return Json::object({{"type", "object"}, {"description", description}, {"x-kubernetes-preserve-unknown-fields", true}});
}

Json metaSchema() {
  const auto strings = [](std::string_view description) {
    return Json::object({{"type", "object"}, {"description", description}, {"additionalProperties", Json::object({{"type", "string"}})}});
  };
  return Json::object(
      {{"type", "object"},
       {"description", "Standard object's metadata."},
       {"properties",
        Json::object({{"name", text("Unique within the namespace.")},
                      {"generateName", text("A prefix: the server adds five random characters.")},
                      {"namespace", text("The namespace.")},
                      {"uid", text("Unique in time and space. Read-only.")},
                      {"resourceVersion", text("The object's version. Opaque.")},
                      {"creationTimestamp", text("When it was made. Read-only.")},
                      {"deletionTimestamp", text("When it will be gone. Read-only.")},
                      {"labels", strings("To organize and select objects.")},
                      {"annotations", strings("Whatever tools need to keep with the object.")},
                      {"ownerReferences",
                       Json::object({{"type", "array"}, {"items", open("An owner: the object goes when all its owners are gone.")}})},
                      {"finalizers", Json::object({{"type", "array"}, {"items", Json::object({{"type", "string"}})}})}})}});
}

Json outline(const ResourceType& type) {
  return Json::object({{"type", "object"},
                       {"description", fmt::format("{} as in Kubernetes; this server has only its outline.", type.kind)},
                       {"properties", Json::object({{"apiVersion", text("The version of this representation.")},
                                                    {"kind", text("The kind of the object.")},
                                                    {"metadata", Json::object({{"$ref", "#/components/schemas/ObjectMeta"}})},
                                                    {"spec", open("What is wanted.")},
                                                    {"status", open("What is.")}})},
                       {"x-kubernetes-preserve-unknown-fields", true}});
}

Json schemaOf(const ResourceType& type, const Json& crd) {
  Json schema = outline(type);
  if (type.custom) {
    const Json& version = crd.find({"spec", "versions"})->items().front();
    schema = *version.find({"schema", "openAPIV3Schema"});
    schema.edit("properties").set("metadata", Json::object({{"$ref", "#/components/schemas/ObjectMeta"}}));
  }
  schema.set("x-kubernetes-group-version-kind", Json::array({gvk(type)}));
  return schema;
}

Json operation(const ResourceType& type, std::string_view action, bool writes) {
  Json out = Json::object({{"x-kubernetes-action", action},
                           {"x-kubernetes-group-version-kind", gvk(type)},
                           {"responses", Json::object({{"200", Json::object({{"description", "OK"}})}})}});
  if (writes) {
    Json parameters = Json::array();
    for (const std::string_view name : {"dryRun", "fieldManager", "fieldValidation"})
      parameters.editItems().push_back(Json::object({{"name", name}, {"in", "query"}, {"schema", Json::object({{"type", "string"}})}}));
    out.set("parameters", parameters);
  }
  return out;
}

Json document(std::string_view group, std::string_view version, const Json& crd, const std::string& gitVersion) {
  Json paths = Json::object();
  Json schemas = Json::object({{"ObjectMeta", metaSchema()}});
  for (const ResourceType* type : allTypes()) {
    if (type->group != group || type->version != version) continue;
    schemas.set(schemaName(*type), schemaOf(*type, crd));
    const std::string base = fmt::format("{}/{}{}", type->group.empty() ? "/api" : "/apis", type->apiVersion(),
                                         type->namespaced ? "/namespaces/{namespace}" : "");
    const std::string all = fmt::format("{}/{}", base, type->plural);
    paths.set(all, Json::object({{"get", operation(*type, "list", false)}, {"post", operation(*type, "post", true)}}));
    paths.set(all + "/{name}", Json::object({{"get", operation(*type, "get", false)},
                                             {"put", operation(*type, "put", true)},
                                             {"patch", operation(*type, "patch", true)},
                                             {"delete", operation(*type, "delete", false)}}));
  }
  return Json::object({{"openapi", "3.0.0"},
                       {"info", Json::object({{"title", "Spawner's embedded Kubernetes"}, {"version", gitVersion}})},
                       {"paths", paths},
                       {"components", Json::object({{"schemas", schemas}})}});
}

}  // namespace

std::optional<Response> ApiServer::Impl::openApi(const Route& route) const {
  const std::vector<std::string>& s = route.segments;
  if (s.size() < 2 || s[0] != "openapi" || s[1] != "v3") return std::nullopt;
  if (s.size() == 2) {
    Json paths = Json::object();
    for (const std::string_view path : {"api/v1", "apis/apiextensions.k8s.io/v1", "apis/coordination.k8s.io/v1", "apis/spawner.dev/v1"})
      paths.set(path, Json::object({{"serverRelativeURL", fmt::format("/openapi/v3/{}?hash={}", path, options.gitVersion)}}));
    return jsonResponse(200, Json::object({{"paths", paths}}).dump());
  }
  if (s.size() == 4 && s[2] == "api" && s[3] == "v1") return jsonResponse(200, document("", "v1", crd, options.gitVersion).dump());
  if (s.size() == 5 && s[2] == "apis" && std::any_of(allTypes().begin(), allTypes().end(), [&s](const ResourceType* type) {
        return type->group == s[3] && type->version == s[4];
      }))
    return jsonResponse(200, document(s[3], s[4], crd, options.gitVersion).dump());
  return std::nullopt;
}

}  // namespace spawner::cluster
