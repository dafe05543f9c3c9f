#pragma once
// The controller's metrics, all there at zero from the start.

#include <array>
#include <map>
#include <string>

#include "base/metrics.hpp"
#include "spawner/state.hpp"

namespace spawner::controller {

/// Owner: Controller. Thread: the loop's.
class ControllerMetrics {
 public:
  explicit ControllerMetrics(Metrics& metrics);

  void acted(std::string_view action, bool ok);
  /// An end that this controller stated.
  void ended(State state, const std::string& reason);
  void moved(std::optional<State> from, std::optional<State> to) {
    if (from) objects_[static_cast<std::size_t>(*from)].add(-1);
    if (to) objects_[static_cast<std::size_t>(*to)].add(1);
  }
  Histogram startSeconds;
  Gauge queueLength, eventsQueued, leader, leaderTransitions;

 private:
  Metrics& metrics_;
  std::array<Gauge, allStates.size()> objects_;
  std::map<std::pair<std::string, bool>, Counter> actions_;
  std::map<std::string, Counter> ends_;
};

}  // namespace spawner::controller
