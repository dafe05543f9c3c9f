#pragma once
// Track: what this process remembers of one object, beside the informers' copies. Lost on a restart, and that must never end anything.

#include <map>
#include <optional>
#include <string>

#include "backend/decide.hpp"
#include "spawner/backend.hpp"

namespace spawner::controller {

/// Owner: Controller, shared with the actions under way. Thread: the loop's.
struct Track {
  std::string uid;  // of the object: another uid under the same name gets another Track
  backend::Memory memory;
  /// A pod or service of the name that the informers do not have, because it is not labelled as ours; for the next look only.
  std::optional<PodView> foreignPod;
  std::optional<ServiceView> foreignService;
  /// Deletions that were asked for, by uid: the watch tells of them later.
  std::map<std::string, TimePoint> deletions;
  /// The resourceVersion whose status patch met a conflict: at the second one the object is read, for its watch may be dead.
  std::string conflictAt;
  bool born = false;  // its creation was watched: its time to Ready is measured
  bool readyMeasured = false;
};

}  // namespace spawner::controller
