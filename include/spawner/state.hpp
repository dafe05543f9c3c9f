#pragma once
// The states of a session-lived backend, in order of rank. States are facts, set once; the newest is the one of highest rank.

#include <array>
#include <optional>
#include <string_view>

namespace spawner {

/// Rank order: a later enumerator outranks an earlier one. Swept and Failed are terminal; the first one set wins.
enum class State { Submitted, Constructed, Scheduled, Running, Ready, Swept, Failed };

inline constexpr std::array<State, 7> allStates = {State::Submitted, State::Constructed, State::Scheduled, State::Running,
                                                   State::Ready,     State::Swept,       State::Failed};
static_assert(allStates.back() == static_cast<State>(allStates.size() - 1), "a state is missing in allStates");

constexpr std::string_view toString(State state) {
  switch (state) {
    case State::Submitted: return "Submitted";
    case State::Constructed: return "Constructed";
    case State::Scheduled: return "Scheduled";
    case State::Running: return "Running";
    case State::Ready: return "Ready";
    case State::Swept: return "Swept";
    case State::Failed: return "Failed";
  }
  return {};
}
/// The status field of the state: its name with a small first letter ("ready").
constexpr std::string_view fieldName(State state) {
  switch (state) {
    case State::Submitted: return "submitted";
    case State::Constructed: return "constructed";
    case State::Scheduled: return "scheduled";
    case State::Running: return "running";
    case State::Ready: return "ready";
    case State::Swept: return "swept";
    case State::Failed: return "failed";
  }
  return {};
}
constexpr std::optional<State> parseState(std::string_view text) {
  for (State state : allStates)
    if (toString(state) == text) return state;
  return std::nullopt;
}
constexpr bool isTerminal(State state) { return state == State::Swept || state == State::Failed; }

}  // namespace spawner
