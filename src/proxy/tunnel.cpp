#include "proxy/tunnel.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <span>

#include "http/socket_io.hpp"
#include "http/websocket.hpp"

namespace spawner::proxy {
namespace {

enum SideIndex { client = 0, upstream = 1 };
constexpr int other(int side) { return 1 - side; }

constexpr std::uint16_t goingAway = 1001;  // RFC 6455 §7.4.1
constexpr int readsPerTurn = 4;            // then the other connections have their turn

}  // namespace

/// Bytes that a socket has not taken. While there are none it is a pointer, as it mostly is: each idle session has two of them.
class Unsent {
 public:
  [[nodiscard]] bool empty() const { return !bytes_; }
  [[nodiscard]] std::string_view view() const { return bytes_ ? std::string_view(*bytes_) : std::string_view(); }
  void append(std::string_view more) {
    if (more.empty()) return;
    if (!bytes_) bytes_ = std::make_unique<std::string>();
    bytes_->append(more);
  }
  void drop(std::size_t count) {
    if (count == view().size()) return clear();
    bytes_->erase(0, count);
  }
  void clear() { bytes_.reset(); }

 private:
  std::unique_ptr<std::string> bytes_;  // never an empty one
};

/// One upgraded connection. Kept by Tunnels; a call-back under way keeps it alive beyond its end.
class Tunnel : public std::enable_shared_from_this<Tunnel> {
 public:
  Tunnel(Tunnels& owner, http::Upgraded clientSide, Fd upstreamSide, bool webSocket)
      : owner_(owner), token_(std::move(clientSide.token)), webSocket_(webSocket) {
    sides_[client].fd = std::move(clientSide.socket);
    sides_[client].pending.append(clientSide.unsent);
    sides_[upstream].fd = std::move(upstreamSide);
  }

  void start(std::string_view fromClient, std::string_view fromUpstream) {
    for (Side& side : sides_)
      if (owner_.options_.deadPeerLimit > Duration::zero()) setDeadPeerLimit(side.fd.get(), owner_.options_.deadPeerLimit);
    flush(client);
    if (!fromUpstream.empty()) take(upstream, fromUpstream);
    if (!fromClient.empty()) take(client, fromClient);
    settle();
  }

  /// Puts a close frame into both directions as soon as each is between frames.
  void close() {
    if (!webSocket_ || ended_ || (frames_ && frames_->closing)) return;
    frames().closing = true;
    setTimer(owner_.options_.closeTimeout, [this] {
      ++owner_.counters_.tunnelsCutOff;
      end();
    });
    for (const int from : {client, upstream})
      if (frames_->tracker[from].betweenFrames()) cut(from);
    settle();
  }

 private:
  friend class Tunnels;

  struct Side {
    Fd fd;
    bool readEnded = false;   // nothing more comes from it
    bool writeEnded = false;  // nothing more can go to it
    bool broken = false;      // it did not end, it was broken off (a reset, a dead peer)
    FdWatch watch;
    Unsent pending;  // for this side
  };
  struct Frames {
    std::array<http::FrameTracker, 2> tracker;  // index: the side that the bytes come from
    std::array<bool, 2> cut{};                  // our close frame went out instead of this side's further bytes
    bool closing = false;
    /// There is nothing to remember: the next byte of each side begins a frame.
    [[nodiscard]] bool idle() const { return !closing && tracker[client].untouched() && tracker[upstream].untouched(); }
  };
  Frames& frames() {
    if (!frames_) frames_ = std::make_unique<Frames>();
    return *frames_;
  }

  void onReady(int side, Interest ready) {
    const auto alive = shared_from_this();
    if (ready.writable) flush(side);
    if (ready.readable) pump(side);
    if (ready.hangup && !ready.readable && !ready.writable) hearFailure(side);
    settle();
  }

  /// A side that is not read from has ended or failed. An end is read in its turn, behind the bytes before it.
  void hearFailure(int side) {
    if (const int errnoValue = takeSocketError(sides_[side].fd.get()); errnoValue != 0) failWrites(side, errnoValue);
  }

