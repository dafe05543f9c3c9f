#include "modes/controller/metrics.hpp"

#include "backend/derive.hpp"

namespace spawner::controller {
namespace {

constexpr const char* actionsName = "spawner_controller_actions_total";
constexpr const char* actionsHelp = "Requests to Kubernetes for sessions, by action and result";
constexpr const char* endsName = "spawner_controller_ends_total";
constexpr const char* endsHelp = "Ends of sessions that the controller stated, by state and reason";

}  // namespace

ControllerMetrics::ControllerMetrics(Metrics& metrics) : metrics_(metrics) {
  for (const State state : allStates)
    objects_[static_cast<std::size_t>(state)] =
        metrics.gauge("spawner_controller_objects", "Sessions, by state", {{"state", std::string(toString(state))}});
  for (const char* action : {"create Service", "create Pod", "read object", "read Pod", "patch status", "patch Pod", "delete Pod",
                             "delete Service", "delete object"})
    for (const bool ok : {true, false})
      actions_[{action, ok}] = metrics.counter(actionsName, actionsHelp, {{"action", action}, {"result", ok ? "ok" : "error"}});
  namespace r = backend::reasons;
  for (const std::string_view reason : {r::error, r::oomKilled, r::startTimeout, r::imagePullFailed, r::podDeleted, r::podLost, r::evicted})
    ends_[std::string(reason)] = metrics.counter(endsName, endsHelp, {{"state", "Failed"}, {"reason", std::string(reason)}});
  startSeconds = metrics.histogram("spawner_controller_start_seconds", "From an object's creation, as watched, to Ready",
                                   {0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 300});
  queueLength = metrics.gauge("spawner_controller_queue_length", "Objects that wait to be looked at");
  eventsQueued = metrics.gauge("spawner_controller_events_queued", "Kubernetes Events that wait to be sent");
  leader = metrics.gauge("spawner_leader", "1 while this process may act, alone of its replicas; 0 while it follows");
  leaderTransitions = metrics.gauge("spawner_leader_transitions", "How often the leader changed, as the Lease says");
}

void ControllerMetrics::acted(std::string_view action, bool ok) {
  const auto it = actions_.find({std::string(action), ok});
  if (it != actions_.end()) it->second.add();
}

void ControllerMetrics::ended(State state, const std::string& reason) {
  const std::string key = state == State::Failed ? reason : std::string(toString(state)) + "/" + reason;
  auto it = ends_.find(key);
  if (it == ends_.end())
    it = ends_.emplace(key, metrics_.counter(endsName, endsHelp, {{"state", std::string(toString(state))}, {"reason", reason}})).first;
  it->second.add();
}

}  // namespace spawner::controller
