#pragma once
// UpstreamConnection: a connection to an upstream and its watch, which go together from an exchange to the pool and to the next exchange,
// so that reuse costs no system call. Owner: a Run or the UpstreamPool, by turns. Thread: the loop's.

#include <memory>

#include "loop/socket.hpp"
#include "spawner/loop.hpp"

namespace spawner::proxy {

class UpstreamConnection {
 public:
  /// Who is told of readiness. It may destroy the connection inside the call.
  struct Listener {
    virtual void onReady(Interest ready) = 0;

   protected:
    ~Listener() = default;
  };

  UpstreamConnection(Loop& loop, Fd socket) : loop_(loop), socket_(std::move(socket)) {}

  [[nodiscard]] int fd() const { return socket_.get(); }
  void setListener(Listener* listener) { listener_ = listener; }
  /// How the last read ended: nothing was left of what had come, or something may have been.
  void readAll(bool all) { readAll_ = all; }
  /// The last read filled its buffer: there may be more.
  void readFull(bool full) { readFull_ = full; }
  [[nodiscard]] bool mayHoldMore() const { return readFull_; }
  /// Something came before the present turn began, and the listener is told of it later in it.
  [[nodiscard]] bool due() const { return watch_.due(); }
  void want(Interest interest) {
    interest.edge = readAll_ && !hungUp_;
    if (watch_ && interest.readable == watched_.readable && interest.writable == watched_.writable && interest.edge == watched_.edge)
      return;
    watched_ = interest;
    if (watch_) return watch_.set(interest);
    watch_ = loop_.watch(socket_.get(), interest, [this](Interest ready) {
      if (ready.hangup) hungUp_ = true;  // the end is behind what is still to be read
      if (listener_ != nullptr) listener_->onReady(ready);
    });
  }
  /// Gives the socket away, unwatched.
  [[nodiscard]] Fd release() {
    watch_.cancel();
    return std::move(socket_);
  }

 private:
  Loop& loop_;
  Fd socket_;
  FdWatch watch_;  // after the socket: it goes first
  Interest watched_;
  Listener* listener_ = nullptr;
  bool readAll_ = true;
  bool readFull_ = false;
  bool hungUp_ = false;
};

}  // namespace spawner::proxy
