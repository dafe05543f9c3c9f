#pragma once
// Rules for a SessionLivedBackend beyond the schema. Creating one equals creating a pod, so what a pod may ask for is bounded here.
// Pure. Thread: any.

#include <optional>
#include <string>
#include <vector>

#include "spawner/backend.hpp"

namespace spawner::backend {

struct ValidationOptions {
  /// Pod and container fields that are refused unless named here: "serviceAccountName", "hostPID", "privileged", … "*": all.
  std::vector<std::string> allowedPodFields;
};

struct Refusal {
  std::string reason;   // one of backend::reasons: InvalidName, InvalidSpec, FieldNotAllowed
  std::string message;  // one sentence: what is wrong, where, and what to do
};

/// Null: nothing to say against it.
std::optional<Refusal> validate(const Slab& slab, const ValidationOptions& options);
/// The name alone (DNS-1035, at most 63).
std::optional<Refusal> validateName(std::string_view name);
/// Every name that allowedPodFields knows, in order: for help texts and to refuse a misspelt option.
const std::vector<std::string>& guardedPodFields();

}  // namespace spawner::backend
