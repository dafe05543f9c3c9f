#include "cluster/events_view.hpp"

#include <array>
#include <string_view>
#include <utility>

namespace spawner::cluster {

namespace {

/// core/v1 name, events.k8s.io/v1 name. What is in no pair has one name in both.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> names = {{{"involvedObject", "regarding"},
                                                                                 {"message", "note"},
                                                                                 {"reportingComponent", "reportingController"},
                                                                                 {"source", "deprecatedSource"},
                                                                                 {"firstTimestamp", "deprecatedFirstTimestamp"},
                                                                                 {"lastTimestamp", "deprecatedLastTimestamp"},
                                                                                 {"count", "deprecatedCount"}}};

Json renamed(const Json& event, bool toCore) {
  Json out = event;
  for (const auto& [core, newer] : names) {
    const std::string_view from = toCore ? newer : core;
    const Json* value = event.find(from);
    out.remove(from);
    if (value != nullptr) out.set(toCore ? core : newer, *value);
  }
  out.set("apiVersion", toCore ? "v1" : "events.k8s.io/v1");
  return out;
}

}  // namespace

Json toEventsV1(const Json& core) { return renamed(core, false); }
Json fromEventsV1(const Json& event) { return renamed(event, true); }

}  // namespace spawner::cluster
