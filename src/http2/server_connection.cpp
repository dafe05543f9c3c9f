// ServerConnection: reading, events of the session, and the one place where call-backs to handlers are made.
#include "http2/server_connection.hpp"

#include "http/socket_io.hpp"
#include "http2/convert.hpp"

namespace spawner::http2 {
namespace {

constexpr int readsPerTurn = 4;                                    // then the other connections have their turn
constexpr std::size_t maxBodyPiece = 16 * 1024;                    // what a handler gets at once, so that pauseBody() takes effect soon
constexpr Duration shutdownNoticeLimit = std::chrono::seconds(1);  // a client that does not say that it has seen it

}  // namespace

ServerConnection::ServerConnection(std::shared_ptr<ServerCore> core, http::Upgraded connection)
    : core_(std::move(core)),
      loop_(core_->loop),
      peer_(std::move(connection.peer)),
      session_(Session::Side::Server, core_->options.session, *this),
      wire_(loop_, std::move(connection.socket), std::move(connection.unsent)),
      since_(loop_.now()) {}

void ServerConnection::begin(http::RequestHead first, std::string_view settings, std::unique_ptr<http::ExchangeToken> token) {
  const auto stream = std::make_shared<Stream>();
  stream->id = 1;
  stream->token = std::move(token);
  stream->headRequest = first.method == "HEAD";
  stream->bodyEnded = true;
  ++core_->stats.streams;
  if (!session_.upgraded(settings, stream->headRequest)) {
    ended_ = true;  // the settings make no sense: the client sees its connection end
    return;
  }
  stream->head = std::move(first);
  streams_.emplace(stream->id, stream);
  makeDue(stream);
}

void ServerConnection::start(Place place, std::string_view received) {
  place_ = place;
  wire_.start([this](Interest ready) { onReady(ready); });
  if (!received.empty() && !ended_) receive(received);
  schedule();
}

void ServerConnection::refuse() {
  session_.terminate(enhanceYourCalm);
  faultCounted_ = true;  // it is not the client's
  core_->stats.limits.count("TooManyConnections");
  endSoon();
}

void ServerConnection::onReady(Interest ready) {
  const auto self = shared_from_this();
  const auto core = core_;  // the server may be destroyed by a call-back
  if (ready.writable) wire_.writable();
  for (int i = 0; i < readsPerTurn && (ready.readable || ready.hangup) && core_; ++i) {
    const IoResult got = wire_.read(core->buffer);
    if (got.kind == IoResult::Kind::WouldBlock) break;
    if (got.kind != IoResult::Kind::Bytes) {
      close();
      break;
    }
    if (!ended_) receive({core->buffer.data(), got.bytes});
    if (got.bytes < core->buffer.size()) break;
  }
  turn();
}

void ServerConnection::receive(std::string_view bytes) {
  const auto taken = session_.receive(bytes, loop_.now());
  core_->stats.clientResets += session_.resets() - countedResets_;
  countedResets_ = session_.resets();
  if (taken) return;
  flooded_ = taken.error().kind == ErrorKind::Limit;
  if (flooded_) ++core_->stats.floods;
  endSoon();
}

/// Nothing more is taken; what is to be said has a moment to go out.
void ServerConnection::endSoon() {
  ended_ = true;
  since_ = loop_.now();
}

// --- what the session tells: noted here, told to handlers in turn()

void ServerConnection::onBegin(StreamId id) {
  const auto stream = std::make_shared<Stream>();
  stream->id = id;
  if (core_->options.makeToken) stream->token = core_->options.makeToken();
  streams_.emplace(id, stream);
  ++core_->stats.streams;
  headOf_ = id;
  since_ = loop_.now();
}

void ServerConnection::onHead(StreamId id, Head head) {
  headOf_ = 0;
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  const StreamPtr& stream = found->second;
  stream->headRequest = head.method == "HEAD";
  http::RequestHead request = requestHead(head);
  if (const auto refusal = refusalOf(head, request)) return answer(stream, *refusal);
  stream->head = std::move(request);
  makeDue(stream);
}

void ServerConnection::onData(StreamId id, std::string_view bytes) {
  const auto found = streams_.find(id);
  if (found == streams_.end() || found->second->finished || (!found->second->head && found->second->exchange == nullptr))
    return session_.consumed(id, bytes.size());  // nobody wants it
  found->second->in += bytes;
  makeDue(found->second);
}

void ServerConnection::onEnd(StreamId id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  found->second->bodyEnded = true;
  makeDue(found->second);
}

void ServerConnection::onDrained(StreamId id) {
  const auto found = streams_.find(id);
  if (found == streams_.end() || found->second->finished) return;
  found->second->drainedDue = true;
  makeDue(found->second);
}

void ServerConnection::onClosed(StreamId id, std::uint32_t) {
  if (headOf_ == id) headOf_ = 0;
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  const StreamPtr stream = found->second;
  streams_.erase(found);
  if (streams_.empty()) since_ = loop_.now();
  stream->closed = true;
  stream->goneDue = stream->exchange != nullptr || stream->head;
  if (stream->in.size() > stream->inAt) session_.consumed(id, stream->in.size() - stream->inAt);
  std::string().swap(stream->in);
  stream->inAt = 0;
  stream->head.reset();
  if (stream->token) ending_.push_back(std::move(stream->token));
  if (stream->exchange != nullptr) makeDue(stream);
}

void ServerConnection::onShutdownSeen() { finishDraining(); }

// --- call-backs

void ServerConnection::makeDue(const StreamPtr& stream) {
  if (!std::exchange(stream->due, true)) due_.push_back(stream);
  schedule();
}

void ServerConnection::schedule() {
  if (running_ || scheduled_ || !core_) return;
  scheduled_ = true;
  loop_.post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->scheduled_ = false;
      self->turn();
    }
  });
}

