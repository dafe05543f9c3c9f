#pragma once
// FaultyTransport: a decorator over any Transport that loses, delays, repeats, refuses and cuts, chosen by an injected Random.

#include <cstdint>
#include <memory>

#include "spawner/loop.hpp"
#include "spawner/random.hpp"
#include "spawner/transport.hpp"

namespace spawner::cluster {

/// Probabilities in [0, 1], tried in this order, at most one a request (delay may come with any). May be changed at any time: new requests
/// see it.
struct Faults {
  double dropBefore = 0;   // never reaches the server: Disconnected or (half of them) Timeout
  double dropAfter = 0;    // acts, but the answer is lost: Disconnected or Timeout
  double duplicate = 0;    // acts twice; the second answer is given
  double conflict = 0;     // 409 Conflict without acting (writes only)
  double gone = 0;         // 410 Expired without acting (lists and watches only; for a watch in the stream)
  double tooMany = 0;      // 429 with Retry-After: 1
  double serverError = 0;  // 500
  double delay = 0;        // the request or its answer takes up to maxDelay longer
  Duration maxDelay = std::chrono::milliseconds(500);
  double cutWatch = 0;  // per stream: it breaks off (half of them cleanly) after up to maxWatchLife
  Duration maxWatchLife = std::chrono::seconds(20);
  /// A partition: every request ends in Timeout and streams go silent, from the moment it is set.
  bool partitioned = false;
};

/// Owner: a simulation or test. `inner`, `loop` and `random` must outlive it. Thread: the loop's.
class FaultyTransport final : public Transport {
 public:
  FaultyTransport(Loop& loop, Transport& inner, Random& random, Faults faults = {});
  ~FaultyTransport() override;
  Pending call(TransportRequest request, UniqueFunction<void(Result<TransportResponse>)> done) override;
  Pending stream(TransportRequest request, StreamHandlers handlers) override;
  void setFaults(Faults faults);
  struct Counts {
    std::uint64_t requests = 0, dropBefore = 0, dropAfter = 0, duplicate = 0, conflict = 0, gone = 0, tooMany = 0, serverError = 0,
                  delayed = 0, cut = 0;
  };
  [[nodiscard]] const Counts& counts() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace spawner::cluster
