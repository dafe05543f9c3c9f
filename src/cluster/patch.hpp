#pragma once
// Patches: how a PATCH body changes an object. Pure. Thread: any.

#include "cluster/failure.hpp"
#include "cluster/json.hpp"

namespace spawner::cluster {

/// RFC 7396.
void mergePatch(Json& target, const Json& patch);
/// RFC 6902. 400 for a patch that is none, 422 for one that does not fit the object (a failed test too); the target is then as before.
std::optional<Failure> jsonPatch(Json& target, const Json& operations);
/// Kubernetes' strategic merge, for built-in types: lists of objects with a known merge key (containers by name, ports by number,
/// conditions by type, …) are merged by it, other lists are replaced. Understands $patch: delete and replace, $deleteFromPrimitiveList;
/// drops the order directives.
std::optional<Failure> strategicMergePatch(Json& target, const Json& patch);

}  // namespace spawner::cluster
