#include "cluster/resource.hpp"

#include <array>

#include "spawner/names.hpp"

namespace spawner::cluster {

namespace {

constexpr std::array<std::string_view, 1> po = {"po"}, svc = {"svc"}, cm = {"cm"}, ev = {"ev"}, ns = {"ns"}, no = {"no"}, sa = {"sa"},
                                          all = {"all"}, extensions = {"api-extensions"};
constexpr std::array<std::string_view, 2> crd = {"crd", "crds"}, slab = {names::shortName, names::pluralShortName};

}  // namespace

namespace types {

constinit const ResourceType namespaces = {.group = "",
                                           .version = "v1",
                                           .plural = "namespaces",
                                           .singular = "namespace",
                                           .kind = "Namespace",
                                           .namespaced = false,
                                           .hasStatus = true,
                                           .shortNames = ns,
                                           .categories = {},
                                           .index = 0};
constinit const ResourceType nodes = {.group = "",
                                      .version = "v1",
                                      .plural = "nodes",
                                      .singular = "node",
                                      .kind = "Node",
                                      .namespaced = false,
                                      .hasStatus = true,
                                      .shortNames = no,
                                      .categories = {},
                                      .index = 1};
constinit const ResourceType pods = {.group = "",
                                     .version = "v1",
                                     .plural = "pods",
                                     .singular = "pod",
                                     .kind = "Pod",
                                     .hasStatus = true,
                                     .hasGeneration = true,
                                     .shortNames = po,
                                     .categories = all,
                                     .index = 2};
constinit const ResourceType services = {.group = "",
                                         .version = "v1",
                                         .plural = "services",
                                         .singular = "service",
                                         .kind = "Service",
                                         .hasStatus = true,
                                         .createOnUpdate = true,
                                         .shortNames = svc,
                                         .categories = all,
                                         .index = 3};
constinit const ResourceType secrets = {.group = "",
                                        .version = "v1",
                                        .plural = "secrets",
                                        .singular = "secret",
                                        .kind = "Secret",
                                        .shortNames = {},
                                        .categories = {},
                                        .index = 4};
constinit const ResourceType configMaps = {.group = "",
                                           .version = "v1",
                                           .plural = "configmaps",
                                           .singular = "configmap",
                                           .kind = "ConfigMap",
                                           .shortNames = cm,
                                           .categories = {},
                                           .index = 5};
constinit const ResourceType events = {.group = "",
                                       .version = "v1",
                                       .plural = "events",
                                       .singular = "event",
                                       .kind = "Event",
                                       .createOnUpdate = true,
                                       .shortNames = ev,
                                       .categories = {},
                                       .index = 6};
constinit const ResourceType serviceAccounts = {.group = "",
                                                .version = "v1",
                                                .plural = "serviceaccounts",
                                                .singular = "serviceaccount",
                                                .kind = "ServiceAccount",
                                                .shortNames = sa,
                                                .categories = {},
                                                .index = 7};
constinit const ResourceType leases = {.group = "coordination.k8s.io",
                                       .version = "v1",
                                       .plural = "leases",
                                       .singular = "lease",
                                       .kind = "Lease",
                                       .unconditionalUpdate = false,
                                       .createOnUpdate = true,
                                       .shortNames = {},
                                       .categories = {},
                                       .index = 8};
constinit const ResourceType crds = {.group = "apiextensions.k8s.io",
                                     .version = "v1",
                                     .plural = "customresourcedefinitions",
                                     .singular = "customresourcedefinition",
                                     .kind = "CustomResourceDefinition",
                                     .namespaced = false,
                                     .readOnly = true,
                                     .shortNames = crd,
                                     .categories = extensions,
                                     .index = 9};
constinit const ResourceType slabs = {.group = names::group,
                                      .version = names::version,
                                      .plural = names::plural,
                                      .singular = names::singular,
                                      .kind = names::kind,
                                      .hasStatus = true,
                                      .hasGeneration = true,
                                      .custom = true,
                                      .unconditionalUpdate = false,
                                      .shortNames = slab,
                                      .categories = {},
                                      .index = 10};

}  // namespace types

std::string ResourceType::apiVersion() const {
  std::string out(group);
  if (!out.empty()) out += '/';
  return out += version;
}

std::string ResourceType::qualified() const {
  std::string out(plural);
  if (!group.empty()) (out += '.') += group;
  return out;
}

std::span<const ResourceType* const> allTypes() {
  using namespace types;
  static constexpr std::array<const ResourceType*, 11> table = {&namespaces, &nodes,           &pods,   &services, &secrets, &configMaps,
                                                                &events,     &serviceAccounts, &leases, &crds,     &slabs};
  return table;
}

const ResourceType* findType(std::string_view group, std::string_view version, std::string_view plural) {
  if (group == "events.k8s.io") group = "";
  for (const ResourceType* type : allTypes())
    if (type->plural == plural && type->group == group && type->version == version) return type;
  return nullptr;
}

}  // namespace spawner::cluster
