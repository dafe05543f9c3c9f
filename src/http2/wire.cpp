#include "http2/wire.hpp"

#include "http/socket_io.hpp"

namespace spawner::http2 {
namespace {

/// What is asked of the session at once: a system call's worth. More waits there, where flow control knows of it.
constexpr std::size_t gatherBytes = 64 * 1024;

}  // namespace

void Wire::start(Loop::FdCallback onReady) { watch_ = loop_.watch(socket_.get(), Interest{true, false, false}, std::move(onReady)); }

bool Wire::flush(Session& session) {
  while (!blocked_) {
    while (out_.size() - at_ < gatherBytes) {
      const std::string_view piece = session.output();
      if (piece.empty()) break;
      out_ += piece;
    }
    if (out_.empty()) break;
    const IoResult put = writeSome(socket_.get(), std::string_view(out_).substr(at_));
    if (put.kind == IoResult::Kind::Failed) return false;
    const std::size_t taken = put.kind == IoResult::Kind::Bytes ? put.bytes : 0;
    at_ += taken;
    if (at_ == out_.size()) {
      std::string().swap(out_);
      at_ = 0;
      continue;
    }
    http::dropSent(out_, at_);
    blocked_ = true;
    progress_ = loop_.now();
  }
  updateInterest();
  return true;
}

void Wire::updateInterest() {
  if (watch_) watch_.set(Interest{true, blocked_, false});
}

void Wire::endSending() { http::shutdownSending(socket_.get()); }

void Wire::close() {
  watch_.cancel();
  socket_.reset();
  std::string().swap(out_);
  at_ = 0;
  blocked_ = false;
}

}  // namespace spawner::http2
