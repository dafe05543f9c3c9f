// Connection, the answer side: heads, bodies, and their way to the kernel.

#include <algorithm>

#include "http/connection.hpp"
#include "http/exchange_impl.hpp"
#include "http/head_writer.hpp"
#include "http/router.hpp"
#include "http/socket_io.hpp"

namespace spawner::http {

namespace {

/// Pieces smaller than this wait for the end of the turn, so that head, body and last chunk go out in one system call, and the sends of all
/// connections in a row: that way the kernel wakes a reader once and not for each (docs/decisions/0062).
constexpr std::size_t smallPiece = 8 * 1024;

}  // namespace

void Connection::refuse(const Refusal& refusal) {
  phase_ = Phase::Exchange;  // without an exchange: nothing more is parsed
  finished_ = headSent_ = headRequest_ = false;
  answerRefusal(refusal);
}

/// An answer of the front's own, after which the connection is closed.
void Connection::answerRefusal(const Refusal& refusal) {
  core_->stats.refuse(refusal.reason);
  const Response answer = problem(refusal.status, refusal.reason, refusal.detail);
  HeadWriter writer(out_);
  writer.statusLine(answer.status);
  writer.endToEndFields(answer.headers);
  writer.line(core_->date.line(loop_));
  writer.field("Content-Length", std::to_string(answer.body.size()));
  writer.field("Connection", "close");
  if (refusal.status == 503) writer.field("Retry-After", "1");
  if (const auto written = writer.finish(); written && !headRequest_) out_.append(answer.body);
  headSent_ = finished_ = closeAfter_ = unreadInput_ = true;
  if (running_) {
    flushDue_ = true;
  } else {
    flush();
  }
}

void Connection::sendInterim(const ResponseHead& head) {
  if (!open() || headSent_ || minorVersion_ == 0) return;  // RFC 9110 §15.2: HTTP/1.0 knows no 1xx
  if (tooSlow()) return;
  HeadWriter writer(out_);
  writer.statusLine(head.status, head.reason);
  writer.endToEndFields(head.headers);
  if (writer.finish()) push({});
}

void Connection::sendHead(const ResponseHead& head) {
  if (!open() || headSent_) return;
  headSent_ = true;
  const bool noBody = head.status < 200 || head.status == 204 || head.status == 304;
  const bool streamed = head.framing == Framing::Chunked || head.framing == Framing::UntilClose;
  answerFraming_ = noBody || headRequest_ ? Framing::None : head.framing;
  if (streamed && answerFraming_ != Framing::None) answerFraming_ = minorVersion_ == 0 ? Framing::UntilClose : Framing::Chunked;
  answerLeft_ = answerFraming_ == Framing::Length ? head.contentLength : 0;
  closeAfter_ = !keepAlive_ || core_->draining || !body_.done() || answerFraming_ == Framing::UntilClose;

  if (out_.empty() && out_.capacity() <= std::string().capacity()) out_ = core_->heads.take();
  HeadWriter writer(out_);
  writer.statusLine(head.status, head.reason);
  writer.endToEndFields(head.headers);
  if (head.status >= 200 && !head.headers.has(DateField::name)) writer.line(core_->date.line(loop_));
  if (head.framing == Framing::Length && !noBody) {
    writer.field("Content-Length", std::to_string(head.contentLength));
  } else if (streamed && !noBody) {
    if (minorVersion_ >= 1) writer.field("Transfer-Encoding", "chunked");
  } else if (headRequest_ || head.status == 304) {
    // What a GET would have had; RFC 9110 §8.6.
    if (head.headers.has("Content-Length") && head.status != 204) writer.field("Content-Length", head.headers.get("Content-Length"));
  } else if (!noBody) {
    writer.field("Content-Length", "0");
  }
  if (closeAfter_) {
    writer.field("Connection", "close");
  } else if (minorVersion_ == 0) {
    writer.field("Connection", "keep-alive");
  }
  if (const auto written = writer.finish(); !written) {
    answerRefusal({500, "BadAnswerHead", "The server's answer has a header that cannot be sent."});
    goneDue_ = true;
    schedule();
    return;
  }
  flushSoon();
}

void Connection::sendBody(std::string_view bytes) {
  if (!open() || bytes.empty()) return;
  if (!headSent_ || (answerFraming_ == Framing::Length && bytes.size() > answerLeft_)) {
    breakOff();  // the handler's mistake (or an upstream's): never let the client see a wrong body
    return;
  }
  if (answerFraming_ == Framing::None) return;  // an answer to HEAD
  if (tooSlow()) return;
  std::string chunkHead;
  if (answerFraming_ == Framing::Chunked) appendChunkHead(chunkHead, bytes.size());
  const std::string_view tail = answerFraming_ == Framing::Chunked ? chunkTail : std::string_view();
  if (answerFraming_ == Framing::Length) answerLeft_ -= bytes.size();
  if (unsent() + bytes.size() < smallPiece) {
    out_.append(chunkHead).append(bytes).append(tail);
    flushSoon();
  } else {
    push({chunkHead, bytes, tail});
  }
}

std::optional<IoResult> Connection::sendBodyFrom(int fd, std::size_t limit) {
  limit = static_cast<std::size_t>(std::min<std::uint64_t>(limit, answerLeft_));
  if (!open() || !headSent_ || answerFraming_ != Framing::Length || limit == 0) return std::nullopt;
  if (!blocked_) flush();  // the head goes first
  if (!open() || unsent() > 0) return IoResult{IoResult::Kind::WouldBlock, 0, 0};
  std::unique_ptr<SplicePipe> pipe = core_->pipes.take();
  if (!pipe) return std::nullopt;
  const IoResult got = pipe->fill(fd, limit);
  answerLeft_ -= got.bytes;
  core_->stats.passedBytes += got.bytes;
  pipe_ = std::move(pipe);
  drainPipe();
  if (blocked_) updateInterest();
  return got;
}

/// Gives the client what the pipe holds, as far as its socket takes it.
void Connection::drainPipe() {
  const IoResult sent = pipe_->drain(socket_.get());
  if (sent.kind == IoResult::Kind::Failed) return peerGone();
  noteWritten(sent.bytes, pipe_->held() > 0);
  if (!blocked_) core_->pipes.give(std::move(pipe_));
}

/// After each write to the socket: what it took, and whether it refused the rest.
void Connection::noteWritten(std::size_t taken, bool refused) {
  blocked_ = refused;
  if (!refused) {
    refusedSince_.reset();
  } else if (taken > 0 || !refusedSince_) {
    refusedSince_ = loop_.now();
  }
}

void Connection::finish() {
  const bool wasOpen = open();
  exchange_ = nullptr;  // in any case: the holder may destroy it right after
  goneDue_ = false;
  if (!wasOpen) return;
  if (!headSent_) {
    answerRefusal({500, "NoAnswer", "The server did not answer."});
    return;
  }
  if (answerLeft_ > 0) {
    breakOff();
    return;
  }
  finished_ = true;
  if (answerFraming_ == Framing::Chunked) out_.append(lastChunk);
  flushSoon();
}

void Connection::abort() {
  exchange_ = nullptr;
  goneDue_ = false;
  if (open()) breakOff();
}

void Connection::abandon() {
  exchange_ = nullptr;
  goneDue_ = false;
  if (!open()) return;
  if (headSent_) {
    breakOff();
  } else {
    answerRefusal({500, "NoAnswer", "The server did not answer."});
  }
}

/// Closes when more waits for the reader than is allowed.
bool Connection::tooSlow() {
  if (inMemory() <= core_->options.limits.maxUnsentBytes) return false;
  core_->stats.count("SlowReader");
  peerGone();
  return true;
}

/// Closes so that the client cannot take what it got for a whole answer.
void Connection::breakOff() {
  if (phase_ == Phase::Closed) return;
  if (!headSent_) {
    resetOnClose(socket_.get());
  } else if (answerFraming_ != Framing::UntilClose && !blocked_) {          // a reset by close() otherwise
    (void)writeSome(socket_.get(), std::string_view(out_).substr(outAt_));  // what was answered so far may go; the end is missing anyway
  }
  peerGone();
}

Upgraded Connection::upgrade(const ResponseHead& head) {
  Upgraded upgraded;
  exchange_ = nullptr;
  if (!open() || headSent_) return upgraded;
  HeadWriter writer(out_);
  writer.statusLine(head.status, head.reason);
  writer.endToEndFields(head.headers);
  if (head.status == 101) {
    writer.field("Connection", "Upgrade");
    writer.field("Upgrade", head.headers.get("Upgrade"));
  }
  if (const auto written = writer.finish(); !written) {
    answerRefusal({500, "BadAnswerHead", "The server's answer has a header that cannot be sent."});
    return upgraded;
  }
  headSent_ = true;
  push({});
  if (phase_ == Phase::Closed) return upgraded;  // it broke just now
  upgraded.unsent = out_.substr(outAt_);
  upgraded.received = running_ ? std::string(rest_) : std::move(leftover_);
  upgraded.peer = peer();
  upgraded.token = std::move(token_);
  watch_.cancel();
  upgraded.socket = std::move(socket_);
  close();
  return upgraded;
}

void Connection::flushSoon() {
  flushDue_ = true;
  schedule();
}

/// Gives what is waiting and then the pieces to the kernel; keeps copies of what it does not take.
void Connection::push(std::initializer_list<std::string_view> pieces) {
  const bool hadUnsent = unsent() > 0;
  if (pipe_ && !blocked_) {
    drainPipe();
    if (phase_ == Phase::Closed) return;
  }
  std::size_t written = 0;
  std::size_t total = inMemory();
  for (const std::string_view piece : pieces) total += piece.size();
  if (total > 0 && !blocked_) {
    const std::string_view waiting = std::string_view(out_).substr(outAt_);
    const std::string_view* piece = pieces.begin();
    const auto at = [&](std::size_t i) { return i < pieces.size() ? piece[i] : std::string_view(); };
    const IoResult sent =
        pieces.size() == 0 ? writeSome(socket_.get(), waiting) : writePieces(socket_.get(), {waiting, at(0), at(1), at(2)});
    if (sent.kind == IoResult::Kind::Failed) {
      peerGone();
      return;
    }
    written = sent.bytes;
    noteWritten(written, written < total);
  }
  std::size_t skip = std::min(written, inMemory());
  outAt_ += skip;
  skip = written - skip;
  if (inMemory() == 0) {
    if (core_) core_->heads.give(out_);
    outAt_ = 0;
  } else {
    dropSent(out_, outAt_);
  }
  for (const std::string_view piece : pieces) {
    const std::size_t drop = std::min(skip, piece.size());
    skip -= drop;
    out_.append(piece.substr(drop));
  }
  if (blocked_) updateInterest();
  if (unsent() > 0) return;
  if (hadUnsent && exchange_ != nullptr) {
    drainedDue_ = true;
    schedule();
  }
  if (finished_) answerDone();
}

/// The kernel has the last byte of the answer.
void Connection::answerDone() {
  if (std::exchange(counted_, false)) --core_->stats.exchanges;
  if (closeAfter_ || (core_->draining && leftover_.empty() && rest_.empty())) {
    token_.reset();
    // exchange_ is still there when the front answered in the handler's place: its onGone is yet to come.
    if (unreadInput_ || !body_.done() || readOff_ || !leftover_.empty() || !rest_.empty()) {
      linger();
    } else {
      close();
    }
    return;
  }
  phase_ = Phase::Idle;
  since_ = loop_.now();
  finished_ = false;
  formerToken_ = std::move(token_);
  if (readOff_) {
    readOff_ = false;
    updateInterest();
  }
  if (running_) return;
  if (leftover_.empty()) {
    formerToken_.reset();
  } else {
    schedule();
  }
}

}  // namespace spawner::http
