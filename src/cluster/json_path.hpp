#pragma once
// The part of JSONPath that a CRD's printer columns use: .a.b, [0], [?(@.type=="Ready")]. Pure.

#include <string_view>

#include "cluster/json.hpp"

namespace spawner::cluster {

/// The value at the path; null when there is none or when the path has a form that is not known.
const Json* findByPath(const Json& root, std::string_view path);

}  // namespace spawner::cluster
