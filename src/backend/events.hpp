#pragma once
// The Kubernetes Events of a status write. Whoever writes a state records its Event, once the write succeeded. Pure. Thread: any.

#include <optional>
#include <string>
#include <vector>

#include "spawner/backend.hpp"

namespace spawner::backend {

enum class EventMode {
  Write,  // one Event a status write; the states that it passed on the way are named in its message
  State,  // one for each state
  None,
};
std::optional<EventMode> parseEventMode(std::string_view text);  // "write", "state", "none"

struct EventText {
  std::string type;     // "Normal"; "Warning" for Failed
  std::string reason;   // the state's name; action is the same (the original's contract)
  std::string message;  // one sentence, with the reason of an end
};
/// newStates: in order of rank, those that this write set.
std::vector<EventText> eventsOf(const std::vector<State>& newStates, const std::optional<EndInfo>& end, EventMode mode);

}  // namespace spawner::backend