/// Tells what is due, one stream after another, and sends what came of it.
void ServerConnection::turn() {
  if (running_) return;
  const auto self = shared_from_this();
  const auto core = core_;
  running_ = true;
  do {
    while (!due_.empty()) {
      const std::vector<StreamPtr> all = std::exchange(due_, {});
      for (const StreamPtr& stream : all) stream->due = false;
      for (const StreamPtr& stream : all)
        while (deliver(stream)) {}
    }
    flush();
  } while (!due_.empty());
  running_ = false;
}

/// Makes one call-back that is due; false when there is none. The call-back may destroy the exchange: so it is moved out of it for the
/// call.
bool ServerConnection::deliver(const StreamPtr& stream) {
  if (stream->head && core_) {
    give(stream);
    return true;
  }
  StreamExchange* const exchange = stream->exchange;
  if (exchange == nullptr) return false;
  if (stream->goneDue) {
    if (!exchange->onGone_) return false;
    UniqueFunction<void()> callback = std::move(exchange->onGone_);
    exchange->letGo();
    callback();
    return false;
  }
  if (stream->drainedDue) {
    stream->drainedDue = false;
    if (unsent(*stream) > 0 || !exchange->onDrained_) return true;
    UniqueFunction<void()> callback = std::move(exchange->onDrained_);
    callback();
    if (stream->exchange == exchange && !exchange->onDrained_) exchange->onDrained_ = std::move(callback);
    return true;
  }
  if (!stream->bodyStarted || stream->bodyPaused) return false;
  if (stream->inAt < stream->in.size()) {
    giveBody(stream);
    return true;
  }
  if (stream->bodyEnded && !std::exchange(stream->bodyEndTold, true)) {
    if (UniqueFunction<void()> callback = std::move(exchange->onEnd_)) callback();
    return true;
  }
  return false;
}

void ServerConnection::give(const StreamPtr& stream) {
  auto exchange = std::make_unique<StreamExchange>(shared_from_this(), stream, std::move(*stream->head));
  stream->head.reset();
  core_->handler(std::move(exchange));
}

void ServerConnection::giveBody(const StreamPtr& stream) {
  StreamExchange* const exchange = stream->exchange;
  const std::string piece = stream->in.substr(stream->inAt, maxBodyPiece);
  stream->inAt += piece.size();
  if (stream->inAt == stream->in.size()) {
    std::string().swap(stream->in);
    stream->inAt = 0;
  }
  session_.consumed(stream->id, piece.size());
  if (!exchange->onData_) return;
  UniqueFunction<void(std::string_view)> callback = std::move(exchange->onData_);
  callback(piece);
  if (stream->exchange == exchange && !exchange->onData_) exchange->onData_ = std::move(callback);
}

// --- ends

