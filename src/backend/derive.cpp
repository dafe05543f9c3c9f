#include "backend/derive.hpp"

#include <algorithm>
#include <array>

namespace spawner::backend {
namespace {

constexpr std::array<std::string_view, 4> ourTypes = {"Ready", "Finished", "ContactLost", "SpecIgnored"};

const Condition* find(const std::vector<Condition>& conditions, std::string_view type) {
  const auto it = std::find_if(conditions.begin(), conditions.end(), [&](const Condition& c) { return c.type == type; });
  return it == conditions.end() ? nullptr : &*it;
}

/// What is waited for in a state that is not the end.
std::string_view waitReason(State state) {
  switch (state) {
    case State::Submitted: return "Accepted";
    case State::Constructed: return "WaitingForNode";
    case State::Scheduled: return "Starting";
    case State::Running: return "WaitingForApplication";
    case State::Ready: return "Serving";
    case State::Swept:
    case State::Failed: return {};  // the end has its own
  }
  return {};
}

/// How it ended. The original's sweeper says only `swept` (idleness is the one cause it knows), and a bare `failed` says nothing.
EndInfo endOf(const Slab& slab, State state) {
  if (slab.status.end && !slab.status.end->reason.empty()) return *slab.status.end;
  EndInfo end;
  end.reason = state == State::Swept ? reasons::idle : reasons::error;
  end.message = stateMessage(state);
  end.time = slab.status.stateTimes[static_cast<std::size_t>(state)].value_or(WallTime{});
  return end;
}

class Conditions {
 public:
  explicit Conditions(const std::vector<Condition>& old) : old_(old) {}

  /// A condition keeps its time while its status stays (API convention); else the fact's time counts.
  void add(std::string_view type, bool status, std::string_view reason, std::string_view message, WallTime since) {
    Condition condition{std::string(type), status ? "True" : "False", std::string(reason), std::string(message), 0, since};
    const Condition* before = find(old_, type);
    if (before && before->status == condition.status && before->lastTransitionTime != WallTime{})
      condition.lastTransitionTime = before->lastTransitionTime;
    result_.push_back(std::move(condition));
  }
  void keep(const Condition& condition) { result_.push_back(condition); }
  std::vector<Condition> take() && { return std::move(result_); }

 private:
  const std::vector<Condition>& old_;
  std::vector<Condition> result_;
};

}  // namespace

std::string_view stateMessage(State state) {
  switch (state) {
    case State::Submitted: return "The session was accepted.";
    case State::Constructed: return "Its Pod and Service exist; it waits for a node.";
    case State::Scheduled: return "It has a node; its containers are being started.";
    case State::Running: return "Its containers run; the application does not listen yet.";
    case State::Ready: return "The application accepts connections.";
    case State::Swept: return "It was unused for its grace period.";
    case State::Failed: return "It ended with an error.";
  }
  return {};
}

Derived derive(const Slab& slab, const DeriveInput& input) {
  const State state = slab.state();
  const SlabStatus& status = slab.status;
  Derived derived;
  derived.phase = toString(state);
  derived.reason = waitReason(state);
  derived.message = stateMessage(state);
  derived.observedGeneration = slab.meta.generation;
  Conditions conditions(status.conditions);

  if (isTerminal(state)) {
    const EndInfo end = endOf(slab, state);
    derived.reason = end.reason;
    derived.message = end.message;
    conditions.add("Ready", false, end.reason, end.message, end.time);
    conditions.add("Finished", true, end.reason, end.message, end.time);
  } else {
    const auto since = status.stateTimes[static_cast<std::size_t>(state)];
    conditions.add("Ready", state == State::Ready, derived.reason, derived.message, since.value_or(slab.meta.creationTime));
    if (status.contactLost)
      conditions.add("ContactLost", true, "SidecarUnreachable", status.contactLost->message, status.contactLost->since);
  }

  if (!input.ignoredFields) {
    if (const Condition* before = find(status.conditions, "SpecIgnored")) conditions.keep(*before);
  } else if (!input.ignoredFields->empty()) {
    conditions.add("SpecIgnored", true, "EditedAfterCreation",
                   "Changed after the pod was made, without effect: " + *input.ignoredFields + ". Create a new object instead.", input.now);
  }
  for (const Condition& other : status.conditions)  // of someone else: not ours to drop
    if (std::find(ourTypes.begin(), ourTypes.end(), other.type) == ourTypes.end()) conditions.keep(other);
  derived.conditions = std::move(conditions).take();
  return derived;
}

std::vector<std::string> differences(const SlabStatus& status, const Derived& derived) {
  std::vector<std::string> names;
  if (status.phase != derived.phase) names.emplace_back("phase");
  if (status.reason != derived.reason) names.emplace_back("reason");
  if (status.message != derived.message) names.emplace_back("message");
  if (status.observedGeneration != derived.observedGeneration) names.emplace_back("observedGeneration");
  // Times are not compared: they say when the writer saw it. Nor is order: it is a map by type.
  const auto same = [&](const Condition& wanted) {
    const Condition* has = find(status.conditions, wanted.type);
    return has && has->status == wanted.status && has->reason == wanted.reason && has->message == wanted.message;
  };
  if (status.conditions.size() != derived.conditions.size() || !std::all_of(derived.conditions.begin(), derived.conditions.end(), same))
    names.emplace_back("conditions");
  return names;
}

void apply(SlabStatus& status, const Derived& derived) {
  status.phase = derived.phase;
  status.reason = derived.reason;
  status.message = derived.message;
  status.observedGeneration = derived.observedGeneration;
  status.conditions = derived.conditions;
}

}  // namespace spawner::backend
