#include "proxy/http2_upstream.hpp"

#include <algorithm>

namespace spawner::proxy {
namespace {

constexpr int readsPerTurn = 4;          // then the other connections have their turn
constexpr std::size_t streamCost = 256;  // of a request that waits, besides its fields: about what libnghttp2 has of it

std::size_t sizeOf(const http2::Fields& fields) {
  std::size_t bytes = streamCost;
  for (const auto& [name, value] : fields) bytes += name.size() + value.size() + 32;  // as RFC 9113 §6.5.2 counts them
  return bytes;
}

}  // namespace

Http2Upstream::Http2Upstream(Loop& loop, Owner& owner, SocketAddress address, http2::SessionLimits limits, Duration connectTimeout,
                             Fd socket)
    : loop_(loop),
      owner_(owner),
      address_(address),
      session_(http2::Session::Side::Client, limits, *this),
      wire_(loop, std::move(socket)),
      maxWaitingHeads_(limits.streamWindow),
      deadline_(connectTimeout > Duration::zero() ? loop.now() + connectTimeout : TimePoint::max()),
      idleSince_(loop.now()) {}

void Http2Upstream::start() {
  wire_.start([this](Interest ready) { onReady(ready); });
  wire_.awaitWritable();
}

void Http2Upstream::onReady(Interest ready) {
  const auto self = shared_from_this();
  if (phase_ == Phase::Connecting) {
    if (const auto made = connectResult(wire_.fd()); !made) return fail(false, made.error().message);
    phase_ = Phase::Greeting;
    connected_ = true;
    wire_.writable();
  } else if (ready.writable) {
    wire_.writable();
  }
  if (ready.readable || ready.hangup) readInput();
  turn();
}

void Http2Upstream::readInput() {
  const std::span<char> buffer = owner_.scratch();
  for (int i = 0; i < readsPerTurn && phase_ != Phase::Closed; ++i) {
    const IoResult got = wire_.read(buffer);
    if (got.kind == IoResult::Kind::WouldBlock) return;
    if (got.kind != IoResult::Kind::Bytes) {
      const std::string how = got.kind == IoResult::Kind::End ? " closed" : " broke";
      return fail(false, address_.toString() + how + " the connection" + (phase_ == Phase::Greeting ? " without a word of HTTP/2" : ""));
    }
    running_ = true;  // listeners may ask for something: it is sent in turn()
    const auto taken = session_.receive({buffer.data(), got.bytes}, loop_.now());
    running_ = false;
    if (!taken) {
      (void)wire_.flush(session_);  // its GOAWAY
      return fail(false, address_.toString() + (phase_ == Phase::Greeting ? " does not speak HTTP/2: " : ": ") + taken.error().message);
    }
    tellClosed();
    if (got.bytes < buffer.size()) return;
  }
}

std::shared_ptr<Http2Upstream::Listener> Http2Upstream::listenerOf(http2::StreamId id) const {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second;
}

void Http2Upstream::onHead(http2::StreamId id, http2::Head head) {
  if (const auto listener = listenerOf(id)) listener->onHead(std::move(head));
}
void Http2Upstream::onData(http2::StreamId id, std::string_view bytes) {
  if (const auto listener = listenerOf(id)) return listener->onData(bytes);
  session_.consumed(id, bytes.size());
}
void Http2Upstream::onTrailers(http2::StreamId id, http::Headers trailers) {
  if (const auto listener = listenerOf(id)) listener->onTrailers(std::move(trailers));
}
void Http2Upstream::onEnd(http2::StreamId id) {
  if (const auto listener = listenerOf(id)) listener->onEnd();
}
void Http2Upstream::onDrained(http2::StreamId id) {
  if (const auto listener = listenerOf(id)) listener->onDrained();
}
void Http2Upstream::onClosed(http2::StreamId id, std::uint32_t errorCode) {
  closed_.push_back({id, errorCode});
  flushSoon();
}

void Http2Upstream::onSettings() {
  if (phase_ != Phase::Greeting) return;
  phase_ = Phase::Open;
  settingsSeen_ = true;
  deadline_ = TimePoint::max();
}

http2::StreamId Http2Upstream::request(const http2::Fields& fields, bool end, std::shared_ptr<Listener> listener) {
  const http2::StreamId id = session_.request(fields, end);
  if (id == 0) return 0;
  streams_.emplace(id, std::move(listener));
  waitingHeads_ += sizeOf(fields);
  flushSoon();
  return id;
}

void Http2Upstream::send(http2::StreamId id, std::string_view bytes) {
  session_.send(id, bytes);
  flushSoon();
}

void Http2Upstream::end(http2::StreamId id) {
  session_.end(id);
  flushSoon();
}

void Http2Upstream::consumed(http2::StreamId id, std::size_t bytes) {
  session_.consumed(id, bytes);
  flushSoon();
}

void Http2Upstream::reset(http2::StreamId id, std::uint32_t errorCode) {
  const auto found = streams_.find(id);
  if (found == streams_.end() || found->second == nullptr) return;
  found->second = nullptr;  // it counts until the upstream's side knows
  session_.reset(id, errorCode);
  flushSoon();
}

void Http2Upstream::closeWhenIdle() {
  goingAway_ = true;
  if (streams_.empty()) {
    session_.terminate(http2::noError);
    (void)wire_.flush(session_);
    return fail(false, "it is not needed any more");
  }
}

void Http2Upstream::flushSoon() {
  if (running_ || scheduled_ || phase_ == Phase::Closed) return;
  scheduled_ = true;
  loop_.post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->scheduled_ = false;
      self->turn();
    }
  });
}

