#include "modes/api/timeline.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "modes/role/sessions.hpp"

namespace spawner::api {

namespace {

constexpr int rank(State state) { return static_cast<int>(state); }

/// The last state before an end that is a fact.
State lastBeforeEnd(const SlabStatus& status) {
  State last = State::Submitted;
  for (const State state : allStates)
    if (!isTerminal(state) && status.has(state)) last = state;
  return last;
}

}  // namespace

std::vector<StateChange> timeline(const Slab& slab) {
  std::vector<StateChange> changes;
  const int last = rank(lastBeforeEnd(slab.status));
  WallTime newest = slab.status.stateTimes[0].value_or(slab.meta.creationTime);
  for (int i = 0; i <= last; ++i) {
    std::optional<WallTime> time;
    if (i == 0) time = newest;
    for (int j = i; j <= last && !time; ++j) time = slab.status.stateTimes[static_cast<std::size_t>(j)];
    newest = std::max(newest, time.value_or(newest));
    changes.push_back(StateChange{allStates[static_cast<std::size_t>(i)], newest, {}, {}});
  }
  if (const State state = slab.state(); isTerminal(state)) {
    const EndInfo end = role::endOf(slab);
    const std::optional<WallTime> time = slab.status.stateTimes[static_cast<std::size_t>(state)];
    const bool told = time || slab.status.end;
    changes.push_back(StateChange{state, told ? std::max(newest, time.value_or(end.time)) : newest, end.reason, end.message});
  }
  return changes;
}

std::string changeJson(const StateChange& change) {
  std::string json = fmt::format("{{\"state\":\"{}\",\"time\":\"{}\"", toString(change.state), toRfc3339Micro(change.time));
  if (isTerminal(change.state))
    json += fmt::format(",\"reason\":\"{}\",\"message\":\"{}\"", jsonEscape(change.reason), jsonEscape(change.message));
  return json + "}";
}

}  // namespace spawner::api
