#pragma once
// WatchTable: which descriptors a Reactor watches, and their epoll registrations. An id is generation << 32 | slot: an event that epoll
// reported before its watch was cancelled (and the slot or the descriptor used again) finds another generation and is dropped.
// Owner: Reactor. Thread: the loop's.

#include <cstdint>
#include <deque>
#include <vector>

#include "spawner/loop.hpp"

namespace spawner {

class WatchTable {
 public:
  explicit WatchTable(int epollFd) : epollFd_(epollFd) {}
  /// Dies if epoll refuses the descriptor (closed, a regular file, watched already).
  std::uint64_t add(int fd, Interest interest, Loop::FdCallback callback);
  void set(std::uint64_t id, Interest interest);
  void cancel(std::uint64_t id);
  /// Runs the call-back for what epoll reported, as far as it is (still) asked for.
  void dispatch(std::uint64_t id, std::uint32_t events);
  void clear();

 private:
  struct Slot {
    Loop::FdCallback callback;
    int fd = -1;
    std::uint32_t generation = 1;
    std::uint32_t nextFree = 0;
    bool used = false;
    Interest interest;
  };
  Slot* find(std::uint64_t id);
  void control(Slot& slot, std::uint32_t index, Interest interest);

  static constexpr std::uint32_t none = UINT32_MAX;
  const int epollFd_;
  std::deque<Slot> slots_;               // it grows without a second copy
  std::vector<std::uint32_t> slotOfFd_;  // index: descriptor
  std::uint32_t firstFree_ = none;
};

}  // namespace spawner
