#pragma once
// TimerHeap: pending tasks ordered by time, for both loops. Cancelling takes the entry out at once, so memory follows the number of timers
// that are pending, however often they are armed again. Owner: one loop. Thread: the loop's.

#include <cstdint>
#include <vector>

#include "spawner/function.hpp"
#include "spawner/time.hpp"

namespace spawner {

class TimerHeap {
 public:
  /// Of equal times the one with the smaller tie comes first. The id is never 0, and not used again before 2^32 reuses of its slot.
  std::uint64_t add(TimePoint due, std::uint64_t tie, Task task);
  /// Takes the timer out. The caller lets the task go when all its own state is in order: its captures' destructors may call back here.
  Task remove(std::uint64_t id);
  [[nodiscard]] bool contains(std::uint64_t id) const;
  [[nodiscard]] bool empty() const { return heap_.empty(); }
  [[nodiscard]] std::size_t size() const { return heap_.size(); }
  /// REQUIRES: !empty().
  [[nodiscard]] TimePoint nextDue() const { return heap_.front().due; }
  [[nodiscard]] std::uint64_t nextTie() const { return heap_.front().tie; }
  Task pop();
  /// Slots ever needed at once (a bound of the memory held).
  [[nodiscard]] std::size_t capacity() const { return slots_.size(); }

 private:
  struct Slot {
    Task task;
    std::uint32_t generation = 1;
    std::uint32_t position = 0;  // in heap_, if in use; else the next free slot
    bool used = false;
  };
  struct Node {
    TimePoint due;
    std::uint64_t tie;
    std::uint32_t slot;
  };
  static bool before(const Node& a, const Node& b) { return a.due != b.due ? a.due < b.due : a.tie < b.tie; }
  void place(std::size_t position, const Node& node);
  void siftUp(std::size_t position, Node node);
  void siftDown(std::size_t position, Node node);
  Task take(std::size_t position);

  static constexpr std::uint32_t none = UINT32_MAX;
  std::vector<Slot> slots_;
  std::vector<Node> heap_;  // binary heap, the next one first
  std::uint32_t firstFree_ = none;
};

}  // namespace spawner
