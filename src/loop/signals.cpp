#include "loop/signals.hpp"

#include <signal.h>
#include <sys/signalfd.h>

#include <cerrno>

namespace spawner {

Result<SignalWatch> SignalWatch::make(Loop& loop, std::initializer_list<int> signals, UniqueFunction<void(int)> onSignal) {
  sigset_t set;
  sigemptyset(&set);
  for (int number : signals)
    if (sigaddset(&set, number) != 0) return systemError("signal " + std::to_string(number), errno, ErrorKind::InvalidArgument);
  SignalWatch watch;
  watch.fd_ = Fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!watch.fd_) return systemError("signalfd", errno);
  if (const int error = pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) return systemError("cannot block signals", error);
  // One signal a call: the call-back may destroy the watch, and a further signal makes the descriptor readable again.
  watch.watch_ = loop.watch(watch.fd_.get(), Interest{.readable = true, .writable = false, .hangup = false},
                            [fd = watch.fd_.get(), onSignal = std::move(onSignal)](Interest) mutable {
                              signalfd_siginfo info{};
                              const IoResult got = readSome(fd, std::span(reinterpret_cast<char*>(&info), sizeof info));
                              if (got.kind == IoResult::Kind::Bytes && got.bytes == sizeof info) onSignal(static_cast<int>(info.ssi_signo));
                            });
  return watch;
}

}  // namespace spawner
