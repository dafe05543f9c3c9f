#pragma once
// Kubernetes JSON → typed values, with simdjson on demand: about 5 µs a pod, no document kept. Pure. Thread: any (each thread has its own
// parser).

#include <string_view>

#include "spawner/backend.hpp"
#include "spawner/result.hpp"

namespace spawner::backend {

/// Each: unknown fields are skipped, missing and null ones leave the member's default, a field of another JSON type than its own is an
/// InvalidArgument that names it. metadata.name is required. Numbers out of a member's range are InvalidArgument too.
/// Of a SessionLivedBackend, spec.template is kept as raw text; empty when missing (validate() refuses that).
Result<Slab> decodeSlab(std::string_view json);
Result<PodView> decodePod(std::string_view json);
Result<ServiceView> decodeService(std::string_view json);

}  // namespace spawner::backend
