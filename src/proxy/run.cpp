#include "proxy/run.hpp"

#include <cerrno>

#include "proxy/respond.hpp"

namespace spawner::proxy {
namespace {

/// No server gives an idle connection up this fast; and if one did, what may be repeated is.
constexpr Duration trustedIdle = std::chrono::milliseconds(100);
/// Chunks of an upload wait for the end of the turn until there is so much of them (docs/decisions/0062).
constexpr std::size_t gatherBytes = 8 * 1024;

}  // namespace

Run::Run(Proxy& owner, std::unique_ptr<http::Exchange> exchange, Target&& target)
    : owner_(owner),
      exchange_(std::move(exchange)),
      target_(std::move(target)),
      parser_({.maxBytes = owner.options_.maxHeadBytes, .maxFields = owner.options_.maxHeadFields}) {}

Result<std::string> Run::headBytes() const {
  const http::RequestHead& head = exchange_->head();
  return upstreamHead(head, exchange_->peer(), head.host().empty() ? target_.address.toString() : std::string(), target_.edit,
                      owner_.heads_.take());
}

void Run::start() {
  const http::RequestHead& head = exchange_->head();
  auto bytes = headBytes();
  const std::weak_ptr<Run> weak = weak_from_this();
  exchange_->onGone([weak] {
    const auto self = weak.lock();
    if (!self || self->phase_ == Phase::Ended) return;
    ++self->owner_.counters_.clientGone;
    self->end();
  });
  if (head.upgrade && owner_.tunnels_.count() >= owner_.options_.maxTunnels) {
    ++owner_.counters_.tooManyTunnels;
    return refuse(503, "TooManyTunnels", "too many upgraded connections are open here");
  }
  if (!bytes) {
    owner_.log_.error("a request cannot be forwarded", {{"error", bytes.error()}});
    return refuse(500, "Internal", bytes.error().message);
  }
  out_ = std::move(*bytes);
  bodyEnded_ = head.framing == http::Framing::None || (head.framing == http::Framing::Length && head.contentLength == 0);
  connect(true);
}

void Run::refuse(int status, std::string_view reason, std::string_view detail) {
  auto exchange = std::move(exchange_);
  end();
  respond(std::move(exchange), ownAnswer(status, reason, detail));
}

void Run::connect(bool allowPooled) {
  fromPool_ = false;
  if (allowPooled) {
    const bool repeatable = isIdempotent(exchange_->head().method) && bodyEnded_;
    auto pooled = repeatable ? owner_.pool_.take(target_.address, Duration::max(), trustedIdle)
                             : owner_.pool_.take(target_.address, owner_.options_.unsafeReuseWithin);
    fromPool_ = pooled != nullptr;
    if (fromPool_) {
      ++owner_.counters_.upstreamReuses;
      use(std::move(pooled));
      phase_ = Phase::Sending;
      return owner_.flushSoon(shared_from_this());
    }
  }
  ++owner_.counters_.upstreamConnects;
  phase_ = Phase::Connecting;
  auto socket = connectTo(target_.address, owner_.firstSpare_);
  if (!socket) {
    // Never from inside run(): its caller is not finished with the exchange.
    owner_.loop_.post([weak = weak_from_this(), error = socket.error()] {
      const FailureKind kind = error.kind == ErrorKind::Limit ? FailureKind::NoDescriptors : FailureKind::ConnectFailed;
      if (const auto self = weak.lock(); self && self->phase_ != Phase::Ended) self->fail(kind, error.message);
    });
    return;
  }
  const Duration deadPeer = owner_.options_.tunnels.deadPeerLimit;
  if (!target_.address.loopback() && deadPeer > Duration::zero()) setDeadPeerLimit(socket->get(), deadPeer);
  setDeadline(owner_.options_.connectTimeout);
  use(std::make_unique<UpstreamConnection>(owner_.loop_, std::move(*socket)));
  updateInterest();
}

void Run::flushNow() {
  if (phase_ == Phase::Ended || !connection_) return;
  if (bodyStarted_) return flushBody();
  if (phase_ != Phase::Sending) return;
  connected();
  if (phase_ != Phase::Ended) updateInterest();
}

void Run::use(std::unique_ptr<UpstreamConnection> connection) {
  connection_ = std::move(connection);
  connection_->setListener(this);
}

void Run::connected() {
  phase_ = Phase::Sending;
  setDeadline(owner_.options_.stallTimeout);
  flush();
  if (phase_ != Phase::Sending || bodyEnded_ || bodyStarted_ || uploadBroken_) return;
  bodyStarted_ = true;
  const std::weak_ptr<Run> weak = weak_from_this();
  exchange_->readBody(
      [weak](std::string_view bytes) {
        if (const auto self = weak.lock(); self && self->phase_ != Phase::Ended) self->sendBody(bytes);
      },
      [weak] {
        if (const auto self = weak.lock(); self && self->phase_ != Phase::Ended) self->endBody();
      });
}

void Run::onReady(Interest ready) {
  const auto alive = shared_from_this();
  if (phase_ == Phase::Connecting) {
    if (const auto made = connectResult(connection_->fd()); !made) return fail(FailureKind::ConnectFailed, made.error().message);
    connected();
  } else if (fromPool_ && written_ == 0 && (ready.readable || ready.hangup)) {
    return upstreamEnded(false);  // whatever it is: nothing was asked for on this connection
  } else if (ready.writable) {
    flush();
  }
  if (phase_ == Phase::Ended) return;
  if (ready.readable && !readPaused_) readAnswer();
  if (phase_ != Phase::Ended) updateInterest();
}

void Run::sendBody(std::string_view bytes) {
  bodyTaken_ = true;
  owner_.counters_.bytesToUpstream += bytes.size();
  if (uploadBroken_ || bytes.empty()) return;
  if (exchange_->head().framing == http::Framing::Chunked) {
    if (out_.empty()) owner_.flushSoon(shared_from_this());
    http::appendChunkHead(out_, bytes.size());
    out_ += bytes;
    out_ += http::chunkTail;
    if (out_.size() < gatherBytes) return;
  } else {
    if (out_.empty()) {
      const IoResult put = writeSome(connection_->fd(), bytes);
      if (put.kind == IoResult::Kind::Failed) return breakUpload(put.errnoValue);
      if (put.kind == IoResult::Kind::Bytes) bytes.remove_prefix(put.bytes);
      if (bytes.empty()) return setDeadline(owner_.options_.stallTimeout);
    }
    out_ += bytes;
  }
  flushBody();
}

/// What the upstream does not take now holds the client back.
void Run::flushBody() {
  flush();
  if (!out_.empty() && !bodyEnded_ && !bodyPaused_) {
    bodyPaused_ = true;
    exchange_->pauseBody();
  }
  updateInterest();
}

void Run::endBody() {
  bodyEnded_ = true;
  if (!uploadBroken_ && exchange_->head().framing == http::Framing::Chunked) out_ += http::lastChunk;
  flush();
  if (phase_ != Phase::Ended) updateInterest();
}

void Run::flush() {
  if (phase_ == Phase::Connecting) return;
  if (!out_.empty()) {
    if (fromPool_ && written_ == 0 && connection_->due()) return;  // onReady() is about to be told of what came before we asked
    const IoResult put = writeSome(connection_->fd(), out_);
    if (put.kind == IoResult::Kind::Failed) return breakUpload(put.errnoValue);
    if (put.kind == IoResult::Kind::Bytes) {
      written_ += put.bytes;
      setDeadline(owner_.options_.stallTimeout);
      if (put.bytes == out_.size())
        owner_.heads_.give(out_);  // nothing is held while nothing is pending
      else
        out_.erase(0, put.bytes);
    }
  }
  if (!out_.empty()) return;
  if (bodyEnded_ && phase_ == Phase::Sending) {
    phase_ = Phase::AwaitingHead;
    owner_.loop_.expectSoon(owner_.options_.busyPoll);
    return setDeadline(owner_.options_.headTimeout);
  }
  if (bodyPaused_ && !bodyEnded_ && !uploadBroken_) {
    bodyPaused_ = false;
    exchange_->resumeBody();
  }
}

/// The upstream's side takes nothing more. It may have answered before (413, 401): what it said is still to be read.
/// A write that hears of a reset takes that error from the socket, and the next read finds an end that looks like FIN: so it is kept here.
/// EPIPE alone is no reset: it also comes where the upstream has ended its side in order and no longer wants the upload.
void Run::breakUpload(int errnoValue) {
  uploadBroken_ = true;
  if (errnoValue != EPIPE) reset_ = true;
  std::string().swap(out_);
  if (bodyStarted_ && !bodyEnded_ && !bodyPaused_) {
    bodyPaused_ = true;
    exchange_->pauseBody();
  }
}

/// RFC 9110 §9.2.2: a request goes out a second time only where no harm can come of it: the connection was an old one, nothing came back
/// on it, all of the request is still here, and the request may be repeated or nothing of it was sent.
bool Run::retry() {
  if (!fromPool_ || heardAnything_) return false;
  if (written_ > 0 || uploadBroken_) {  // else all that there is of it is in out_, its body too
    if (bodyTaken_) return false;
    if (written_ > 0 && !isIdempotent(exchange_->head().method)) return false;
    auto bytes = headBytes();
    if (!bytes) return false;
    out_ = std::move(*bytes);
    // An empty body may have ended before now: its end went to the old connection and nothing says it again.
    if (bodyEnded_ && exchange_->head().framing == http::Framing::Chunked) out_ += http::lastChunk;
  }
  ++owner_.counters_.retries;
  connection_.reset();
  written_ = 0;
  uploadBroken_ = reset_ = false;
  if (bodyPaused_) {
    bodyPaused_ = false;
    exchange_->resumeBody();
  }
  connect(false);
  return true;
}

void Run::updateInterest() {
  if (connection_) connection_->want({.readable = !readPaused_, .writable = phase_ == Phase::Connecting || !out_.empty()});
}

void Run::setDeadline(Duration limit) { deadline_ = limit > Duration::zero() ? owner_.loop_.now() + limit : TimePoint::max(); }

void Run::checkDeadline(TimePoint now) {
  if (phase_ == Phase::Body) noteTaken();
  if (deadline_ > now || phase_ == Phase::Ended) return;
  const std::string upstream = target_.address.toString();
  switch (phase_) {
    case Phase::Connecting: return fail(FailureKind::ConnectTimeout, "no connection to " + upstream + " within the limit");
    case Phase::AwaitingHead: return fail(FailureKind::HeadTimeout, upstream + " has not answered within the limit");
    case Phase::Body: ++owner_.counters_.bodiesStalled; [[fallthrough]];
    default: return fail(FailureKind::Stalled, "no byte has moved to or from " + upstream + " within the limit");
  }
}

void Run::abort() {
  if (exchange_) exchange_->abort();
  end();
}

void Run::fail(FailureKind kind, std::string detail) {
  if (phase_ == Phase::Body) return breakOff();
  const Failure failure{kind, std::move(detail)};
  ++owner_.counters_.failuresBeforeHead;
  ++owner_.counters_.failures[static_cast<std::size_t>(kind)];
  if (kind != FailureKind::Intercepted) owner_.warn(*this, failure);
  auto exchange = std::move(exchange_);
  const auto handler = std::move(target_.onFailure);
  end();
  if (handler) return handler(std::move(exchange), failure);
  respond(std::move(exchange), failureResponse(failure));
}

/// The answer began and cannot be completed: the client must not take it for a whole one.
void Run::breakOff() {
  ++owner_.counters_.brokenAnswers;
  abort();
}

void Run::end() {
  if (phase_ == Phase::Ended) return;
  const auto alive = shared_from_this();
  phase_ = Phase::Ended;
  connection_.reset();
  exchange_.reset();
  owner_.ended(*this);
}

}  // namespace spawner::proxy
