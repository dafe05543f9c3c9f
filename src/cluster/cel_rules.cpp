#include "cluster/cel_rules.hpp"

#include "base/text.hpp"

namespace spawner::cluster {

namespace {

bool unchanged(const Json& self, const Json* old) { return old != nullptr && self == *old; }
bool notSidecarPort(const Json& self, const Json*) { return self.integer() != 9090; }
bool serviceName(const Json& self, const Json*) { return isDns1035Label(self.textAt({"metadata", "name"})); }
bool endStays(const Json& self, const Json* old) {
  const Json* before = old != nullptr ? old->find("end") : nullptr;
  return before == nullptr || (self.find("end") != nullptr && self.textAt({"end", "reason"}) == before->textAt({"reason"}));
}

bool isOver(const Json& status) {
  const std::string_view phase = status.textAt({"phase"});
  return phase == "Swept" || phase == "Failed";
}
bool staysOver(const Json& self, const Json* old) { return old == nullptr || !isOver(*old) || isOver(self); }

struct Known {
  std::string_view text;
  KnownCelRule rule;
};
constexpr Known table[] = {
    {"self == oldSelf", {unchanged, true}},
    {"self != 9090", {notSidecarPort, false}},
    {"self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')", {serviceName, false}},
    {"!has(oldSelf.end) || (has(self.end) && self.end.reason == oldSelf.end.reason)", {endStays, true}},
    {"!has(oldSelf.phase) || !(oldSelf.phase in ['Swept', 'Failed']) || (has(self.phase) && self.phase in ['Swept', 'Failed'])",
     {staysOver, true}},
};

}  // namespace

KnownCelRule findCelRule(std::string_view text) {
  for (const Known& known : table)
    if (known.text == text) return known.rule;
  return {};
}

}  // namespace spawner::cluster
