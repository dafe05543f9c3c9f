// The half of Run that reads the upstream's answer.

#include <algorithm>
#include <span>

#include "base/text.hpp"
#include "proxy/run.hpp"

namespace spawner::proxy {
namespace {

constexpr int readsPerTurn = 4;  // then the other connections have their turn
/// From so much left of a body on it passes inside the kernel: below, two more system calls cost more than the copy.
constexpr std::uint64_t passFrom = 64 * 1024;
constexpr std::size_t passAtOnce = 1024 * 1024;
/// The end of each body is read by us: what follows it on the connection is seen with it.
constexpr std::uint64_t readTail = 16 * 1024;

/// The answer switches to what was asked for, and to nothing else (RFC 9110 §7.8).
bool takesUp(const http::RequestHead& request, const http::ResponseHead& answer) {
  for (std::string_view rest = answer.headers.get(http::FieldName::Upgrade);;) {
    const std::size_t comma = rest.find(',');
    if (!request.headers.hasToken("Upgrade", trim(rest.substr(0, comma)))) return false;
    if (comma == std::string_view::npos) return true;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace

void Run::readAnswer() {
  char* const buffer = owner_.scratch_.get();
  const std::size_t size = owner_.options_.bufferBytes;
  for (int i = 0; i < readsPerTurn && phase_ != Phase::Ended && !readPaused_; ++i) {
    if (phase_ == Phase::Body && decoder_.fixedLeft() >= passFrom && passBody()) return connection_->readAll(false);
    const IoResult got = readSome(connection_->fd(), std::span(buffer, size));
    switch (got.kind) {
      case IoResult::Kind::WouldBlock: return;
      case IoResult::Kind::End: return upstreamEnded(!reset_);
      case IoResult::Kind::Failed: return upstreamEnded(false);
      case IoResult::Kind::Bytes: break;
    }
    heardAnything_ = true;
    connection_->readFull(got.bytes == size);
    if (got.bytes == size)
      connection_->readAll(false);
    else if (phase_ != Phase::Body)
      connection_->readAll(true);  // not amid a large body: each change is a system call
    consume({buffer, got.bytes});
    if (got.bytes < size) return;
  }
}

void Run::consume(std::string_view bytes) {
  while (!bytes.empty() && phase_ != Phase::Ended) {
    if (phase_ == Phase::Body) {
      takeBody(bytes);
      continue;
    }
    const http::HeadFeed feed = parser_.feed(bytes, exchange_->head().method);
    if (feed.status == http::HeadFeed::Status::Refused)
      return fail(FailureKind::BadAnswer,
                  "the answer of " + target_.address.toString() + " is not sound HTTP: " + std::string(feed.refusal.detail));
    bytes.remove_prefix(feed.consumed);
    if (feed.status == http::HeadFeed::Status::Done) takeHead(bytes);
  }
}

void Run::takeHead(std::string_view rest) {
  http::ResponseHead head = parser_.takeHead();
  if (head.status == 101) {
    if (!exchange_->head().upgrade || !out_.empty() || !takesUp(exchange_->head(), head))
      return fail(FailureKind::BadAnswer, target_.address.toString() + " switches to another protocol, which nobody asked for");
    return becomeTunnel(std::move(head), rest);
  }
  if (head.status < 200) {
    if (++interim_ > owner_.options_.maxInterim) {
      ++owner_.counters_.tooManyInterim;
      return fail(FailureKind::BadAnswer,
                  target_.address.toString() + " sends more than " + std::to_string(owner_.options_.maxInterim) + " answers of 1xx");
    }
    exchange_->sendInterim(head);
    return pauseReading(owner_.options_.bufferBytes / 2);
  }
  if (target_.intercept && target_.intercept(head))
    return fail(FailureKind::Intercepted, "the upstream answered " + std::to_string(head.status));
  startAnswer(std::move(head));
  if (decoder_.done()) complete(rest.size());
}

void Run::startAnswer(http::ResponseHead head) {
  keepFor_ = head.keepAlive && head.framing != http::Framing::UntilClose ? keepAliveLimit(head) : Duration::zero();
  decoder_ = http::BodyDecoder(head.framing, head.contentLength, owner_.options_.chunks);
  if (target_.editAnswer) target_.editAnswer(head);
  phase_ = Phase::Body;
  setDeadline(owner_.options_.stallTimeout);
  exchange_->sendHead(head);
}

void Run::becomeTunnel(http::ResponseHead head, std::string_view rest) {
  const bool webSocket = head.headers.hasToken("Upgrade", "websocket");
  if (target_.editAnswer) target_.editAnswer(head);
  http::Upgraded client = exchange_->upgrade(head);
  if (!client.socket) {  // the client is gone, or the head could not be written
    ++owner_.counters_.clientGone;
    return end();
  }
  ++owner_.counters_.upgrades;
  owner_.tunnels_.add(std::move(client), connection_->release(), std::string(rest), webSocket);
  end();
}

void Run::takeBody(std::string_view& bytes) {
  const http::BodyStep step = decoder_.next(bytes);
  bytes.remove_prefix(step.consumed);
  if (!step.data.empty()) {
    owner_.counters_.bytesToClient += step.data.size();
    setDeadline(owner_.options_.stallTimeout);
    exchange_->sendBody(step.data);
  }
  if (step.status == http::BodyStep::Status::Malformed) return breakOff();
  if (step.status == http::BodyStep::Status::Done) return complete(bytes.size());
  pauseReading(owner_.options_.bufferBytes / 2);
}

/// Lets what is there of the body pass without reading it. False: read, to send it or to see how it is with the connection.
bool Run::passBody() {
  const std::uint64_t most = std::min<std::uint64_t>(decoder_.fixedLeft() - readTail, passAtOnce);
  const auto passed = exchange_->sendBodyFrom(connection_->fd(), static_cast<std::size_t>(most));
  if (!passed || passed->kind == IoResult::Kind::End || passed->kind == IoResult::Kind::Failed) return false;
  pauseReading(0);
  if (passed->kind == IoResult::Kind::WouldBlock) return true;
  decoder_.skip(passed->bytes);
  owner_.counters_.bytesToClient += passed->bytes;
  setDeadline(owner_.options_.stallTimeout);
  return true;
}

/// Back-pressure: while the client has not taken what it got, nothing more is read. (A little that is not sent yet means nothing: the front
/// gathers small pieces.) So at most a buffer and a half of an answer is held.
void Run::pauseReading(std::size_t mayWait) {
  untaken_ = exchange_->unsent();
  if (readPaused_ || untaken_ <= mayWait) return;
  readPaused_ = true;
  if (drainHooked_) return;
  drainHooked_ = true;
  exchange_->onDrained([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->phase_ == Phase::Ended) return;
    self->readPaused_ = false;
    if (self->phase_ == Phase::Body) self->setDeadline(self->owner_.options_.stallTimeout);
    self->updateInterest();
  });
}

/// Nobody calls back for a part of what waits, and up to 1 MiB does in a pipe: a client that took some of it has not stalled.
void Run::noteTaken() {
  const std::size_t unsent = exchange_->unsent();
  if (unsent < untaken_) setDeadline(owner_.options_.stallTimeout);
  untaken_ = unsent;
}

/// The upstream's connection ended; clean: by FIN.
void Run::upstreamEnded(bool clean) {
  if (phase_ == Phase::Body) {
    if (!clean || !decoder_.endOfInput()) return breakOff();
    return complete(0);
  }
  if (retry()) return;
  fail(FailureKind::ClosedEarly, target_.address.toString() + (clean ? " closed" : " broke") + " the connection before it answered" +
                                     (written_ > 0 ? "" : " and before it was asked"));
}

void Run::complete(std::size_t extraBytes) {
  exchange_->finish();
  const bool clean = bodyEnded_ && out_.empty() && !uploadBroken_ && extraBytes == 0;
  if (clean && keepFor_ > Duration::zero()) owner_.pool_.put(target_.address, std::move(connection_), keepFor_);
  end();
}

}  // namespace spawner::proxy
