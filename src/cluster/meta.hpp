#pragma once
// Metadata: names, labels and owner references: what is checked and filled in for every object, whatever its type. Pure. Thread: any.

#include <string>
#include <string_view>

#include "cluster/failure.hpp"
#include "cluster/json.hpp"
#include "cluster/resource.hpp"
#include "spawner/random.hpp"
#include "spawner/time.hpp"

namespace spawner::cluster {

/// A random UUID (RFC 9562 §5.4).
std::string makeUid(Random& random);
/// The base and five random characters of the API server's alphabet (no vowels, nothing that reads like another).
std::string generateName(std::string_view base, Random& random);

bool isDns1123Label(std::string_view name);      // at most 63
bool isDns1123Subdomain(std::string_view name);  // at most 253

/// 400 where metadata has a field of a wrong type, as a typed decoder refuses it.
std::optional<Failure> checkMetaTypes(const Json& object);
/// Name by the type's rule, labels, annotations, owner references.
void validateMeta(const ResourceType& type, const Json& object, FieldErrors& errors);
/// What an update may never change: name, namespace, uid, creationTimestamp.
void validateMetaUpdate(const Json& object, const Json& old, FieldErrors& errors);

}  // namespace spawner::cluster