  void pump(int from) {
    const int to = other(from);
    for (int i = 0; i < readsPerTurn && !sides_[from].readEnded && sides_[to].pending.empty(); ++i) {
      const IoResult got = readSome(sides_[from].fd.get(), std::span(owner_.scratch_.get(), owner_.options_.bufferBytes));
      if (got.kind == IoResult::Kind::WouldBlock) return;
      if (got.kind == IoResult::Kind::Bytes) {
        take(from, {owner_.scratch_.get(), got.bytes});
        if (got.bytes < owner_.options_.bufferBytes) return;
      } else {
        sides_[from].readEnded = true;
        if (got.kind == IoResult::Kind::Failed) failWrites(from, got.errnoValue);
      }
    }
  }

  /// Bytes that came from a side.
  void take(int from, std::string_view bytes) {
    lastMove_ = owner_.loop_.now();
    (from == client ? owner_.counters_.bytesToUpstream : owner_.counters_.bytesToClient) += bytes.size();
    if (from == client) owner_.loop_.expectSoon(owner_.options_.busyPoll);
    if (!webSocket_) return send(other(from), bytes);
    takeFrames(from, bytes);
    if (frames_->idle()) frames_.reset();
  }
  void takeFrames(int from, std::string_view bytes) {
    http::FrameTracker& tracker = frames().tracker[from];
    if (frames_->cut[from]) return tracker.feed(bytes);  // thrown away, but its answer to our close frame is seen
    if (!frames_->closing) {
      tracker.feed(bytes);
      return send(other(from), bytes);
    }
    const std::size_t whole = tracker.feedToBoundary(bytes);
    send(other(from), bytes.substr(0, whole));
    if (tracker.betweenFrames()) cut(from);
    if (frames_->cut[from]) tracker.feed(bytes.substr(whole));
  }

  /// Ends the stream of WebSocket frames from this side by a close frame of ours.
  void cut(int from) {
    if (frames_->cut[from]) return;
    frames_->cut[from] = true;
    if (frames_->tracker[from].closed()) return;  // it has said so itself
    if (from == upstream) return send(client, http::encodeWsClose(goingAway));
    // To the upstream we speak as a client: masked. The key hides nothing here: both ends are known (RFC 6455 §10.3 is about caches
    // between).
    const std::array<std::uint8_t, 4> mask = {0x5a, 0xa5, 0x3c, 0xc3};
    const std::string code = {static_cast<char>(goingAway >> 8), static_cast<char>(goingAway & 0xff)};
    send(upstream, http::encodeMaskedWsFrame(http::WsOpcode::Close, code, mask));
  }

  void send(int to, std::string_view bytes) {
    Side& side = sides_[to];
    if (side.writeEnded || bytes.empty()) return;
    if (side.pending.empty()) {
      const IoResult put = writeSome(side.fd.get(), bytes);
      if (put.kind == IoResult::Kind::Failed) return failWrites(to, put.errnoValue);
      if (put.kind == IoResult::Kind::Bytes) bytes.remove_prefix(put.bytes);
    }
    side.pending.append(bytes);
  }

  void flush(int to) {
    Side& side = sides_[to];
    if (side.pending.empty()) return;
    const IoResult put = writeSome(side.fd.get(), side.pending.view());
    if (put.kind == IoResult::Kind::Failed) return failWrites(to, put.errnoValue);
    if (put.kind != IoResult::Kind::Bytes) return;
    lastMove_ = owner_.loop_.now();
    side.pending.drop(put.bytes);
  }

  /// The side's socket has failed. EPIPE alone is no break: a side that has ended may refuse what still comes to it.
  void failWrites(int to, int errnoValue) {
    sides_[to].writeEnded = true;
    if (errnoValue != EPIPE) sides_[to].broken = true;
    sides_[to].pending.clear();
  }

  /// After anything happened: passes ends on, ends the tunnel, sets what is waited for.
  void settle() {
    if (ended_) return;
    for (const int from : {client, upstream}) {
      Side& to = sides_[other(from)];
      if (!sides_[from].readEnded || sides_[from].broken || to.writeEnded || !to.pending.empty()) continue;
      ::shutdown(to.fd.get(), SHUT_WR);
      to.writeEnded = true;
    }
    if (isOver()) return end();
    for (const int side : {client, upstream}) setInterest(side);
    const bool halfClosed =
        sides_[client].readEnded || sides_[upstream].readEnded || sides_[client].writeEnded || sides_[upstream].writeEnded;
    if (halfClosed && !timer_) watchHalfClosed(owner_.options_.halfCloseTimeout);
  }