void ServerConnection::flush() {
  if (!core_) return;
  bool alive = wire_.flush(session_);
  if (alive && !ended_ && session_.resets() != countedResets_) {  // the client made us reset streams
    receive({});
    alive = wire_.flush(session_);
  }
  if (!alive) return close();
  if (session_.faulty() && !std::exchange(faultCounted_, true) && !flooded_) ++core_->stats.brokenOff;
  if (flooded_ && !wire_.flushed()) return close();  // it does not read
  if (wire_.flushed()) {
    interimUnsent_ = 0;
    ending_.clear();
    if (!lingering_ && (ended_ || session_.over())) linger();
  }
}

void ServerConnection::drain() {
  if (!core_ || draining_ || ended_) return;
  draining_ = true;
  drainSince_ = loop_.now();
  session_.announceShutdown();
  schedule();
}

void ServerConnection::finishDraining() {
  if (!draining_ || std::exchange(lastWord_, true)) return;
  session_.shutdown();
  schedule();
}

void ServerConnection::checkDeadlines(TimePoint now) {
  if (!core_) return;
  const ServerOptions& options = core_->options;
  const auto stalled = wire_.stalledSince();
  if (ended_) {
    if (now - since_ < options.lingerTimeout) return turn();
    core_->stats.limits.count("LingerLimit");
    close();
  } else if (stalled && now - *stalled >= options.writeTimeout) {
    core_->stats.limits.count("WriteTimeout");
    close();
  } else if (headOf_ != 0 && now - since_ >= options.headTimeout) {
    core_->stats.limits.count("HeadTimeout");
    session_.terminate(protocolError);
    endSoon();
  } else if (streams_.empty() && !draining_ && now - since_ >= options.keepAliveTimeout) {
    core_->stats.limits.count("IdleTimeout");
    drain();
  } else if (draining_ && now - drainSince_ >= shutdownNoticeLimit) {
    finishDraining();
  }
  if (core_ && !ended_) resetStalled(now);
  turn();
}

/// A client that lets its window closed for as long as it may keep its socket full takes nothing any more.
void ServerConnection::resetStalled(TimePoint now) {
  std::vector<StreamPtr> stalled;
  for (const auto& [id, stream] : streams_) {
    const std::uint64_t sent = session_.sent(id);
    if (!session_.waits(id) || sent != stream->sent || stream->sentSince == TimePoint{}) {
      stream->sent = sent;
      stream->sentSince = now;
    } else if (now - stream->sentSince >= core_->options.writeTimeout) {
      stalled.push_back(stream);
    }
  }
  for (const StreamPtr& stream : stalled) {
    core_->stats.limits.count("WriteTimeout");
    session_.reset(stream->id, cancel);
    stream->sentSince = now;  // once
  }
}

/// In the kernel, or in the session, which may hold the beginning of a request.
bool ServerConnection::hasUnreadInput() const {
  return wire_.open() && !lingering_ && ((!ended_ && session_.midFrame()) || http::hasByteWaiting(wire_.fd()));
}

/// Everything is said. Closes in order: FIN, and input is thrown away until the client closes too or the time is over.
void ServerConnection::linger() {
  const auto core = core_;
  if (core->options.lingerTimeout == Duration::zero()) return close();
  ended_ = lingering_ = true;
  since_ = loop_.now();
  wire_.endSending();
  ++core->lingering;
  core->checkDrained();
}

void ServerConnection::closeNow() {
  close();
  schedule();
}

void ServerConnection::close() {
  if (!core_) return;
  const auto self = shared_from_this();
  const auto core = std::move(core_);
  core_ = nullptr;
  ended_ = true;
  wire_.close();
  if (std::exchange(lingering_, false)) --core->lingering;
  for (auto& [id, stream] : streams_) {
    stream->closed = true;
    stream->goneDue = stream->exchange != nullptr;
    stream->head.reset();
    if (!stream->due && stream->goneDue) due_.push_back(stream);
    stream->due = stream->due || stream->goneDue;
    stream->token.reset();
  }
  streams_.clear();
  ending_.clear();
  core->connections.erase(place_);
  core->checkDrained();
  if (running_ || due_.empty() || scheduled_) return;
  scheduled_ = true;  // schedule() needs a core
  loop_.post([self] {
    self->scheduled_ = false;
    self->turn();
  });
}

}  // namespace spawner::http2
