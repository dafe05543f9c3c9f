#pragma once
// ServerConnection: one HTTP/2 connection of a client, its streams, and the Exchange that a handler holds of each. Internal to src/http2.

#include <array>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "http/date_field.hpp"
#include "http/guard.hpp"
#include "http2/server.hpp"
#include "http2/wire.hpp"

namespace spawner::http2 {

class ServerConnection;
class StreamExchange;

/// What all connections of one Server share. Owner: the Server and, for the time of a call, its connections.
struct ServerCore {
  ServerCore(Loop& theLoop, Server::Handler theHandler, ServerOptions theOptions)
      : loop(theLoop), handler(std::move(theHandler)), options(std::move(theOptions)) {}
  void checkDrained();

  Loop& loop;
  const Server::Handler handler;
  const ServerOptions options;
  ServerStats stats;
  std::list<std::shared_ptr<ServerConnection>> connections;
  std::size_t lingering = 0;
  bool draining = false;
  Task drained;
  http::DateField date;
  /// Every connection reads into this one.
  std::array<char, 64 * 1024> buffer;
};

/// One request. Owner: its connection, and its exchange.
struct Stream {
  StreamId id = 0;
  std::unique_ptr<http::ExchangeToken> token;
  std::optional<http::RequestHead> head;  // not given to the handler yet
  StreamExchange* exchange = nullptr;     // while the handler holds it
  std::string in;                         // of the body, not given to the handler yet, from inAt on
  std::size_t inAt = 0;
  std::uint64_t sent = 0;           // of the answer, when it was last looked at
  TimePoint sentSince{};            // and since when it is that much
  std::optional<Fields> emptyHead;  // of an answer of length 0: sent with its end
  std::uint64_t answerLeft = 0;     // bytes still to come of an answer with a length
  bool answerHasLength = false, headRequest = false, bodyless = false;
  bool due = false;                              // in the connection's list
  bool bodyStarted = false, bodyPaused = false;  // by the handler
  bool bodyEnded = false, bodyEndTold = false;
  bool drainedDue = false, goneDue = false;
  bool headSent = false, finished = false, closed = false;
};

/// Owner: the core's list, and its exchanges. Call-backs of exchanges run in turn() only.
class ServerConnection final : public std::enable_shared_from_this<ServerConnection>, private Session::Events {
 public:
  ServerConnection(std::shared_ptr<ServerCore> core, http::Upgraded connection);

  // --- for the server
  using Place = std::list<std::shared_ptr<ServerConnection>>::iterator;
  void start(Place place, std::string_view received);
  /// Before start(): goes on from `Upgrade: h2c`; `settings` as Session::upgraded() has them.
  void begin(http::RequestHead first, std::string_view settings, std::unique_ptr<http::ExchangeToken> token);
  /// Before start(): tells the client that this connection takes nothing.
  void refuse();
  void drain();
  void closeNow();
  void checkDeadlines(TimePoint now);
  [[nodiscard]] bool hasUnreadInput() const;

  [[nodiscard]] std::size_t openStreams() const { return streams_.size(); }

  // --- for its exchanges
  using StreamPtr = std::shared_ptr<Stream>;
  [[nodiscard]] const std::string& peer() const { return peer_; }
  [[nodiscard]] std::size_t unsent(const Stream& stream) const { return stream.closed ? 0 : session_.unsent(stream.id); }
  void startBody(const StreamPtr& stream);
  void resumeBody(const StreamPtr& stream);
  void sendInterim(const StreamPtr& stream, const http::ResponseHead& head);
  void sendHead(const StreamPtr& stream, const http::ResponseHead& head);
  void sendBody(const StreamPtr& stream, std::string_view bytes);
  void finish(const StreamPtr& stream, std::optional<Fields> trailers);
  void reset(const StreamPtr& stream, std::uint32_t errorCode);
  /// Its call-backs wait for a turn.
  void makeDue(const StreamPtr& stream);

