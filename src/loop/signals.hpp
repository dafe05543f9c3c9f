#pragma once
// SignalWatch: SIGINT, SIGTERM and others as events of the loop (signalfd).

#include <initializer_list>

#include "loop/socket.hpp"
#include "spawner/loop.hpp"
#include "spawner/result.hpp"

namespace spawner {

/// Blocks the signals for the thread and calls back for each one received. Make it before other threads and children.
class SignalWatch {
 public:
  static Result<SignalWatch> make(Loop& loop, std::initializer_list<int> signals, UniqueFunction<void(int)> onSignal);

 private:
  Fd fd_;
  FdWatch watch_;
};

}  // namespace spawner
