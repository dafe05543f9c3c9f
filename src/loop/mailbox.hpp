#pragma once
// Mailbox: how other threads reach a loop: Loop::post() is the loop's own thread's, this one's post() is anybody's. A loop without a
// mailbox pays nothing for it.

#include <mutex>
#include <vector>

#include "loop/socket.hpp"
#include "spawner/loop.hpp"

namespace spawner {

/// Owner: what lives on the loop. It is made and destroyed on the loop's thread, or while the loop does not run; whoever posts must have
/// ended before it is destroyed. Tasks that did not run by then are destroyed with it. REQUIRES: a loop that watches descriptors.
class Mailbox {
 public:
  explicit Mailbox(Loop& loop);
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// Thread: any. The task runs on the loop's thread, in a later turn; the tasks of one thread run in their order. The number of tasks that
  /// wait is the posters' to bound. The task must not destroy the mailbox.
  void post(Task task);

 private:
  void run();

  Fd wake_;  // an eventfd
  std::mutex mutex_;
  std::vector<Task> posted_;  // under mutex_
  std::vector<Task> batch_;   // the loop's thread only; kept for its memory
  FdWatch watch_;
};

}  // namespace spawner
