#pragma once
// FaultyTransport: a decorator over any Transport that loses, delays, repeats, refuses and cuts, chosen by an injected Random.

#include <cstdint>
#include <memory>

#include "spawner/loop.hpp"
#include "spawner/random.hpp"
#include "spawner/transport.hpp"

namespace spawner::cluster {

/// Probabilities in [0, 1], each per request or stream; of the refusals and losses the first that hits counts, a delay may come with any.
struct Faults {
  double dropBefore = 0;   // never reaches the server: Disconnected, or (half of them) Timeout after the request's timeout
  double dropAfter = 0;    // acts, but the answer is lost: Disconnected or Timeout
  double duplicate = 0;    // calls only: acts twice, the second answer is given
  double conflict = 0;     // PUT, PATCH and DELETE: 409 Conflict without acting
  double gone = 0;         // what resumes (resourceVersion or continue in the target): 410; in the stream for a watch
  double tooMany = 0;      // 429 with Retry-After: 1
  double serverError = 0;  // 500
  double delay = 0;        // the request, its answer, or (per chunk) a stream's data comes up to maxDelay later; order is kept
  Duration maxDelay = std::chrono::milliseconds(500);
  double cutWatch = 0;  // per stream: it breaks off (half of them cleanly) within maxWatchLife
  Duration maxWatchLife = std::chrono::seconds(20);
  /// A partition: requests end in Timeout, streams go silent, and one that lost data breaks off afterwards.
  bool partitioned = false;
};

/// Owner: a simulation or test. `inner`, `loop` and `random` must outlive it. Destroying it ends what is under way without a call-back.
/// Thread: the loop's.
class FaultyTransport final : public Transport {
 public:
  FaultyTransport(Loop& loop, Transport& inner, Random& random, Faults faults = {});
  ~FaultyTransport() override;
  FaultyTransport(const FaultyTransport&) = delete;
  Pending call(TransportRequest request, UniqueFunction<void(Result<TransportResponse>)> done) override;
  Pending stream(TransportRequest request, StreamHandlers handlers) override;
  /// New requests and new chunks see it.
  void setFaults(const Faults& faults);
  [[nodiscard]] const Faults& faults() const;
  struct Counts {
    std::uint64_t requests = 0, dropBefore = 0, dropAfter = 0, duplicate = 0, conflict = 0, gone = 0, tooMany = 0, serverError = 0,
                  delayed = 0, cut = 0;
  };
  [[nodiscard]] const Counts& counts() const;

 private:
  struct Shared;
  class Call;
  class Streaming;
  std::shared_ptr<Shared> shared_;
};

}  // namespace spawner::cluster
