#pragma once
// WaitingRoom: requests that came before the application listens. They wait, bounded in time and number, instead of failing.
// Owner: the data plane. Thread: the loop's.

#include <cstdint>
#include <functional>
#include <list>
#include <memory>

#include "http/exchange.hpp"
#include "spawner/loop.hpp"

namespace spawner::sidecar {

class WaitingRoom {
 public:
  using Use = std::function<void(std::unique_ptr<http::Exchange>)>;

  /// `tooLate` gets each exchange that has waited for `wait`, or for which there is no room.
  WaitingRoom(Loop& loop, std::size_t capacity, Duration wait, Use tooLate)
      : loop_(loop), capacity_(capacity), wait_(wait), tooLate_(std::move(tooLate)) {}

  /// A client that leaves meanwhile leaves the room too.
  void add(std::unique_ptr<http::Exchange> exchange);
  /// Hands over all that wait, in order of arrival.
  void release(const Use& use);
  [[nodiscard]] std::size_t waiting() const { return waiters_.size(); }
  struct Refused {
    std::uint64_t tooMany = 0, tooLong = 0;
  };
  [[nodiscard]] Refused refused() const { return refused_; }

 private:
  struct Waiter {
    std::unique_ptr<http::Exchange> exchange;
    TimePoint until;
  };
  void expire();
  void arm();

  Loop& loop_;
  const std::size_t capacity_;
  const Duration wait_;
  Use tooLate_;
  std::list<std::shared_ptr<Waiter>> waiters_;  // in order of arrival, hence of expiry
  Timer timer_;
  Refused refused_;
};

}  // namespace spawner::sidecar
