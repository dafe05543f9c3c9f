#pragma once
// Facts → derived status, by one pure function. The controller owns what it gives; a sweeper writes the same as a guess, so that
// nothing is left to mend. Thread: any.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spawner/backend.hpp"

namespace spawner::backend {

struct Derived {
  std::string phase;    // the state's name
  std::string reason;   // end.reason after the end; before it, what is waited for
  std::string message;  // one sentence
  std::int64_t observedGeneration = 0;
  std::vector<Condition> conditions;  // Ready always; Finished, ContactLost, SpecIgnored only while True
};

/// What the facts in spec and status do not tell.
struct DeriveInput {
  /// The fields of spec that were edited after the pod was made and are ignored ("template, httpPort"); empty: none; null: not known, the
  /// condition stays as it is.
  std::optional<std::string> ignoredFields;
  /// For a transition that no fact dates (SpecIgnored).
  WallTime now{};
};

/// Reads facts only (and the old SpecIgnored condition's transition time). conditions[].observedGeneration stays 0: it is not written.
Derived derive(const Slab& slab, const DeriveInput& input = {});

/// The names of the status fields in which the status differs from what it should be ("phase", "conditions", …); empty: nothing to mend.
std::vector<std::string> differences(const SlabStatus& status, const Derived& derived);
/// Puts the derived fields into the status.
void apply(SlabStatus& status, const Derived& derived);

/// One sentence for people: what the state means. Used in status and Events.
std::string_view stateMessage(State state);

/// Reasons of ends: the one list of them (P6: the same word in status, Event, log, metric and API answer).
namespace reasons {
// Swept:
inline constexpr std::string_view idle = "Idle";
inline constexpr std::string_view maxLifetime = "MaxLifetime";
inline constexpr std::string_view completed = "Completed";  // the application exited with code 0
inline constexpr std::string_view shutdown = "Shutdown";    // the application asked for it (session::reasons has the same word)
// Failed:
inline constexpr std::string_view error = "Error";  // the application exited with another code
inline constexpr std::string_view oomKilled = "OOMKilled";
inline constexpr std::string_view startTimeout = "StartTimeout";
inline constexpr std::string_view imagePullFailed = "ImagePullFailed";
inline constexpr std::string_view unschedulable = "Unschedulable";
inline constexpr std::string_view createRefused = "CreateRefused";  // quota, admission: the API server does not let us make pod or service
inline constexpr std::string_view evicted = "Evicted";
inline constexpr std::string_view deadlineExceeded = "DeadlineExceeded";
inline constexpr std::string_view nodeLost = "NodeLost";
inline constexpr std::string_view nodeShutdown = "NodeShutdown";
inline constexpr std::string_view preempted = "Preempted";
inline constexpr std::string_view podDeleted = "PodDeleted";
inline constexpr std::string_view podLost = "PodLost";      // the recorded pod is not there any more, nobody saw it go
inline constexpr std::string_view podFailed = "PodFailed";  // Kubernetes failed the pod for a reason that has no word of its own here
inline constexpr std::string_view sidecarFailed = "SidecarFailed";
inline constexpr std::string_view nameConflict = "NameConflict";
inline constexpr std::string_view invalidName = "InvalidName";
inline constexpr std::string_view invalidSpec = "InvalidSpec";
inline constexpr std::string_view fieldNotAllowed = "FieldNotAllowed";
}  // namespace reasons

}  // namespace spawner::backend
