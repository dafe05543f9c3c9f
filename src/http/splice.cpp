#include "http/splice.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace spawner::http {

namespace {

/// Of a pipe: each holds a page or less. In units of the kernel's page; see pipe(7) for the limits.
constexpr int wantedSlots = 256;

IoResult spliceSome(int from, int to, std::size_t limit) {
  for (;;) {
    const ssize_t moved = ::splice(from, nullptr, to, nullptr, limit, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (moved > 0) return {IoResult::Kind::Bytes, static_cast<std::size_t>(moved), 0};
    if (moved == 0) return {IoResult::Kind::End, 0, 0};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {IoResult::Kind::WouldBlock, 0, 0};
    return {IoResult::Kind::Failed, 0, errno};
  }
}

bool ignoresSigpipe() {
  struct sigaction action {};
  return ::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

IoResult SplicePipe::fill(int from, std::size_t limit) {
  const IoResult got = spliceSome(from, in_.get(), limit);
  held_ += got.bytes;
  return got;
}

IoResult SplicePipe::drain(int to) {
  IoResult all{IoResult::Kind::Bytes, 0, 0};
  while (held_ > 0) {
    const IoResult sent = spliceSome(out_.get(), to, held_);
    if (sent.kind == IoResult::Kind::WouldBlock) break;
    if (sent.kind != IoResult::Kind::Bytes) return {IoResult::Kind::Failed, all.bytes, sent.errnoValue};
    held_ -= sent.bytes;
    all.bytes += sent.bytes;
  }
  return all;
}

SplicePipes::SplicePipes(std::size_t limit, int firstSpare) : limit_(limit), firstSpare_(firstSpare) {}

std::unique_ptr<SplicePipe> SplicePipes::take() {
  if (taken_ >= limit_) return nullptr;
  std::unique_ptr<SplicePipe> pipe;
  if (!kept_.empty()) {
    pipe = std::move(kept_.back());
    kept_.pop_back();
  } else {
    std::array<int, 2> ends{};
    if (!ignoresSigpipe() || ::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return nullptr;
    Fd out(ends[0]), in(ends[1]);
    if (std::max(in.get(), out.get()) >= firstSpare_) return nullptr;
    (void)::fcntl(in.get(), F_SETPIPE_SZ, wantedSlots * 4096);  // refused beyond the user's share: then it has sixteen, or one
    pipe = std::make_unique<SplicePipe>(std::move(in), std::move(out));
  }
  ++taken_;
  return pipe;
}

void SplicePipes::give(std::unique_ptr<SplicePipe> pipe) {
  if (!pipe) return;
  --taken_;
  if (pipe->held() == 0 && kept_.size() < maxKept) kept_.push_back(std::move(pipe));
}

}  // namespace spawner::http
