#pragma once
// SpawnRequest: the body of POST /spawn, checked. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "backend/spawn.hpp"
#include "spawner/result.hpp"

namespace spawner::api {

struct SpawnRequest {
  backend::SpawnParameters parameters;     // without namespace, name and annotations
  std::vector<std::string> unknownFields;  // in order of their names; the original ignored them, so they do not fail the spawn
  std::string bodyHash;                    // SHA-256 of the body in canonical form: equal for equal requests
};

/// InvalidArgument: not a JSON object. Invalid: a field has the wrong type or a value out of its range; the message names it.
/// Optional fields may be null, as in the original.
Result<SpawnRequest> parseSpawnRequest(std::string_view body, std::uint32_t defaultGraceSeconds);

/// The value of a Warning field (RFC 7234 §5.5, as Kubernetes sends it): 299 - "unknown field \"x\"".
std::string unknownFieldWarning(std::string_view field);

}  // namespace spawner::api
