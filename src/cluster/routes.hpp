#pragma once
// Routes: what a request's target means: a resource, with namespace, name and subresource, or another path; and its query. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/resource.hpp"

namespace spawner::cluster {

class Query {
 public:
  static Query parse(std::string_view text);
  /// The first value; nullopt when absent.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  [[nodiscard]] std::string_view get(std::string_view name) const { return find(name).value_or(std::string_view()); }
  /// "true" or "1".
  [[nodiscard]] bool isTrue(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

struct Route {
  std::vector<std::string> segments;  // the path, percent-decoded
  Query query;
  const ResourceType* type = nullptr;  // null: not a path of a resource that is served
  bool eventsV1 = false;               // asked for as events.k8s.io/v1
  std::string ns, name, subresource;

  /// nullopt for a target with bad percent-encoding.
  static std::optional<Route> parse(std::string_view target);
};

}  // namespace spawner::cluster