 private:
  // Session::Events
  void onBegin(StreamId id) override;
  void onHead(StreamId id, Head head) override;
  void onData(StreamId id, std::string_view bytes) override;
  void onTrailers(StreamId, http::Headers) override {}
  void onEnd(StreamId id) override;
  void onDrained(StreamId id) override;
  void onClosed(StreamId id, std::uint32_t errorCode) override;
  void onSettings() override {}
  void onGoaway() override {}
  void onShutdownSeen() override;

  void onReady(Interest ready);
  void receive(std::string_view bytes);
  void turn();
  bool deliver(const StreamPtr& stream);
  void give(const StreamPtr& stream);
  void giveBody(const StreamPtr& stream);
  void answer(const StreamPtr& stream, const http::Refusal& refusal);
  void resetStalled(TimePoint now);
  void flush();
  void schedule();
  void endSoon();
  void finishDraining();
  void linger();
  void close();

  std::shared_ptr<ServerCore> core_;  // null once closed
  Loop& loop_;
  std::list<std::shared_ptr<ServerConnection>>::iterator place_;
  const std::string peer_;
  Session session_;
  Wire wire_;
  std::unordered_map<StreamId, StreamPtr> streams_;
  std::vector<StreamPtr> due_;
  std::vector<std::unique_ptr<http::ExchangeToken>> ending_;  // of streams that are over, until the kernel has their last byte
  StreamId headOf_ = 0;                                       // the stream whose head has begun and is not complete
  TimePoint since_;                                           // begin of idleness, of that head, of lingering
  TimePoint drainSince_{};
  std::uint64_t countedResets_ = 0;
  std::size_t interimUnsent_ = 0;  // bytes of heads of 1xx, of all streams, since the kernel had all that was to be sent
  bool running_ = false, scheduled_ = false;
  bool draining_ = false, lastWord_ = false;  // the GOAWAYs
  bool flooded_ = false, faultCounted_ = false;
  bool ended_ = false;  // nothing more is read: what is to be sent, then the end
  bool lingering_ = false;
};

/// Owner: the handler.
class StreamExchange final : public http::Exchange {
 public:
  StreamExchange(std::shared_ptr<ServerConnection> connection, std::shared_ptr<Stream> stream, http::RequestHead head)
      : connection_(std::move(connection)), stream_(std::move(stream)), head_(std::move(head)) {
    stream_->exchange = this;
  }
  ~StreamExchange() override;

  [[nodiscard]] const http::RequestHead& head() const override { return head_; }
  [[nodiscard]] std::string_view peer() const override { return connection_->peer(); }
  [[nodiscard]] http::ExchangeToken* token() const override { return over() ? nullptr : stream_->token.get(); }
  void readBody(UniqueFunction<void(std::string_view)> onData, UniqueFunction<void()> onEnd) override;
  void pauseBody() override { stream_->bodyPaused = true; }
  void resumeBody() override { connection_->resumeBody(stream_); }
  void sendInterim(const http::ResponseHead& head) override { connection_->sendInterim(stream_, head); }
  void sendHead(const http::ResponseHead& head) override { connection_->sendHead(stream_, head); }
  void sendBody(std::string_view bytes) override { connection_->sendBody(stream_, bytes); }
  [[nodiscard]] std::size_t unsent() const override { return connection_->unsent(*stream_); }
  void onDrained(UniqueFunction<void()> callback) override { onDrained_ = std::move(callback); }
  void sendTrailers(const http::Headers& trailers) override;
  void finish() override;
  void abort() override { (void)reset(internalError); }
  bool reset(std::uint32_t errorCode) override;
  [[nodiscard]] bool over() const override { return stream_->closed || stream_->finished || stream_->goneDue; }
  void onGone(UniqueFunction<void()> callback) override;
  /// HTTP/2 has no upgrades, and no head asks for one.
  http::Upgraded upgrade(const http::ResponseHead&) override { return {}; }

 private:
  friend class ServerConnection;
  void letGo();

  const std::shared_ptr<ServerConnection> connection_;
  const std::shared_ptr<Stream> stream_;
  const http::RequestHead head_;
  std::optional<Fields> trailers_;
  UniqueFunction<void(std::string_view)> onData_;
  UniqueFunction<void()> onEnd_, onDrained_, onGone_;
};

}  // namespace spawner::http2
