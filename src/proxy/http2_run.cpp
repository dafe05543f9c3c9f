#include "proxy/http2_run.hpp"

#include "http2/convert.hpp"
#include "proxy/respond.hpp"

namespace spawner::proxy {

Http2Run::Http2Run(Http2Proxy& owner, std::unique_ptr<http::Exchange> exchange, Target target)
    : owner_(owner), exchange_(std::move(exchange)), target_(std::move(target)) {}

void Http2Run::start() {
  const http::RequestHead& head = exchange_->head();
  exchange_->onGone([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->ended_) return;
    ++self->owner_.counters_.clientGone;
    self->leaveStream(http2::cancel);
    self->end();
  });
  if (head.upgrade) return refuse(501, "UpgradeUnsupported", "the application is spoken to by HTTP/2, which has no Upgrade (WebSockets)");
  UpstreamRequest request =
      upstreamRequest(head, exchange_->peer(), head.host().empty() ? target_.address.toString() : std::string(), target_.edit);
  auto fields = http2::requestFields(head.method, request.target, request.fields);
  if (!fields) {
    owner_.log_.error("a request cannot be forwarded", {{"error", fields.error()}});
    return refuse(500, "Internal", fields.error().message);
  }
  fields_ = std::move(*fields);
  bodyEnded_ = head.framing == http::Framing::None || (head.framing == http::Framing::Length && head.contentLength == 0);
  setDeadline(owner_.options_.connectTimeout);
  owner_.place(shared_from_this());
}

void Http2Run::refuse(int status, std::string_view reason, std::string_view detail) {
  auto exchange = std::move(exchange_);
  end();
  respond(std::move(exchange), ownAnswer(status, reason, detail));
}

bool Http2Run::attach(Http2Upstream& connection) {
  id_ = connection.request(fields_, bodyEnded_, {shared_from_this(), static_cast<Http2Upstream::Listener*>(this)});
  if (id_ == 0) return false;
  connection_ = connection.shared_from_this();
  setDeadline(bodyEnded_ ? owner_.options_.headTimeout : owner_.options_.stallTimeout);
  if (!bodyEnded_) readBody();
  if (std::exchange(bodyPaused_, false)) exchange_->resumeBody();
  return true;
}

// --- to the upstream

void Http2Run::readBody() {
  if (bodyStarted_) return;
  bodyStarted_ = true;
  const std::weak_ptr<Http2Run> weak = weak_from_this();
  exchange_->readBody(
      [weak](std::string_view bytes) {
        if (const auto self = weak.lock(); self && !self->ended_) self->sendBody(bytes);
      },
      [weak] {
        if (const auto self = weak.lock(); self && !self->ended_) self->endBody();
      });
}

void Http2Run::sendBody(std::string_view bytes) {
  bodyTaken_ = true;
  owner_.counters_.bytesToUpstream += bytes.size();
  if (!connection_) return;  // its stream has just ended: onClosed will say so
  connection_->send(id_, bytes);
  if (connection_->unsent(id_) > owner_.options_.bufferBytes && !bodyPaused_) {
    bodyPaused_ = true;
    exchange_->pauseBody();
  }
}

void Http2Run::endBody() {
  bodyEnded_ = true;
  if (!connection_) return;
  connection_->end(id_);
  if (!headSeen_) setDeadline(owner_.options_.headTimeout);
}

void Http2Run::onDrained() {
  if (ended_) return;
  if (headSeen_ || !bodyEnded_) setDeadline(owner_.options_.stallTimeout);
  if (!bodyPaused_) return;
  bodyPaused_ = false;
  exchange_->resumeBody();
}

// --- from the upstream

void Http2Run::onHead(http2::Head head) {
  if (ended_) return;
  const std::string upstream = target_.address.toString();
  const bool tooManyInterim = head.status < 200 && ++interim_ > owner_.options_.maxInterim;
  const char* flaw = head.tooLarge        ? " has a head beyond the limits"
                     : headSeen_          ? " has two heads"
                     : head.status < 100  ? " has no sound status"
                     : head.status == 101 ? " switches to another protocol, which HTTP/2 cannot"
                     : tooManyInterim     ? " has too many heads of 1xx"
                                          : nullptr;
  if (flaw != nullptr) {
    if (tooManyInterim && !headSeen_) ++owner_.counters_.tooManyInterim;
    leaveStream(http2::protocolError);
    return fail(FailureKind::BadAnswer, "the answer of " + upstream + flaw);
  }
  if (head.status < 200) return exchange_->sendInterim(http2::responseHead(std::move(head)));
  startAnswer(std::move(head));
}

void Http2Run::startAnswer(http2::Head head) {
  const bool upstreamOver = head.end;
  http::ResponseHead answer = http2::responseHead(std::move(head));
  if (target_.intercept && target_.intercept(answer)) {
    leaveStream(http2::cancel);
    return fail(FailureKind::Intercepted, "the upstream answered " + std::to_string(answer.status));
  }
  headSeen_ = true;
  setDeadline(owner_.options_.stallTimeout);
  if (target_.editAnswer) target_.editAnswer(answer);
  const bool bodyless =
      answer.framing == http::Framing::None || exchange_->head().method == "HEAD" || answer.status == 204 || answer.status == 304;
  if (bodyless) answer.framing = http::Framing::None;
  exchange_->sendHead(answer);
  if (bodyless) complete(upstreamOver);  // not when END_STREAM comes: by then the client has its answer, and may be gone
}

