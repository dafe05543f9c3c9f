#include "backend/events.hpp"

#include "backend/derive.hpp"

namespace spawner::backend {
namespace {

EventText eventOf(State state, const std::optional<EndInfo>& end) {
  EventText event{state == State::Failed ? "Warning" : "Normal", std::string(toString(state)), std::string(stateMessage(state))};
  if (isTerminal(state) && end && !end->reason.empty()) event.message = end->reason + ": " + end->message;
  return event;
}

}  // namespace

std::optional<EventMode> parseEventMode(std::string_view text) {
  if (text == "write") return EventMode::Write;
  if (text == "state") return EventMode::State;
  if (text == "none") return EventMode::None;
  return std::nullopt;
}

std::vector<EventText> eventsOf(const std::vector<State>& newStates, const std::optional<EndInfo>& end, EventMode mode) {
  std::vector<EventText> events;
  if (mode == EventMode::None || newStates.empty()) return events;
  if (mode == EventMode::State) {
    for (const State state : newStates) events.push_back(eventOf(state, end));
    return events;
  }
  EventText event = eventOf(newStates.back(), end);
  if (newStates.size() > 1) {
    event.message += " (After";
    for (std::size_t i = 0; i + 1 < newStates.size(); ++i) event.message += (i == 0 ? " " : ", ") + std::string(toString(newStates[i]));
    event.message += ".)";
  }
  events.push_back(std::move(event));
  return events;
}

}  // namespace spawner::backend
