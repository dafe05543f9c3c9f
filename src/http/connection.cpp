// Connection, the input side: reading, heads, bodies, and the one place where call-backs run.

#include "http/connection.hpp"

#include <algorithm>

#include "http/exchange_impl.hpp"
#include "http/socket_io.hpp"

namespace spawner::http {

namespace {

/// What a handler gets of a body at once, so that pauseBody() takes effect soon.
constexpr std::size_t maxBodyPiece = 16 * 1024;
/// What a client of HTTP/2 sends first (RFC 9113 §3.4).
constexpr std::string_view http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

}  // namespace

Connection::Connection(std::shared_ptr<FrontCore> core, Fd socket)
    : core_(std::move(core)),
      loop_(core_->loop),
      socket_(std::move(socket)),
      parser_({core_->options.limits.maxHeadBytes, core_->options.limits.maxHeadFields}),
      since_(loop_.now()),
      mayBeHttp2_(core_->options.onHttp2 != nullptr) {}

void Connection::start(std::list<std::shared_ptr<Connection>>::iterator place) {
  place_ = place;
  // The raw pointer is sound: close() ends the watch, and the destructor too.
  watch_ = loop_.watch(socket_.get(), Interest{true, false, true, true}, [this](Interest ready) { onReady(ready); });
}

void Connection::onReady(Interest ready) {
  const auto self = shared_from_this();
  const auto core = core_;  // the front may be destroyed by a call-back
  if (ready.writable) {
    blocked_ = false;
    flush();
    updateInterest();
  }
  if (phase_ == Phase::Closed) {
    run({});
  } else if (phase_ == Phase::Exchange && ready.hangup) {
    peerGone();
    run({});
  } else if (ready.readable || ready.hangup) {
    readInput(ready.hangup);
  } else {
    run({});
  }
}

void Connection::readInput(bool hangup) {
  const bool wanted = phase_ != Phase::Exchange || (bodyFlowing() && !body_.done());
  if (!wanted) {
    readOff_ = true;
    updateInterest();
    run({});
    return;
  }
  const IoResult got = readSome(socket_.get(), core_->buffer);
  if (hangup || got.bytes == core_->buffer.size())
    readsAll_ = false;  // there may be more, or an end behind it
  else if (phase_ == Phase::Idle)
    readsAll_ = true;  // not amid a large body: each change is a system call
  if (got.kind == IoResult::Kind::Bytes) {
    run({core_->buffer.data(), got.bytes});
  } else if (got.kind != IoResult::Kind::WouldBlock) {
    peerGone();
    run({});
  }
}

/// Takes what is there as far as it goes: head, body, end of exchange, next head. All call-backs to the handler are made from here.
void Connection::run(std::string_view fresh) {
  if (running_) return;
  const auto self = shared_from_this();
  const auto core = core_;
  running_ = true;
  std::string held;
  rest_ = fresh;
  if (!leftover_.empty()) {
    held.swap(leftover_);
    held.append(fresh);
    rest_ = held;
  }
  for (;;) {
    if (deliver()) continue;
    if (!rest_.empty() && take()) continue;
    if (!flushDue_) break;
    flushDue_ = false;
    flush();
  }
  running_ = false;
  if (phase_ != Phase::Closed) {
    if (!rest_.empty()) leftover_ = std::string(rest_);
    formerToken_.reset();
    updateInterest();
  }
  rest_ = {};
}

/// Makes one call-back that is due; false when there is none. The call-back may destroy the exchange, and itself with it: so it is moved
/// out of the exchange for the call.
bool Connection::deliver() {
  if (exchange_ == nullptr) return false;
  if (goneDue_) {
    if (!exchange_->onGone_) return false;
    ExchangeImpl* exchange = std::exchange(exchange_, nullptr);
    UniqueFunction<void()> callback = std::move(exchange->onGone_);
    exchange->connection_ = nullptr;
    callback();
    return true;
  }
  if (drainedDue_) {
    drainedDue_ = false;
    if (unsent() > 0 || !exchange_->onDrained_) return true;
    ExchangeImpl* exchange = exchange_;
    UniqueFunction<void()> callback = std::move(exchange->onDrained_);
    callback();
    if (exchange_ == exchange && !exchange->onDrained_) exchange->onDrained_ = std::move(callback);
    return true;
  }
  if (phase_ == Phase::Exchange && bodyFlowing() && body_.done() && !bodyEndTold_) {
    bodyEndTold_ = true;
    if (UniqueFunction<void()> callback = std::move(exchange_->onEnd_)) callback();
    return true;
  }
  return false;
}

/// Takes some of rest_; false when nothing of it can be taken now.
bool Connection::take() {
  switch (phase_) {
    case Phase::Idle:
    case Phase::Head: return takeHead();
    case Phase::Exchange:
      if (goneDue_ || !bodyFlowing() || body_.done()) return false;
      takeBody();
      return true;
    case Phase::Linger:
      lingered_ += rest_.size();
      rest_ = {};
      if (lingered_ > core_->options.limits.maxLingerBytes) {
        core_->stats.count("LingerLimit");
        close();
      }
      return true;
    case Phase::Closed: return false;
  }
  return false;
}

/// The first bytes of a connection that may be one of HTTP/2. True: nothing can be made of them yet, or the connection is given away.
bool Connection::takePreface() {
  const std::size_t known = std::min(rest_.size(), http2Preface.size());
  if (rest_.substr(0, known) != http2Preface.substr(0, known)) {
    mayBeHttp2_ = false;
    phase_ = Phase::Idle;
    return false;
  }
  if (known < http2Preface.size()) {
    if (phase_ == Phase::Idle) since_ = loop_.now();
    phase_ = Phase::Head;  // its time is limited as a head's is; there is no token, for no request has begun
    return true;
  }
  Upgraded upgraded;
  upgraded.received = std::string(rest_);
  upgraded.peer = peer();
  watch_.cancel();
  upgraded.socket = std::move(socket_);
  const auto core = core_;
  close();
  core->options.onHttp2(std::move(upgraded));
  return true;
}

/// False when more bytes are needed, or nothing is left to take them.
bool Connection::takeHead() {
  if (mayBeHttp2_ && takePreface()) return false;
  const HeadFeed fed = parser_.feed(rest_);
  rest_.remove_prefix(fed.consumed);
  if (phase_ == Phase::Idle && (parser_.started() || fed.status != HeadFeed::Status::NeedMore)) {
    phase_ = Phase::Head;
    since_ = loop_.now();
    if (core_->options.makeToken) token_ = core_->options.makeToken();
    formerToken_.reset();
  }
  if (fed.status == HeadFeed::Status::Refused) refuse(fed.refusal);
  if (fed.status == HeadFeed::Status::Done) beginExchange(parser_.takeHead());
  return true;
}

void Connection::beginExchange(RequestHead&& head) {
  phase_ = Phase::Exchange;
  since_ = loop_.now();
  minorVersion_ = head.minorVersion;
  headRequest_ = head.method == "HEAD";
  keepAlive_ = head.keepAlive;
  body_ = BodyDecoder(head.framing, head.contentLength, core_->options.limits.chunks);
  bodyIdleLimit_ = Duration::zero();
  bodyStarted_ = bodyPaused_ = bodyEndTold_ = headSent_ = finished_ = closeAfter_ = drainedDue_ = false;
  answerLeft_ = 0;
  counted_ = true;
  ++core_->stats.requests;
  ++core_->stats.exchanges;
  auto exchange = ExchangeImpl::make(core_->exchanges, shared_from_this(), std::move(head));
  exchange_ = exchange.get();
  core_->handler(std::move(exchange));
}

void Connection::takeBody() {
  const BodyStep step = body_.next(rest_.substr(0, maxBodyPiece));
  rest_.remove_prefix(step.consumed);
  bodySince_ = loop_.now();
  if (step.status == BodyStep::Status::Malformed) {
    badBody(step.refusal);
    return;
  }
  if (step.data.empty() || !exchange_->onData_) return;
  ExchangeImpl* exchange = exchange_;
  UniqueFunction<void(std::string_view)> callback = std::move(exchange->onData_);
  callback(step.data);
  if (exchange_ == exchange && !exchange->onData_) exchange->onData_ = std::move(callback);
}

/// The exchange is over without its handler's doing: an answer of ours if that is still possible, and onGone.
void Connection::badBody(const Refusal& refusal) {
  goneDue_ = true;
  if (headSent_) {
    breakOff();
  } else {
    answerRefusal(refusal);
  }
}

void Connection::startBody() {
  if (!open()) return;
  bodyStarted_ = true;
  resumeBody();
}

void Connection::resumeBody() {
  if (!open()) return;
  bodyPaused_ = false;
  bodySince_ = loop_.now();
  if (readOff_) {
    readOff_ = false;
    updateInterest();
  }
  if (!leftover_.empty() || body_.done()) schedule();
}

void Connection::limitBodyIdle(Duration limit) {
  bodyIdleLimit_ = limit;
  bodySince_ = loop_.now();
}

void Connection::goneWanted() {
  if (goneDue_) schedule();
}

std::string_view Connection::peer() {
  if (peer_.empty() && phase_ != Phase::Closed)
    if (const auto address = peerAddress(socket_.get())) peer_ = address->toString();
  return peer_;
}

bool Connection::hasUnreadInput() const {
  if (phase_ != Phase::Idle && phase_ != Phase::Head) return false;
  return !leftover_.empty() || !rest_.empty() || parser_.started() || hasByteWaiting(socket_.get());
}

void Connection::closeWhenIdle() {
  if (phase_ == Phase::Idle && !hasUnreadInput()) close();
}

void Connection::checkDeadlines(TimePoint now) {
  if (phase_ == Phase::Closed) return;
  const auto self = shared_from_this();
  const FrontLimits& limits = core_->options.limits;
  const Duration passed = now - since_;
  if (refusedSince_ && now - *refusedSince_ >= limits.writeTimeout) {
    core_->stats.count("WriteTimeout");
    peerGone();
  } else if (phase_ == Phase::Idle && passed >= (core_->draining ? limits.headTimeout : limits.keepAliveTimeout)) {
    core_->stats.count("IdleTimeout");
    close();
  } else if (phase_ == Phase::Head && passed >= limits.headTimeout) {
    refuse({408, "HeadTimeout", "The head of the request was not complete in time."});
  } else if (phase_ == Phase::Linger && passed >= limits.lingerTimeout) {
    core_->stats.count("LingerLimit");
    close();
  } else if (open() && bodyIdleLimit_ > Duration::zero() && bodyFlowing() && !body_.done() && now - bodySince_ >= bodyIdleLimit_) {
    badBody({408, "BodyTimeout", "The body of the request did not come in time."});
    schedule();
  }
}

void Connection::schedule() {
  if (running_ || scheduled_) return;
  scheduled_ = true;
  if (core_) return core_->runSoon(shared_from_this());
  loop_.post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->scheduledRun();
  });
}

