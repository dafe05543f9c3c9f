#pragma once
// EventPublisher: when to say what on GET /_events: at once on 0 <-> n, Ready, swept, busy and shutdown; counts at most 10 a second; the
// state again every 5 s, and every second until Ready. A reader that is slow gets only the newest state. Owner: the sidecar. Thread: the
// loop's.

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "spawner/function.hpp"
#include "spawner/loop.hpp"
#include "spawner/report.hpp"
#include "spawner/result.hpp"

namespace spawner::session {

struct EventPublisherOptions {
  Duration repeat = std::chrono::seconds(5);
  /// Until the application listens: a start limit is decided by what is said here alone, so this is how exact it is.
  Duration startingRepeat = std::chrono::seconds(1);
  Duration countSpacing = std::chrono::milliseconds(100);
  /// Changes that are told at once may come this often in a row, then with countSpacing between them: a thousand short requests a second
  /// are not two thousand events.
  std::uint32_t burst = 10;
  std::size_t maxReaders = 16;
};

class EventPublisher {
 public:
  /// Gets one report as JSON (no framing). Returns true when the reader took it whole; false: nothing more until drained(). It must not
  /// destroy its own Subscription inside the call.
  using Send = UniqueFunction<bool(std::string_view json)>;

  /// Owner: who holds the stream. Destroyed = unsubscribed. May outlive the publisher.
  class [[nodiscard]] Subscription {
   public:
    Subscription() = default;
    Subscription(Subscription&&) noexcept = default;
    Subscription& operator=(Subscription&& other) noexcept;
    ~Subscription() { reset(); }
    void reset();
    /// The reader took all it was sent: gives it the newest state, in a later turn, if it missed one.
    void drained();

   private:
    friend class EventPublisher;
    struct Shared;
    Subscription(std::weak_ptr<Shared> shared, std::uint64_t id) : shared_(std::move(shared)), id_(id) {}
    std::weak_ptr<Shared> shared_;
    std::uint64_t id_ = 0;
  };

  /// `state` is asked whenever something is to be said (SidecarCore::report).
  EventPublisher(Loop& loop, std::function<SidecarReport()> state, EventPublisherOptions options = {});
  ~EventPublisher();

  /// The state follows in the next turn, then the changes. Limit when there are maxReaders already.
  Result<Subscription> subscribe(Send send);
  /// The state may have changed (SidecarCore::onChange). Costs nothing without readers; compares and says in a later turn.
  void changed();
  [[nodiscard]] std::size_t readers() const;

 private:
  std::shared_ptr<Subscription::Shared> shared_;
};

}  // namespace spawner::session