  [[nodiscard]] bool isOver() const {
    for (const int side : {client, upstream}) {
      const bool delivered = sides_[other(side)].pending.empty();
      // Who was broken off is not waited for: what of its bytes the other side has not taken may take for ever.
      if (delivered ? sides_[side].readEnded && sides_[side].writeEnded : sides_[side].broken) return true;
    }
    if (!frames_ || !frames_->closing || !sides_[client].pending.empty() || !sides_[upstream].pending.empty()) return false;
    const auto saidGoodbye = [this](int side) { return frames_->cut[side] && (frames_->tracker[side].closed() || sides_[side].readEnded); };
    return saidGoodbye(client) && saidGoodbye(upstream);
  }

  /// A side that is neither read from nor written to is listened to for its breaking off: of each change once, for an end stays.
  void setInterest(int index) {
    Side& side = sides_[index];
    Interest wanted{.readable = !side.readEnded && sides_[other(index)].pending.empty(), .writable = !side.pending.empty()};
    wanted.hangup = wanted.edge = !wanted.readable && !wanted.writable && !(side.readEnded && side.writeEnded);
    if (side.watch) return side.watch.set(wanted);
    side.watch = owner_.loop_.watch(side.fd.get(), wanted, [this, index](Interest ready) { onReady(index, ready); });
  }

  void setTimer(Duration delay, Task task) { timer_ = std::make_unique<Timer>(owner_.loop_.after(delay, std::move(task))); }
  void watchHalfClosed(Duration delay) {
    setTimer(delay, [this] {
      const Duration quiet = owner_.loop_.now() - lastMove_;
      if (quiet >= owner_.options_.halfCloseTimeout) {
        ++owner_.counters_.tunnelsHalfClosed;
        return end();
      }
      watchHalfClosed(owner_.options_.halfCloseTimeout - quiet);
    });
  }

  void end() {
    if (ended_) return;
    ended_ = true;
    timer_.reset();
    // A stream that was broken off must not look like one that came to its end: the other side gets a reset, as it would without us.
    for (const int side : {client, upstream})
      if (sides_[side].broken && !sides_[other(side)].broken) http::resetOnClose(sides_[other(side)].fd.get());
    for (Side& side : sides_) {
      side.watch.cancel();
      side.fd.reset();
    }
    owner_.ended(*this);  // may free *this
  }

  Tunnels& owner_;
  std::array<Side, 2> sides_;
  std::unique_ptr<http::ExchangeToken> token_;
  std::unique_ptr<Frames> frames_;  // of a WebSocket, while there is something to remember
  std::unique_ptr<Timer> timer_;    // half-close, or the limit of an orderly close; null while neither is under way
  TimePoint lastMove_{};
  std::list<std::shared_ptr<Tunnel>>::iterator place_;
  const bool webSocket_;
  bool ended_ = false;
};

Tunnels::Tunnels(Loop& loop, TunnelOptions options, ProxyCounters& counters, Task onEmpty)
    : loop_(loop),
      options_(options),
      counters_(counters),
      scratch_(std::make_unique<char[]>(options.bufferBytes)),
      onEmpty_(std::move(onEmpty)) {}

Tunnels::~Tunnels() {
  onEmpty_ = nullptr;
  closeAll();
}

void Tunnels::add(http::Upgraded clientSide, Fd upstreamSide, std::string fromUpstream, bool webSocket) {
  const std::string fromClient = std::move(clientSide.received);
  const auto tunnel = std::make_shared<Tunnel>(*this, std::move(clientSide), std::move(upstreamSide), webSocket);
  tunnel->place_ = tunnels_.insert(tunnels_.end(), tunnel);
  counters_.tunnels = tunnels_.size();
  tunnel->start(fromClient, fromUpstream);
  if (draining_) tunnel->close();
}

void Tunnels::drain() {
  draining_ = true;
  const auto all = tunnels_;  // close() may end one
  for (const auto& tunnel : all) tunnel->close();
}

void Tunnels::closeAll() {
  const auto all = tunnels_;
  for (const auto& tunnel : all) tunnel->end();
}

void Tunnels::ended(Tunnel& tunnel) {
  tunnel.token_.reset();  // now, also when a call-back keeps the object for a moment
  tunnels_.erase(tunnel.place_);
  counters_.tunnels = tunnels_.size();
  if (tunnels_.empty() && onEmpty_) onEmpty_();
}

}  // namespace spawner::proxy