/// Sends what there is, tells what is over, and lets the owner use what became free.
void Http2Upstream::turn() {
  const auto self = shared_from_this();
  if (phase_ == Phase::Connecting || phase_ == Phase::Closed) return;
  if (phase_ == Phase::Open && !std::exchange(usableTold_, true)) owner_.onUsable(*this);
  do {
    tellClosed();
    if (phase_ == Phase::Closed) return;
    running_ = true;
    const bool alive = wire_.flush(session_);
    running_ = false;
    if (!alive) return fail(false, address_.toString() + " broke the connection");
  } while (!closed_.empty());
  if (!settingsSeen_ && session_.over()) return fail(false, address_.toString() + " does not speak HTTP/2");
  if (streams_.empty() && (goingAway_ || session_.over())) return fail(false, address_.toString() + " takes no more requests");
  if (session_.over()) return fail(false, address_.toString() + " broke HTTP/2");  // libnghttp2 has said so, in a GOAWAY
  const bool freed = wire_.flushed() && std::exchange(waitingHeads_, 0) > maxWaitingHeads_;
  if ((goingAway_ && !std::exchange(goingAwayTold_, true)) || freed) owner_.onRoom(*this);
}

void Http2Upstream::tellClosed() {
  bool freed = false;
  while (!closed_.empty() && phase_ != Phase::Closed) {
    const auto all = std::exchange(closed_, {});
    for (const Closed& one : all) {
      const auto found = streams_.find(one.id);
      if (found == streams_.end()) continue;
      const auto listener = std::move(found->second);
      streams_.erase(found);
      freed = true;
      if (listener) listener->onClosed(one.errorCode, false, address_.toString() + " reset the stream");
    }
  }
  if (!freed || phase_ == Phase::Closed) return;
  if (streams_.empty()) idleSince_ = loop_.now();
  owner_.onRoom(*this);
}

bool Http2Upstream::forsaken(TimePoint now, Duration limit) const {
  const auto stalled = wire_.stalledSince();
  return phase_ == Phase::Open && stalled && now - *stalled >= limit &&
         std::none_of(streams_.begin(), streams_.end(), [](const auto& stream) { return stream.second != nullptr; });
}

void Http2Upstream::fail(bool timedOut, const std::string& why) {
  if (phase_ == Phase::Closed) return;
  const auto self = shared_from_this();
  phase_ = Phase::Closed;
  wire_.close();
  const auto streams = std::exchange(streams_, {});
  std::unordered_map<http2::StreamId, std::uint32_t> codes;
  for (const Closed& one : std::exchange(closed_, {})) codes.emplace(one.id, one.errorCode);
  owner_.onEnded(*this, timedOut, why);
  for (const auto& [id, listener] : streams) {
    if (!listener) continue;
    const auto code = codes.find(id);
    const bool lost = code == codes.end();
    listener->onClosed(lost ? http2::internalError : code->second, lost, why);
  }
}

void Http2Upstream::forsake() {
  phase_ = Phase::Closed;
  wire_.close();
  streams_.clear();
  closed_.clear();
}

}  // namespace spawner::proxy
