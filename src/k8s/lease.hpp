#pragma once
// Lease: a coordination.k8s.io/v1 Lease as far as an election needs it, from and to JSON. Whatever somebody wrote into it by hand is read
// as something that an election can go on from. Pure. Thread: any.

#include <cstdint>
#include <string>
#include <string_view>

#include "spawner/result.hpp"
#include "spawner/time.hpp"

namespace spawner::k8s {

struct Lease {
  std::string holder;                    // holderIdentity; empty: nobody
  Duration duration = Duration::zero();  // leaseDurationSeconds; 0: none that makes sense
  std::int64_t transitions = 0;          // leaseTransitions: how often the holder changed
  std::string resourceVersion;
  std::string json;  // the whole object: a write keeps what it does not know

  /// Given up in order (releasedLease()), so that nobody needs to wait. An empty holder alone is somebody's edit: its holder may still act.
  [[nodiscard]] bool released() const { return holder.empty() && duration == std::chrono::seconds(1); }
};

/// Protocol: not an object with a metadata.resourceVersion.
Result<Lease> decodeLease(std::string_view json);

/// The object to POST.
std::string newLease(std::string_view ns, std::string_view name, std::string_view holder, std::chrono::seconds duration, WallTime now);
/// The object to PUT in place of `before`: held by `holder`, renewed now; a change of the holder is a transition.
std::string heldLease(const Lease& before, std::string_view holder, std::chrono::seconds duration, WallTime now);
/// The object to PUT in place of `before`: held by nobody.
std::string releasedLease(const Lease& before, WallTime now);

}  // namespace spawner::k8s
