#pragma once
// Patches for the status subresource. A sweeper's are JSON patches (RFC 6902) of set-once facts, plus its guess of the derived fields;
// their first operation tests metadata.uid, which a merge patch cannot (docs/decisions/0011). The controller's are merge patches (RFC 7396)
// with metadata.resourceVersion. Pure. Thread: any.

#include <optional>
#include <string>
#include <string_view>

#include "spawner/backend.hpp"

namespace spawner::backend {

/// max(now, last + 1 µs): the time to write for a state that follows one of time `last`.
WallTime stateTime(WallTime now, std::optional<WallTime> last);

/// What a sweeper knows of an object: all of it is on the pod. Empty fields are left out of the patch.
struct SweptPod {
  std::string slabUid;  // annotation slabUidAnnotation; required
  std::string podName;
  std::string podUid;  // recorded with Ready, so that a session that was Ready never gets a second pod (P4)
  std::string podIp;
  std::string nodeName;
};

/// Running alone: for an application that is slow to listen.
std::string runningPatch(const SweptPod& pod, WallTime running);
/// Ready, and Running with it unless `running` is null (then it was written before). REQUIRES: *running < ready.
std::string readyPatch(const SweptPod& pod, std::optional<WallTime> running, WallTime ready);
/// The end. REQUIRES: state is Swept or Failed; end.time is set, by stateTime().
std::string endPatch(const SweptPod& pod, State state, const EndInfo& end);
/// The sidecar cannot be reached since then. At most once a minute. The controller makes the condition of it.
std::string contactLostPatch(std::string_view slabUid, WallTime since, std::string_view message);
/// The sidecar was reached again.
std::string contactRegainedPatch(std::string_view slabUid);

/// The controller's: turns the status of `before` into `after`; only what differs, with uid and resourceVersion of `before`.
/// Empty text: nothing differs.
std::string statusPatch(const Slab& before, const SlabStatus& after);

/// Sets the state's fact with a time that fits between its neighbours' (max(now, last + 1 µs), but before any later state that is set
/// already). No effect on a state that is set and dated.
void reach(SlabStatus& status, State state, WallTime now);

}  // namespace spawner::backend
