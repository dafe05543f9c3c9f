#include "loop/timer_heap.hpp"

namespace spawner {

std::uint64_t TimerHeap::add(TimePoint due, std::uint64_t tie, Task task) {
  std::uint32_t index = firstFree_;
  if (index == none) {
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    firstFree_ = slots_[index].position;
  }
  slots_[index].task = std::move(task);
  slots_[index].used = true;
  heap_.emplace_back();
  siftUp(heap_.size() - 1, Node{due, tie, index});
  return std::uint64_t{slots_[index].generation} << 32 | index;
}

bool TimerHeap::contains(std::uint64_t id) const {
  const auto index = static_cast<std::uint32_t>(id);
  return index < slots_.size() && slots_[index].used && slots_[index].generation == id >> 32;
}

Task TimerHeap::remove(std::uint64_t id) {
  if (!contains(id)) return nullptr;
  return take(slots_[static_cast<std::uint32_t>(id)].position);
}

Task TimerHeap::pop() { return take(0); }

Task TimerHeap::take(std::size_t position) {
  const std::uint32_t index = heap_[position].slot;
  const Node last = heap_.back();
  heap_.pop_back();
  if (position < heap_.size()) {
    if (position > 0 && before(last, heap_[(position - 1) / 2]))
      siftUp(position, last);
    else
      siftDown(position, last);
  }
  Slot& slot = slots_[index];
  Task task = std::move(slot.task);
  if (++slot.generation == 0) slot.generation = 1;
  slot.used = false;
  slot.position = firstFree_;
  firstFree_ = index;
  return task;
}

void TimerHeap::place(std::size_t position, const Node& node) {
  heap_[position] = node;
  slots_[node.slot].position = static_cast<std::uint32_t>(position);
}

void TimerHeap::siftUp(std::size_t position, Node node) {
  while (position > 0) {
    const std::size_t parent = (position - 1) / 2;
    if (!before(node, heap_[parent])) break;
    place(position, heap_[parent]);
    position = parent;
  }
  place(position, node);
}

void TimerHeap::siftDown(std::size_t position, Node node) {
  for (;;) {
    std::size_t child = 2 * position + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && before(heap_[child + 1], heap_[child])) ++child;
    if (!before(heap_[child], node)) break;
    place(position, heap_[child]);
    position = child;
  }
  place(position, node);
}

}  // namespace spawner
