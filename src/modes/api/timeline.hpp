#pragma once
// Timeline: a session's facts as the changes of state that clients see: one a state, in order of rank, ending with the first end. Pure.

#include <string>
#include <vector>

#include "spawner/backend.hpp"

namespace spawner::api {

struct StateChange {
  State state = State::Submitted;
  WallTime time{};
  // Of ends only.
  std::string reason;
  std::string message;
};

/// Never empty: Submitted is implied by the object. Facts imply earlier ones: a session that is Ready was Running, also where no writer
/// said so; such a state has the time of the fact that implied it. An end implies nothing. Where a fact has no time (the original's sweeper
/// writes none), or one before that of an earlier state (another machine's clock), the newest known time before it counts.
std::vector<StateChange> timeline(const Slab& slab);

/// {"state":"Ready","time":"2026-01-02T03:04:05.678901Z"} (the original's); an end has "reason" and "message" besides.
std::string changeJson(const StateChange& change);

}  // namespace spawner::api
