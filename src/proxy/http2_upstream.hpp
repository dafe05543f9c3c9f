#pragma once
// Http2Upstream: one HTTP/2 connection to an upstream (prior knowledge, cleartext) and its streams. Internal to src/proxy.
// Owner: an Http2Proxy's list. Thread: the loop's.

#include <list>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "http2/session.hpp"
#include "http2/wire.hpp"
#include "loop/socket.hpp"
#include "spawner/loop.hpp"

namespace spawner::proxy {

class Http2Upstream final : public std::enable_shared_from_this<Http2Upstream>, private http2::Session::Events {
 public:
  /// What is told of one stream. Heads and bytes come at once, ends in the connection's own time: nothing of the stream comes after
  /// onClosed.
  struct Listener {
    virtual void onHead(http2::Head head) = 0;
    virtual void onData(std::string_view bytes) = 0;
    virtual void onTrailers(http::Headers trailers) = 0;
    virtual void onEnd() = 0;
    virtual void onDrained() = 0;
    /// `refused`: it was not acted upon, and may be sent again. `lost`: the connection ended.
    virtual void onClosed(std::uint32_t errorCode, bool lost, const std::string& why) = 0;

   protected:
    ~Listener() = default;
  };
  /// What the pool is told, in a later turn or from the connection's own events. Ended: `why` says of what; `usable` became true before or
  /// never.
  struct Owner {
    virtual void onUsable(Http2Upstream& connection) = 0;
    /// A stream became free, or the connection is going away: there may be room for another connection.
    virtual void onRoom(Http2Upstream& connection) = 0;
    virtual void onEnded(Http2Upstream& connection, bool timedOut, const std::string& why) = 0;
    /// What is read into it is passed on before the next read.
    virtual std::span<char> scratch() = 0;

   protected:
    ~Owner() = default;
  };

  Http2Upstream(Loop& loop, Owner& owner, SocketAddress address, http2::SessionLimits limits, Duration connectTimeout, Fd socket);
  void start();
  [[nodiscard]] const SocketAddress& address() const { return address_; }
  /// The upstream has sent its SETTINGS, and not GOAWAY.
  [[nodiscard]] bool usable() const { return phase_ == Phase::Open && !goingAway_; }
  [[nodiscard]] bool connecting() const { return phase_ == Phase::Connecting || phase_ == Phase::Greeting; }
  [[nodiscard]] bool everUsable() const { return settingsSeen_; }
  /// The TCP connection was made.
  [[nodiscard]] bool greeted() const { return connected_; }
  /// A further stream may be opened now.
  [[nodiscard]] bool room() const { return usable() && streams_.size() < session_.peerMaxStreams() && waitingHeads_ <= maxWaitingHeads_; }
  [[nodiscard]] std::size_t streams() const { return streams_.size(); }
  [[nodiscard]] TimePoint idleSince() const { return idleSince_; }
  [[nodiscard]] TimePoint deadline() const { return deadline_; }
  /// The upstream has taken nothing for so long, and nobody waits for any of its streams any more.
  [[nodiscard]] bool forsaken(TimePoint now, Duration limit) const;

  /// REQUIRES: room(). 0 when it cannot be.
  http2::StreamId request(const http2::Fields& fields, bool end, std::shared_ptr<Listener> listener);
  void send(http2::StreamId id, std::string_view bytes);
  void end(http2::StreamId id);
  [[nodiscard]] std::size_t unsent(http2::StreamId id) const { return session_.unsent(id); }
  [[nodiscard]] std::uint64_t sent(http2::StreamId id) const { return session_.sent(id); }
  [[nodiscard]] bool sending(http2::StreamId id) const { return session_.sending(id); }
  void consumed(http2::StreamId id, std::size_t bytes);
  /// Nothing more is told of the stream.
  void reset(http2::StreamId id, std::uint32_t errorCode);
  /// Closes when the last stream is over; at once without one.
  void closeWhenIdle();
  /// Ends it; every stream is told.
  void fail(bool timedOut, const std::string& why);
  /// Closes without a word to anybody: the owner is destroyed.
  void forsake();

  std::list<std::shared_ptr<Http2Upstream>>::iterator place;  // in its owner's list

 private:
  enum class Phase { Connecting, Greeting, Open, Closed };

  void onBegin(http2::StreamId) override {}
  void onHead(http2::StreamId id, http2::Head head) override;
  void onData(http2::StreamId id, std::string_view bytes) override;
  void onTrailers(http2::StreamId id, http::Headers trailers) override;
  void onEnd(http2::StreamId id) override;
  void onDrained(http2::StreamId id) override;
  void onClosed(http2::StreamId id, std::uint32_t errorCode) override;
  void onSettings() override;
  void onGoaway() override { goingAway_ = true; }
  void onShutdownSeen() override {}

  [[nodiscard]] std::shared_ptr<Listener> listenerOf(http2::StreamId id) const;
  void onReady(Interest ready);
  void readInput();
  void turn();
  void flushSoon();
  void tellClosed();

  struct Closed {
    http2::StreamId id;
    std::uint32_t errorCode;
  };
  Loop& loop_;
  Owner& owner_;
  const SocketAddress address_;
  http2::Session session_;
  http2::Wire wire_;
  std::unordered_map<http2::StreamId, std::shared_ptr<Listener>> streams_;  // null: nobody listens any more
  std::vector<Closed> closed_;                                              // not told yet
  Phase phase_ = Phase::Connecting;
  const std::size_t maxWaitingHeads_;
  std::size_t waitingHeads_ =
      0;  // bytes of requests' heads since the kernel had all that was to be sent; libnghttp2 keeps them, cancelled or not
  TimePoint deadline_;
  TimePoint idleSince_;
  bool connected_ = false, settingsSeen_ = false;
  bool goingAway_ = false, scheduled_ = false, running_ = false, usableTold_ = false, goingAwayTold_ = false;
};

}  // namespace spawner::proxy
