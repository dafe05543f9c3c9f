#pragma once
// LoopThread: a Reactor on a thread of its own. Nothing is shared with it: all goes in by post(), and comes out by a Mailbox of the
// owner's.

#include <string>
#include <thread>
#include <utility>

#include "loop/mailbox.hpp"
#include "loop/reactor.hpp"
#include "spawner/result.hpp"

namespace spawner {

/// Owner: something on another loop, whose thread calls all members. What lives on this loop is made before start(), or by a posted task,
/// and destroyed after stop(), or by a posted task.
class LoopThread {
 public:
  /// The name is for people who look at the process (`top -H`); the kernel keeps 15 bytes of it.
  explicit LoopThread(std::string name) : name_(std::move(name)) {}
  ~LoopThread() { stop(); }
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  /// Only for what lives on it.
  [[nodiscard]] Loop& loop() { return loop_; }
  /// Once. The thread gets no signals. System: there is no thread to be had.
  Result<void> start();
  /// Thread: any, as of a Mailbox. Before start() it waits for it.
  void post(Task task) { inbox_.post(std::move(task)); }
  /// Asks the loop to end after its present turn. Does not wait.
  void askToStop();
  /// The same, and waits for it: no call-back runs afterwards. Tasks that are still waiting never run.
  void stop();

 private:
  const std::string name_;
  Reactor loop_;
  Mailbox inbox_{loop_};
  bool asked_ = false;
  std::thread thread_;
};

}  // namespace spawner