void Http2Run::onData(std::string_view bytes) {
  if (ended_ || !headSeen_) {
    if (connection_) connection_->consumed(id_, bytes.size());
    return;
  }
  owner_.counters_.bytesToClient += bytes.size();
  setDeadline(owner_.options_.stallTimeout);
  exchange_->sendBody(bytes);
  holdBack(bytes.size());
}

/// Back-pressure: while the client has not taken what it got, the upstream's window stays as small as it is.
void Http2Run::holdBack(std::size_t bytes) {
  owed_ += bytes;
  untaken_ = exchange_->unsent();
  if (untaken_ <= owner_.options_.bufferBytes / 2) return giveBack();
  if (std::exchange(drainHooked_, true)) return;
  exchange_->onDrained([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->ended_ || !self->connection_) return;
    self->setDeadline(self->owner_.options_.stallTimeout);
    self->giveBack();
  });
}

/// Nobody calls back for a part of what waits: a side that took some of it has not stalled. (The limit of the head begins when the body is
/// out.)
void Http2Run::noteTaken() {
  const std::size_t unsent = exchange_->unsent();
  const std::uint64_t sent = connection_->sent(id_);
  if ((headSeen_ && unsent < untaken_) || sent > sent_)
    setDeadline(bodyEnded_ && !headSeen_ ? owner_.options_.headTimeout : owner_.options_.stallTimeout);
  untaken_ = unsent;
  sent_ = sent;
}

/// Also when the stream is over: the window of the connection has lost as much.
void Http2Run::giveBack() {
  if (const std::size_t bytes = std::exchange(owed_, 0); connection_ && bytes > 0) connection_->consumed(id_, bytes);
}

void Http2Run::onTrailers(http::Headers trailers) {
  if (!ended_ && headSeen_) exchange_->sendTrailers(trailers);
}

void Http2Run::onEnd() {
  if (!ended_ && headSeen_) complete(true);
}

/// The answer is complete, and with it the exchange (docs/decisions/0035). What of the upload waits for the upstream's window, be it its
/// end alone, might wait for ever.
void Http2Run::complete(bool upstreamOver) {
  exchange_->finish();
  if (!upstreamOver || (connection_ && connection_->sending(id_))) leaveStream(http2::noError);
  end();
}

void Http2Run::onClosed(std::uint32_t errorCode, bool lost, const std::string& why) {
  if (ended_) return;
  giveBack();
  connection_ = nullptr;
  if (retry(errorCode, lost)) return;
  if (!lost && exchange_->reset(errorCode == http2::noError ? http2::internalError : errorCode)) {
    if (headSeen_)
      ++owner_.counters_.brokenAnswers;
    else
      count(FailureKind::ClosedEarly);
    return end();
  }
  fail(FailureKind::ClosedEarly, why + " before it answered");
}

/// A stream that was refused was not acted upon (RFC 9113 §8.7); one that was lost may have been, and only what may be repeated is.
bool Http2Run::retry(std::uint32_t errorCode, bool lost) {
  if (headSeen_ || bodyTaken_ || retried_) return false;
  if (lost ? !bodyEnded_ || !isIdempotent(exchange_->head().method) : errorCode != http2::refusedStream) return false;
  retried_ = true;
  ++owner_.counters_.retries;
  if (bodyStarted_ && !bodyEnded_) {  // what comes of it meanwhile is the next stream's
    bodyPaused_ = true;
    exchange_->pauseBody();
  }
  setDeadline(owner_.options_.connectTimeout);
  owner_.place(shared_from_this());
  return true;
}

// --- ends

void Http2Run::setDeadline(Duration limit) { deadline_ = limit > Duration::zero() ? owner_.loop_.now() + limit : TimePoint::max(); }

void Http2Run::checkDeadline(TimePoint now) {
  if (!ended_ && connection_) noteTaken();
  if (deadline_ > now || ended_) return;
  const std::string upstream = target_.address.toString();
  const bool waiting = connection_ == nullptr;
  leaveStream(http2::cancel);
  if (waiting) return fail(FailureKind::ConnectTimeout, "no connection with a free stream to " + upstream + " within the limit");
  if (bodyEnded_ && !headSeen_) return fail(FailureKind::HeadTimeout, upstream + " has not answered within the limit");
  if (headSeen_) ++owner_.counters_.bodiesStalled;
  fail(FailureKind::Stalled, "no byte has moved to or from " + upstream + " within the limit");
}

void Http2Run::abort() {
  if (ended_) return;
  exchange_->abort();
  leaveStream(http2::cancel);
  end();
}

void Http2Run::fail(FailureKind kind, std::string detail) {
  if (ended_) return;
  if (headSeen_) return breakOff();
  const Failure failure{kind, std::move(detail)};
  count(kind);
  if (kind != FailureKind::Intercepted) owner_.warn(target_.address, failure);
  auto exchange = std::move(exchange_);
  const auto handler = std::move(target_.onFailure);
  end();
  if (handler) return handler(std::move(exchange), failure);
  respond(std::move(exchange), failureResponse(failure));
}

void Http2Run::count(FailureKind kind) {
  ++owner_.counters_.failuresBeforeHead;
  ++owner_.counters_.failures[static_cast<std::size_t>(kind)];
}

void Http2Run::breakOff() {
  ++owner_.counters_.brokenAnswers;
  abort();
}

void Http2Run::leaveStream(std::uint32_t errorCode) {
  if (connection_) connection_->reset(id_, errorCode);
}

void Http2Run::end() {
  if (std::exchange(ended_, true)) return;
  const auto alive = shared_from_this();
  giveBack();
  connection_ = nullptr;
  exchange_.reset();
  owner_.ended(*this);
}

}  // namespace spawner::proxy
