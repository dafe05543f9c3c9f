#pragma once
// Pending: ownership of something under way on a loop. Destroying it cancels: none of its call-backs runs afterwards.

#include <utility>

#include "spawner/function.hpp"

namespace spawner {

/// Move-only. Empty by default. Thread: the loop's.
class [[nodiscard]] Pending {
 public:
  Pending() = default;
  explicit Pending(Task cancel) : cancel_(std::move(cancel)) {}
  Pending(Pending&& other) noexcept : cancel_(std::exchange(other.cancel_, nullptr)) {}
  Pending& operator=(Pending&& other) noexcept {
    if (this != &other) {
      reset();
      cancel_ = std::exchange(other.cancel_, nullptr);
    }
    return *this;
  }
  ~Pending() { reset(); }

  /// Cancels now. The work's effect on the world may already have happened.
  void reset() {
    if (Task cancel = std::exchange(cancel_, nullptr)) cancel();
  }
  /// Lets the work go on without an owner. Only for work whose call-backs own all that they touch.
  void release() { cancel_ = nullptr; }
  explicit operator bool() const { return static_cast<bool>(cancel_); }

 private:
  Task cancel_;
};

}  // namespace spawner