void Connection::updateInterest() {
  if (phase_ == Phase::Closed || (watchedOff_ == readOff_ && watchedBlocked_ == blocked_ && watchedEdge_ == readsAll_)) return;
  watchedOff_ = readOff_;
  watchedBlocked_ = blocked_;
  watchedEdge_ = readsAll_;
  watch_.set(Interest{!readOff_, blocked_, true, readsAll_ && !readOff_});
}

/// The client went away, or a limit was passed: nothing more can be said to it.
void Connection::peerGone() {
  if (phase_ == Phase::Closed) return;
  goneDue_ = exchange_ != nullptr;
  close();
  if (goneDue_) schedule();
}

/// Closes in order: FIN, and input thrown away for a moment, because a RST for unread input could overtake the answer.
void Connection::linger() {
  phase_ = Phase::Linger;
  finished_ = flushDue_ = false;  // a flush that is still due must not find the answer done a second time
  since_ = loop_.now();
  lingered_ = leftover_.size();
  std::string().swap(leftover_);
  rest_ = {};
  shutdownSending(socket_.get());
  readOff_ = false;
  updateInterest();
  ++core_->lingering;
  core_->checkDrained();
}

void Connection::close() {
  if (phase_ == Phase::Closed) return;
  const auto self = shared_from_this();
  const auto core = std::move(core_);
  if (phase_ == Phase::Linger) --core->lingering;
  // Only a reset tells the client of such an answer that something is missing: a FIN is its end.
  if (phase_ == Phase::Exchange && headSent_ && answerFraming_ == Framing::UntilClose && (!finished_ || unsent() > 0))
    resetOnClose(socket_.get());
  phase_ = Phase::Closed;
  watch_.cancel();
  socket_.reset();
  rest_ = {};
  std::string().swap(leftover_);
  std::string().swap(out_);
  outAt_ = 0;
  core->pipes.give(std::move(pipe_));
  flushDue_ = blocked_ = false;
  if (std::exchange(counted_, false)) --core->stats.exchanges;
  core->connections.erase(place_);
  core->checkDrained();
  formerToken_.reset();
  token_.reset();
}

}  // namespace spawner::http
