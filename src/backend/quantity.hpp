#pragma once
// Quantities of resources ("500m", "1Gi"), and what a container may ask for with them. Pure. Thread: any.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace spawner::backend {

/// The number that a Kubernetes quantity means ("1.5Gi", "200m", "1e3"; apimachinery resource.Quantity). Null: it is none.
std::optional<double> parseQuantity(std::string_view text);

/// True for a name that a container may limit: cpu, memory, ephemeral-storage, hugepages-…, or a name with a domain ("example.org/gpu").
bool isContainerResource(std::string_view name);

using Quantities = std::vector<std::pair<std::string, std::string>>;  // name → quantity
struct ResourceProblem {
  std::string part;  // "limits" or "requests"
  std::string name;  // "memory"
  std::string value;
  enum class Kind { NotAQuantity, UnknownName, Negative, AboveLimit } kind = Kind::NotAQuantity;
  std::string detail;  // "must be …"
};
/// The first thing that a real API server would refuse; null: nothing.
std::optional<ResourceProblem> resourceProblem(const Quantities& limits, const Quantities& requests);

}  // namespace spawner::backend
