#pragma once
// The resources that Spawner's roles use, and their paths.

#include <string>
#include <string_view>

#include "spawner/names.hpp"

namespace spawner::k8s {

/// A resource type: group ("" = core), version and plural. All of ours are namespaced but nodes.
struct Resource {
  std::string_view group;
  std::string_view version;
  std::string_view plural;
  std::string_view kind;
  bool namespaced = true;

  /// "/api/v1/namespaces/spawner/pods" or "/apis/spawner.dev/v1/…"; an empty ns means all namespaces. Name and subresource are appended
  /// when given.
  [[nodiscard]] std::string path(std::string_view ns, std::string_view name = {}, std::string_view subresource = {}) const;
};

inline constexpr Resource slabs{names::group, names::version, names::plural, names::kind};
inline constexpr Resource pods{"", "v1", "pods", "Pod"};
inline constexpr Resource services{"", "v1", "services", "Service"};
inline constexpr Resource events{"", "v1", "events", "Event"};
inline constexpr Resource secrets{"", "v1", "secrets", "Secret"};
inline constexpr Resource leases{"coordination.k8s.io", "v1", "leases", "Lease"};

}  // namespace spawner::k8s
