#pragma once
// SplicePipe, SplicePipes: bytes that go from socket to socket inside the kernel, by splice(2): a large body costs its proxy no copy.

#include <cstddef>
#include <memory>
#include <vector>

#include "loop/socket.hpp"

namespace spawner::http {

/// A pipe with what it holds at the moment. Owner: a connection, for as long as bytes are in it. Thread: the loop's.
class SplicePipe {
 public:
  SplicePipe(Fd in, Fd out) : in_(std::move(in)), out_(std::move(out)) {}
  /// Takes up to `limit` bytes from a non-blocking socket. REQUIRES: nothing is held.
  IoResult fill(int from, std::size_t limit);
  /// Gives to a non-blocking socket what it takes: bytes that went, or a failure.
  IoResult drain(int to);
  [[nodiscard]] std::size_t held() const { return held_; }

 private:
  Fd in_, out_;
  std::size_t held_ = 0;
};

/// The pipes of one front: made when they are needed, at most `limit` at a time. Owner: FrontCore. Thread: the loop's.
class SplicePipes {
 public:
  /// Descriptors from `firstSpare` on are left to others.
  SplicePipes(std::size_t limit, int firstSpare);
  /// Null when there is none to be had: all are in use, descriptors are short (those from firstSpare on are left to others), or SIGPIPE
  /// would end the process (splice(2) has no MSG_NOSIGNAL). The caller copies.
  std::unique_ptr<SplicePipe> take();
  /// Takes a pipe back; one that holds bytes is closed.
  void give(std::unique_ptr<SplicePipe> pipe);

 private:
  static constexpr std::size_t maxKept = 8;
  const std::size_t limit_;
  const int firstSpare_;
  std::size_t taken_ = 0;
  std::vector<std::unique_ptr<SplicePipe>> kept_;
};

}  // namespace spawner::http
