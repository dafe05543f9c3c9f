#pragma once
// The controller's mind: what was observed → what to do. Pure: the same input gives the same decision; time comes in.
// Owner: src/modes/controller, which observes, calls decide() and carries the actions out. Thread: any.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "backend/builders.hpp"
#include "backend/validate.hpp"
#include "spawner/backend.hpp"

namespace spawner::backend {

struct DecideOptions {
  ServiceMode serviceMode = ServiceMode::ClusterIp;
  ValidationOptions validation;
  /// Patch A waits this long after the creates for the node.
  Duration patchDelay = std::chrono::milliseconds(150);
  /// The sweeper states Running; this long after the pod was seen Running, the controller does it in its place.
  Duration runningDelay = std::chrono::seconds(5);
  /// The sweeper ends a session at its maximum lifetime; this long after it, the controller does.
  Duration lifetimeSlack = std::chrono::seconds(60);
  /// How long Failed and Completed objects are kept without a ttl.
  Duration keepFinished = std::chrono::seconds(300);
  /// How often something that can only be seen by looking again is looked at (a name taken by another).
  Duration recheck = std::chrono::seconds(2);
  /// The longest time without looking at an object at all.
  Duration resync = std::chrono::minutes(10);
};

/// How a session ended, as far as the pod tells; null: it did not. (A chain of small functions, see ending.cpp.)
struct Ending {
  State state = State::Failed;
  std::string reason, message;
  std::optional<int> exitCode, signal;
  std::string log{};
};

/// What this process remembers of an object. It is lost on a restart, which makes waits begin anew and never ends anything early.
struct Memory {
  std::optional<TimePoint> firstSeen;
  std::optional<TimePoint> constructedSeen;  // the pod exists since
  std::optional<TimePoint> runningSeen;      // pod.phase is Running since
  std::optional<TimePoint> endedSeen;        // terminal since
  std::string podUid;                        // of the first pod of the object that this process made or saw
  std::optional<Ending> podEnding;           // … and what it said of its end: it may be gone before it is looked at
  bool endedUndeleted = false;               // … before it was deleted: then its deletion is not what ended it
  bool podAbsenceConfirmed = false;          // a live read, or the informer, said that the recorded pod is gone
  bool slabIsLive = false;                   // the object was born during this process's watch, or was read live just now (P4)
  int podAttempts = 0;                       // POSTs of the pod
  std::string createError;                   // why the last create was refused (for the start limit's message)
  std::optional<std::string> invalid;        // the API server will never take the pod or service (422): why
};

struct Observed {
  const Slab* slab = nullptr;            // never null
  const PodView* pod = nullptr;          // the pod of the object's name, whoever owns it; null: none is known
  const ServiceView* service = nullptr;  // the same
  WallTime wallNow{};                    // for times that people read
  TimePoint now{};
};

/// Brings the memory up to what is observed. Call it before decide(), each time.
void remember(Memory& memory, const Observed& observed);

struct CreateService {};
struct CreatePod {};
struct ReadSlab {};  // GET it: set memory.slabIsLive, learn it
struct ReadPod {};   // GET the pod: learn it, or set memory.podAbsenceConfirmed
struct PatchStatus {
  SlabStatus after;  // send statusPatch(slab, after)
};
struct PatchPod {
  std::string uid, json;  // merge patch of metadata.annotations
};
struct DeletePod {
  std::string uid;
};
struct DeleteService {
  std::string uid;
};
struct DeleteSlab {
  std::string uid;  // with background propagation: the garbage collector takes pod and service along
};
using Action = std::variant<CreateService, CreatePod, ReadSlab, ReadPod, PatchStatus, PatchPod, DeletePod, DeleteService, DeleteSlab>;
std::string_view nameOf(const Action& action);

struct Decision {
  std::vector<Action> actions;           // independent of each other: may be in flight together
  std::optional<Duration> requeueAfter;  // look again then, if nothing happens before; null: only a change can matter
};

Decision decide(const Observed& observed, const Memory& memory, const DecideOptions& options);

std::optional<Ending> endingOf(const PodView& pod);
/// True for a container that ended without having run: its program could not be started.
bool neverStarted(const ContainerView& container);

}  // namespace spawner::backend
