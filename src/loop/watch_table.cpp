#include "loop/watch_table.hpp"

#include <sys/epoll.h>

#include <cerrno>

#include "base/die.hpp"
#include "spawner/result.hpp"

namespace spawner {
namespace {

std::uint32_t eventMask(Interest interest) {
  std::uint32_t mask = 0;
  if (interest.readable) mask |= EPOLLIN | EPOLLRDHUP;
  if (interest.writable) mask |= EPOLLOUT;
  if (interest.hangup) mask |= EPOLLRDHUP;
  if (interest.edge && !interest.writable && mask != 0) mask |= EPOLLET;
  return mask;
}

bool same(Interest a, Interest b) {
  return a.readable == b.readable && a.writable == b.writable && a.hangup == b.hangup && a.edge == b.edge;
}

}  // namespace

std::uint64_t WatchTable::add(int fd, Interest interest, Loop::FdCallback callback) {
  if (fd < 0) die("watch of a descriptor that is not open");
  std::uint32_t index = firstFree_;
  if (index == none) {
    index = count_++;
    if (index / pageSlots == pages_.size()) pages_.push_back(std::make_unique<Slot[]>(pageSlots));
  } else {
    firstFree_ = static_cast<std::uint32_t>(at(index).fd);
  }
  if (slotOfFd_.size() <= static_cast<std::size_t>(fd)) slotOfFd_.resize(static_cast<std::size_t>(fd) + 1, none);
  // A watch may be cancelled after its descriptor was closed and the number used again: it must not touch the new one's registration.
  if (const std::uint32_t former = slotOfFd_[fd]; former != none) {
    at(former).fd = -1;
    at(former).interest = {};
  }
  slotOfFd_[fd] = index;
  Slot& slot = at(index);
  slot.callback = std::move(callback);
  slot.fd = fd;
  slot.used = true;
  slot.interest = {};
  control(slot, index, interest);
  return std::uint64_t{slot.generation} << 32 | index;
}

void WatchTable::set(std::uint64_t id, Interest interest) {
  Slot* slot = find(id);
  if (slot != nullptr && slot->fd >= 0 && !same(slot->interest, interest)) control(*slot, static_cast<std::uint32_t>(id), interest);
}

void WatchTable::cancel(std::uint64_t id) {
  Slot* slot = find(id);
  if (slot == nullptr) return;
  const auto index = static_cast<std::uint32_t>(id);
  if (slot->fd >= 0) {
    // Fails only if the descriptor was closed before: then the registration went with it.
    if (eventMask(slot->interest) != 0) ::epoll_ctl(epollFd_, EPOLL_CTL_DEL, slot->fd, nullptr);
    slotOfFd_[slot->fd] = none;
  }
  slot->fd = -1;
  slot->used = false;
  if (++slot->generation == 0) slot->generation = 1;
  if (!slot->running) release(*slot, index);
}

void WatchTable::release(Slot& slot, std::uint32_t index) {
  const Loop::FdCallback released = std::move(slot.callback);  // its captures go last, when the table is in order again
  slot.fd = static_cast<int>(firstFree_);
  firstFree_ = index;
}

void WatchTable::dispatch(std::uint64_t id, std::uint32_t events) {
  Slot* slot = find(id);
  if (slot == nullptr) return;
  const bool hangup = (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0;
  const bool failed = (events & (EPOLLHUP | EPOLLERR)) != 0;
  Interest ready;
  ready.readable = slot->interest.readable && (failed || (events & (EPOLLIN | EPOLLRDHUP)) != 0);
  ready.writable = slot->interest.writable && (failed || (events & EPOLLOUT) != 0);
  ready.hangup = hangup;
  if (!ready.readable && !ready.writable && !(hangup && slot->interest.hangup)) return;  // the interest changed after epoll had reported
  // It runs where it is: slots stay in their place when the table grows, and one whose call-back cancels its own watch is kept until here.
  slot->running = true;
  slot->callback(ready);
  slot->running = false;
  if (!slot->used) release(*slot, static_cast<std::uint32_t>(id));
}

void WatchTable::clear() {
  for (std::uint32_t index = 0; index < count_; ++index)
    if (at(index).used) cancel(std::uint64_t{at(index).generation} << 32 | index);
}

WatchTable::Slot* WatchTable::find(std::uint64_t id) {
  const auto index = static_cast<std::uint32_t>(id);
  if (index >= count_) return nullptr;
  Slot& slot = at(index);
  return slot.used && slot.generation == id >> 32 ? &slot : nullptr;
}

/// Brings the registration from the slot's present interest to the new one. An empty interest has no registration at all: epoll reports a
/// hangup whether asked or not, and a paused reader would spin on it.
void WatchTable::control(Slot& slot, std::uint32_t index, Interest interest) {
  const std::uint32_t before = eventMask(slot.interest);
  const std::uint32_t after = eventMask(interest);
  slot.interest = interest;
  if (before == after) return;
  epoll_event event{};
  event.events = after;
  event.data.u64 = std::uint64_t{slot.generation} << 32 | index;
  const int operation = before == 0 ? EPOLL_CTL_ADD : after == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
  if (::epoll_ctl(epollFd_, operation, slot.fd, &event) != 0)
    die(systemError("cannot watch descriptor " + std::to_string(slot.fd), errno).message);
}

}  // namespace spawner
