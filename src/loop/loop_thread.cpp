#include "loop/loop_thread.hpp"

#include <pthread.h>
#include <signal.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace spawner {

Result<void> LoopThread::start() {
  // A new thread inherits the mask: signals are for the thread that has a SignalWatch.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int problem = 0;
  try {
    thread_ = std::thread([this] {
      pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
      loop_.run();
    });
  } catch (const std::system_error& error) { problem = error.code().value(); }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (problem != 0) return systemError("cannot start the thread " + name_, problem);
  return {};
}

void LoopThread::askToStop() {
  if (!thread_.joinable() || std::exchange(asked_, true)) return;
  inbox_.post([this] { loop_.stop(); });
}

void LoopThread::stop() {
  askToStop();
  if (thread_.joinable()) thread_.join();
}

}  // namespace spawner
