#pragma once
// WatchTable: which descriptors a Reactor watches, and their epoll registrations. An id is generation << 32 | slot: an event that epoll
// reported before its watch was cancelled (and the slot or the descriptor used again) finds another generation and is dropped.
// Owner: Reactor. Thread: the loop's.

#include <cstdint>
#include <memory>
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
    int fd = -1;  // of a free slot: the next free one
    std::uint32_t generation = 1;
    bool used = false;
    bool running = false;  // its call-back is: a watch that is cancelled meanwhile keeps it until it is over
    Interest interest;
  };
  Slot* find(std::uint64_t id);
  [[nodiscard]] Slot& at(std::uint32_t index) { return pages_[index / pageSlots][index % pageSlots]; }
  void release(Slot& slot, std::uint32_t index);
  void control(Slot& slot, std::uint32_t index, Interest interest);

  static constexpr std::uint32_t none = UINT32_MAX;
  const int epollFd_;
  static constexpr std::uint32_t pageSlots = 64;
  std::vector<std::unique_ptr<Slot[]>> pages_;  // they stay in their place: it grows without a second copy
  std::uint32_t count_ = 0;                     // slots ever used
  std::vector<std::uint32_t> slotOfFd_;         // index: descriptor
  std::uint32_t firstFree_ = none;
};

}  // namespace spawner
