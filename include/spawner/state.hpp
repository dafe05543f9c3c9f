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

constexpr std::string_view toString(State state) {
  constexpr std::array<std::string_view, 7> text = {"Submitted", "Constructed", "Scheduled", "Running", "Ready", "Swept", "Failed"};
  return text[static_cast<std::size_t>(state)];
}
/// The status field of the state: its name with a small first letter ("ready").
constexpr std::string_view fieldName(State state) {
  constexpr std::array<std::string_view, 7> text = {"submitted", "constructed", "scheduled", "running", "ready", "swept", "failed"};
  return text[static_cast<std::size_t>(state)];
}
constexpr std::optional<State> parseState(std::string_view text) {
  for (State state : allStates)
    if (toString(state) == text) return state;
  return std::nullopt;
}
constexpr bool isTerminal(State state) { return state == State::Swept || state == State::Failed; }

}  // namespace spawner
