#pragma once
// ResourceType: what the embedded API server knows of each resource, in one table.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace spawner::cluster {

/// Constant data. Identity is the address: types are compared by pointer.
struct ResourceType {
  std::string_view group;  // "" = core
  std::string_view version;
  std::string_view plural;
  std::string_view singular;
  std::string_view kind;
  bool namespaced = true;
  bool hasStatus = false;           // the status subresource exists and is isolated
  bool hasGeneration = false;       // metadata.generation counts changes of the spec
  bool custom = false;              // made by a CRD: list items carry apiVersion and kind, no strategic merge patch
  bool unconditionalUpdate = true;  // a PUT without resourceVersion is taken
  bool createOnUpdate = false;      // a PUT of what does not exist makes it
  bool readOnly = false;            // writes are answered with 405
  std::span<const std::string_view> shortNames;
  std::span<const std::string_view> categories;
  std::size_t index = 0;  // position in allTypes()

  /// "v1", "spawner.dev/v1".
  [[nodiscard]] std::string apiVersion() const;
  /// "pods", "sessionlivedbackends.spawner.dev": how messages name it.
  [[nodiscard]] std::string qualified() const;
  /// "PodList".
  [[nodiscard]] std::string listKind() const { return std::string(kind) + "List"; }
};

namespace types {
extern const ResourceType namespaces, nodes, pods, services, secrets, configMaps, events, serviceAccounts, leases, crds, slabs;
}
std::span<const ResourceType* const> allTypes();
/// By group, version and plural; null when unknown. events.k8s.io/v1 events are the core ones in another form (EventsView).
const ResourceType* findType(std::string_view group, std::string_view version, std::string_view plural);

}  // namespace spawner::cluster
