#include "spawner/backend.hpp"

namespace spawner {

State Slab::state() const {
  const auto time = [this](State state) { return status.stateTimes[static_cast<std::size_t>(state)]; };
  if (status.has(State::Swept) && status.has(State::Failed)) {
    const auto swept = time(State::Swept);
    const auto failed = time(State::Failed);
    return swept && failed && *swept < *failed ? State::Swept : State::Failed;
  }
  for (auto state = allStates.rbegin(); state != allStates.rend(); ++state)
    if (status.has(*state)) return *state;
  return State::Submitted;
}

}  // namespace spawner
