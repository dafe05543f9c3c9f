#pragma once
// Loop: one event loop, driven by one thread. Everything that waits, waits here. A role gets it injected: the real one is Reactor
// (src/loop/reactor.hpp), the simulation's is SimLoop (src/loop/sim_loop.hpp).

#include <cstdint>

#include "spawner/function.hpp"
#include "spawner/time.hpp"

namespace spawner {

class Loop;

/// Ownership of one pending timer. Destroying or cancelling it means that its call-back never runs. Must not outlive its loop.
class [[nodiscard]] Timer {
 public:
  Timer() = default;
  Timer(Loop& loop, std::uint64_t id) : loop_(&loop), id_(id) {}
  Timer(Timer&& other) noexcept;
  Timer& operator=(Timer&& other) noexcept;
  ~Timer() { cancel(); }
  void cancel();
  /// True from after() until the call-back starts or cancel().
  [[nodiscard]] bool active() const;

 private:
  Loop* loop_ = nullptr;
  std::uint64_t id_ = 0;
};

/// What a descriptor is watched for, and what it is ready for.
struct Interest {
  bool readable = false;
  bool writable = false;
  /// As a result: the peer closed or the descriptor failed. Reading or writing tells which. As an interest: to be told of that even while
  /// not watched for reading (unread bytes stay where they are); level-triggered, so whoever asks must act on it.
  bool hangup = false;
  /// As an interest in reading or in hang-ups (and not in writing): told once when more comes or the peer closes, not as long as it is
  /// there: a turn less in the kernel. For who reads all there is; who stops before asks without it, and is told of what is there
  /// (docs/decisions/0063). With hangup alone: of each change once, be it an end or a failure behind it, and of what is there at set().
  bool edge = false;
};

/// Ownership of the watch of one descriptor. Destroying it ends the watch; it does not close the descriptor. Must not outlive its loop.
class [[nodiscard]] FdWatch {
 public:
  FdWatch() = default;
  FdWatch(Loop& loop, std::uint64_t id) : loop_(&loop), id_(id) {}
  FdWatch(FdWatch&& other) noexcept;
  FdWatch& operator=(FdWatch&& other) noexcept;
  ~FdWatch() { cancel(); }
  void cancel();
  /// Changes what the descriptor is watched for; costs nothing when it is the same.
  void set(Interest interest);
  /// True when the present turn has still to tell of this descriptor: something was ready before the turn began. No system call.
  [[nodiscard]] bool due() const;
  explicit operator bool() const { return loop_ != nullptr; }

 private:
  Loop* loop_ = nullptr;
  std::uint64_t id_ = 0;
};

/// Thread: all members are called on the loop's own thread. No call-back ever runs inside the call that asked for it: "in a later turn" is,
/// in these headers, not before the present call-back is over.
class Loop {
 public:
  using FdCallback = UniqueFunction<void(Interest ready)>;

  virtual ~Loop() = default;

  /// Monotonic time, read once a turn: it stands still during a call-back.
  [[nodiscard]] virtual TimePoint now() const = 0;
  /// Wall time for people: status times, logs. May jump.
  [[nodiscard]] virtual WallTime wallNow() const = 0;
  /// Runs the task once, not earlier than after the delay (coarse: up to 1 ms late by design). A delay <= 0 means the next turn.
  virtual Timer after(Duration delay, Task task) = 0;
  /// Runs the task when the call-back that posts it is over: before the next event, behind all events of this turn, or in the next turn. In
  /// order of posting (SimLoop shuffles).
  virtual void post(Task task) = 0;
  /// Readiness of a non-blocking descriptor, level-triggered if the interest does not say edge. The call-back may cancel its own watch.
  /// SimLoop has no descriptors (it terminates).
  virtual FdWatch watch(int fd, Interest interest, FdCallback callback) = 0;
  /// A hint: something is likely to come within microseconds, from another process on this machine. The loop may look for it again and
  /// again for up to `limit` before it sleeps, which spares two wake-ups (docs/decisions/0065). For the next wait only; does nothing here.
  virtual void expectSoon(Duration /*limit*/) {}
  /// Ends run() after the present turn.
  virtual void stop() = 0;

 protected:
  friend class Timer;
  friend class FdWatch;
  virtual void cancelTimer(std::uint64_t id) = 0;
  [[nodiscard]] virtual bool timerActive(std::uint64_t id) const = 0;
  virtual void cancelWatch(std::uint64_t id) = 0;
  virtual void setWatch(std::uint64_t id, Interest interest) = 0;
  [[nodiscard]] virtual bool watchDue(std::uint64_t /*id*/) const { return false; }
};

// The handles' inline halves.
inline Timer::Timer(Timer&& other) noexcept : loop_(other.loop_), id_(other.id_) { other.loop_ = nullptr; }
inline Timer& Timer::operator=(Timer&& other) noexcept {
  if (this != &other) {
    cancel();
    loop_ = other.loop_;
    id_ = other.id_;
    other.loop_ = nullptr;
  }
  return *this;
}
inline void Timer::cancel() {
  if (Loop* loop = loop_) {
    loop_ = nullptr;
    loop->cancelTimer(id_);
  }
}
inline bool Timer::active() const { return loop_ != nullptr && loop_->timerActive(id_); }

inline FdWatch::FdWatch(FdWatch&& other) noexcept : loop_(other.loop_), id_(other.id_) { other.loop_ = nullptr; }
inline FdWatch& FdWatch::operator=(FdWatch&& other) noexcept {
  if (this != &other) {
    cancel();
    loop_ = other.loop_;
    id_ = other.id_;
    other.loop_ = nullptr;
  }
  return *this;
}
inline void FdWatch::cancel() {
  if (Loop* loop = loop_) {
    loop_ = nullptr;
    loop->cancelWatch(id_);
  }
}
inline void FdWatch::set(Interest interest) {
  if (loop_ != nullptr) loop_->setWatch(id_, interest);
}
inline bool FdWatch::due() const { return loop_ != nullptr && loop_->watchDue(id_); }

}  // namespace spawner
