#pragma once
// CEL rules of our own CRD, implemented natively: rule text → function. A rule that is not in the table is refused when the schema is
// compiled. Pure.

#include <string_view>

#include "cluster/json.hpp"

namespace spawner::cluster {

/// True when the rule holds. `old` is null on creation (and only for rules without oldSelf).
using CelRule = bool (*)(const Json& self, const Json* old);
struct KnownCelRule {
  CelRule holds = nullptr;
  bool transition = false;  // uses oldSelf: only checked on update
};
/// holds is null for an unknown rule.
KnownCelRule findCelRule(std::string_view text);

}  // namespace spawner::cluster
