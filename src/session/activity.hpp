#pragma once
// Activity: what is in use, and for how long nothing was. Guards, the busy lease, Ready; idle time follows from these three and from
// nothing else. Owner: SidecarCore. Thread: the loop's. It reads no clock but its loop's.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "spawner/loop.hpp"

namespace spawner::session {

/// In use = a guard is alive, or the lease has not run out (P1). Idle = now - max(Ready, last guard's end, lease's end); it exists only
/// after Ready and while not in use, is never negative, and nothing but use sets it back.
class Activity {
 public:
  /// What a restarted sidecar goes on from (SidecarCore fills it from the session file).
  struct Past {
    std::optional<TimePoint> ready;
    std::optional<TimePoint> lastUse;
    std::optional<TimePoint> busyUntil;
    bool used = false;
  };

  /// One use: from the first byte of a request head to the last byte of its answer, or to the end of the upgraded connection. Move-only;
  /// its destruction is the end. May outlive its Activity (a crashed sidecar): then its end does nothing, and the file says "in use".
  class [[nodiscard]] Guard {
   public:
    Guard() = default;
    Guard(Guard&& other) noexcept : activity_(std::move(other.activity_)) {}
    Guard& operator=(Guard&& other) noexcept;
    ~Guard() { end(); }
    /// The use is over: idle time starts now if it was the last. Idempotent.
    void end();
    /// It was no use at all (--ignore-path): ends the guard as if it had never been. Idempotent.
    void ignore();
    [[nodiscard]] bool active() const { return !activity_.expired(); }

   private:
    friend class Activity;
    explicit Guard(std::weak_ptr<Activity*> activity) : activity_(std::move(activity)) {}
    std::weak_ptr<Activity*> activity_;
  };

  explicit Activity(Loop& loop) : Activity(loop, Past{}) {}
  Activity(Loop& loop, Past past);
  Activity(const Activity&) = delete;
  Activity& operator=(const Activity&) = delete;

  /// Called inside whatever changed the live count, the lease or Ready (and when the lease runs out). It must not begin or end a guard
  /// itself.
  void onChange(std::function<void()> callback) { onChange_ = std::move(callback); }

  Guard begin();
  /// The application listens: a fact, set once; later calls change nothing.
  void setReady();
  /// Extends the lease to now + length; never shortens it. REQUIRES: 0 < length.
  void extendBusy(Duration length);
  /// Ends the lease now.
  void endBusy();

  [[nodiscard]] std::uint32_t live() const { return live_; }
  [[nodiscard]] bool busy() const;
  [[nodiscard]] bool inUse() const { return live_ > 0 || busy(); }
  [[nodiscard]] bool ready() const { return ready_.has_value(); }
  [[nodiscard]] std::optional<TimePoint> readyAt() const { return ready_; }
  /// The end of the last guard that ended; nothing before the first.
  [[nodiscard]] std::optional<TimePoint> lastUse() const { return lastUse_; }
  /// The lease's end, in the future or in the past.
  [[nodiscard]] std::optional<TimePoint> busyUntil() const { return busyUntil_; }
  /// A guard or a lease existed at or after Ready.
  [[nodiscard]] bool used() const;
  /// Nothing while in use or before Ready.
  [[nodiscard]] std::optional<Duration> idle() const;

 private:
  void finish(bool counts);
  void changed();
  void armLease();

  Loop& loop_;
  std::uint32_t live_ = 0;
  bool used_ = false;
  std::optional<TimePoint> ready_, lastUse_, busyUntil_;
  Timer leaseTimer_;
  std::function<void()> onChange_;
  std::shared_ptr<Activity*> self_;  // what guards hold weakly
};

}  // namespace spawner::session
