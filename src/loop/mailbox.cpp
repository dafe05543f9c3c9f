#include "loop/mailbox.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "base/die.hpp"

namespace spawner {

Mailbox::Mailbox(Loop& loop) : wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!wake_) die(systemError("eventfd", errno).message);
  watch_ = loop.watch(wake_.get(), Interest{.readable = true, .writable = false, .hangup = false}, [this](Interest) { run(); });
}

void Mailbox::post(Task task) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(task));
  }
  // One write(2) for as many tasks as come before the loop looks. The counter cannot be full in practice; if it is, the loop wakes anyway.
  if (!first) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);
}

void Mailbox::run() {
  std::uint64_t value = 0;
  // Before the tasks are taken: one that is posted in between wakes the loop once more, for nothing; the other way round it would be left.
  [[maybe_unused]] const ssize_t n = ::read(wake_.get(), &value, sizeof value);
  {
    const std::lock_guard lock(mutex_);
    batch_.swap(posted_);
  }
  for (Task& slot : batch_) {
    Task task = std::move(slot);
    task();
  }
  batch_.clear();
}

}  // namespace spawner
