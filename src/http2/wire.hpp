#pragma once
// Wire: the socket under a Session: gathers what is to be sent, and sends no more than the kernel takes. Owner: a connection. Thread: the
// loop's.

#include <span>
#include <string>

#include "http2/session.hpp"
#include "loop/socket.hpp"
#include "spawner/loop.hpp"

namespace spawner::http2 {

class Wire {
 public:
  /// `first` goes out before anything of the session.
  Wire(Loop& loop, Fd socket, std::string first = {}) : loop_(loop), socket_(std::move(socket)), out_(std::move(first)) {}

  /// Watches for both directions; the call-back may destroy the wire.
  void start(Loop::FdCallback onReady);
  /// A connection that is being made: it is when the socket is writable.
  void awaitWritable() {
    blocked_ = true;
    updateInterest();
  }
  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] bool open() const { return static_cast<bool>(socket_); }
  IoResult read(std::span<char> buffer) { return readSome(socket_.get(), buffer); }
  /// Sends what there is. False: the peer is gone.
  [[nodiscard]] bool flush(Session& session);
  /// The kernel has all that was to be sent.
  [[nodiscard]] bool flushed() const { return out_.empty(); }
  /// Since when the kernel has taken nothing of what waits.
  [[nodiscard]] std::optional<TimePoint> stalledSince() const { return blocked_ ? std::optional(progress_) : std::nullopt; }
  /// The kernel may take more: it said so.
  void writable() { blocked_ = false; }
  /// FIN: nothing more is sent.
  void endSending();
  void close();

 private:
  void updateInterest();

  Loop& loop_;
  Fd socket_;
  FdWatch watch_;
  std::string out_;  // from at_ on; empty while nothing waits
  std::size_t at_ = 0;
  bool blocked_ = false;
  TimePoint progress_{};
};

}  // namespace spawner::http2
