#pragma once
// Truth: what really happened to each session, as an observer who sees everything writes it down: the oracles compare the cluster with it.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>

#include "spawner/time.hpp"

namespace spawner::sim {

/// A promise was broken. The test prints seed and step with it.
class Broken : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One pod's sidecar and application.
struct PodTruth {
  std::string name;  // of the slab and of the pod
  std::string slabUid;
  std::set<std::uint64_t> uses;      // requests under way
  std::optional<TimePoint> readyAt;  // the sidecar first said Ready
  std::optional<TimePoint> lastUse;  // the end of the last use; a sidecar's crash in use ends it when the sidecar is up again
  bool usedOnce = false;
  bool cutInUse = false;  // its sidecar crashed in use and is not up again
  bool sidecarUp = false;
  std::optional<TimePoint> sweptAt;  // the sidecar decided
  std::chrono::seconds grace{0};
  std::optional<std::chrono::seconds> lifetime;
  TimePoint bornAt{};
};

/// One object.
struct SlabTruth {
  std::string name;
  std::set<std::string> podUids;  // that ever were
  bool userDeleted = false;       // a person deleted it, or its pod
  bool terminal = false;
  TimePoint bornAt{};
};

struct Truth {
  std::map<std::string, PodTruth> pods;    // by pod uid
  std::map<std::string, SlabTruth> slabs;  // by slab uid
  std::uint64_t nextUse = 1;

  [[nodiscard]] bool inUse(const PodTruth& pod) const { return !pod.uses.empty() || pod.cutInUse; }
};

}  // namespace spawner::sim
