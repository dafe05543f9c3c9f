#pragma once
// Session: one side of an HTTP/2 connection (RFC 9113) without I/O: bytes in, events and bytes out; streams with flow control and
// back-pressure both ways; what a peer may do is bounded. Frames and HPACK are libnghttp2's. Owner: a connection. Thread: the loop's.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "http/message.hpp"
#include "spawner/result.hpp"
#include "spawner/time.hpp"

struct nghttp2_session;

namespace spawner::http2 {

using StreamId = std::int32_t;
using Fields = std::vector<std::pair<std::string, std::string>>;  // names in lower case, pseudo fields first

/// Error codes of RFC 9113 §7 that are used here.
enum ErrorCode : std::uint32_t { noError = 0, protocolError = 1, internalError = 2, refusedStream = 7, cancel = 8, enhanceYourCalm = 11 };

/// What a window may be (RFC 9113 §6.9.2); less than what every connection begins with would be of no use.
inline constexpr std::uint32_t minWindow = 65'535, maxWindow = 2'147'483'647;

/// What a head of ours may be at most: libnghttp2 as a peer ends the connection at a tenth frame of one.
inline constexpr std::size_t maxSendHead = std::size_t{9} * 16 * 1024;

/// Each is an option or a documented constant of the role that owns the connection.
struct SessionLimits {
  std::uint32_t maxStreams = 1000;                   // that the peer has open at once (SETTINGS_MAX_CONCURRENT_STREAMS)
  std::uint32_t streamWindow = 256 * 1024;           // bytes of a stream that are not consumed yet: what is held of it at most
  std::uint32_t connectionWindow = 4 * 1024 * 1024;  // the same, of all streams of a connection
  std::size_t maxHeadBytes = 32 * 1024;              // of a head, counted as SETTINGS_MAX_HEADER_LIST_SIZE does
  std::size_t maxHeadFields = 100;
  std::size_t maxSendHeadBytes = 64 * 1024;  // of a head or trailers of ours, with 12 a field: a server's stream is reset beyond
  std::size_t maxResets = 1000;              // streams that the peer opened and reset (or broke), at once (CVE-2023-44487) ...
  double resetsPerSecond = 100;              // ... and going on: beyond, the connection ends with ENHANCE_YOUR_CALM
  std::size_t maxOutboundAcks = 1000;        // answers to SETTINGS and PING that wait for a peer that does not read: the connection ends
};

/// A head, of a request or an answer, as it came.
struct Head {
  std::string method, scheme, authority, path;  // of a request
  int status = 0;                               // of an answer; 1xx: another one will follow
  http::Headers headers;                        // without pseudo fields; several Cookie fields are one (RFC 9113 §8.2.3)
  bool tooLarge = false;                        // beyond the limits: some of it is missing
  bool end = false;                             // no body
};

class Session {
 public:
  /// What is told inside receive() and output(). May call any member but these two, and must not destroy the session.
  struct Events {
    /// A server's: a request begins.
    virtual void onBegin(StreamId id) = 0;
    virtual void onHead(StreamId id, Head head) = 0;
    /// Bytes of a body. consumed() must be called for each of them, also after the stream's end.
    virtual void onData(StreamId id, std::string_view bytes) = 0;
    virtual void onTrailers(StreamId id, http::Headers trailers) = 0;
    /// The peer's side of the stream is complete. (Told after onHead where that has `end`.)
    virtual void onEnd(StreamId id) = 0;
    /// Nothing is left to be sent of the stream, after there was something.
    virtual void onDrained(StreamId id) = 0;
    /// The stream is over: noError when both sides were complete.
    virtual void onClosed(StreamId id, std::uint32_t errorCode) = 0;
    /// The peer's first SETTINGS: it does speak HTTP/2.
    virtual void onSettings() = 0;
    /// A client's: the peer takes no new streams.
    virtual void onGoaway() = 0;
    /// The peer has seen announceShutdown().
    virtual void onShutdownSeen() = 0;

   protected:
    ~Events() = default;
  };
  enum class Side { Server, Client };

  /// REQUIRES: loadNghttp2().
  Session(Side side, SessionLimits limits, Events& events);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// A server's, before anything else: goes on from `Upgrade: h2c` (RFC 7540 §3.2). The request is stream 1, complete. `settings`: the
  /// payload of HTTP2-Settings.
  Result<void> upgraded(std::string_view settings, bool headRequest);

  /// Takes bytes from the peer. Protocol or Limit: the connection is to be closed when output() has been sent, which says why. To be called
  /// (also without bytes) when resets() has grown inside output().
  Result<void> receive(std::string_view bytes, TimePoint now);
  /// Part of a frame (or of a client's preface) has come, and not all of it: libnghttp2 holds it and tells nothing yet.
  [[nodiscard]] bool midFrame() const { return skip_ > 0 || headRead_ > 0; }
  /// The next piece to be sent, valid until the next call; empty: nothing now.
  std::string_view output();
  /// Nothing will be read or sent any more.
  [[nodiscard]] bool over() const;

  /// A client's: 0 when there are no more numbers for streams. After the peer's GOAWAY the stream is closed with refusedStream, unsent.
  StreamId request(const Fields& fields, bool end);
  void interim(StreamId id, const Fields& fields);
  void answer(StreamId id, const Fields& fields, bool end);
  /// Body bytes; copied. Nothing happens when the stream is over.
  void send(StreamId id, std::string_view bytes);
  /// Our side of the stream is complete. A server's: what the peer had still to send is not wanted any more.
  void end(StreamId id, std::optional<Fields> trailers = std::nullopt);
  [[nodiscard]] std::size_t unsent(StreamId id) const;
  /// Bytes, or the end of a body, wait for the peer's window or for the connection.
  [[nodiscard]] bool waits(StreamId id) const;
  /// The stream is there, and our side of it is not complete: END_STREAM has not gone out.
  [[nodiscard]] bool sending(StreamId id) const;
  /// Body bytes of the stream that have gone out so far.
  [[nodiscard]] std::uint64_t sent(StreamId id) const;
  /// So many bytes given by onData are out of our hands: the peer may send as many more.
  void consumed(StreamId id, std::size_t bytes);
  void reset(StreamId id, std::uint32_t errorCode);

  /// Graceful end of a server: first the notice; when it was seen (onShutdownSeen) the word which streams are the last; those in flight go
  /// on.
  void announceShutdown();
  void shutdown();
  /// GOAWAY, and every stream is over.
  void terminate(std::uint32_t errorCode);

  /// How many streams the peer lets us have open.
  [[nodiscard]] std::uint32_t peerMaxStreams() const;
  /// A GOAWAY of ours has named an error: the peer broke the protocol or a limit.
  [[nodiscard]] bool faulty() const { return faulty_; }
  /// Streams of the peer's that it has reset or broken, those among them that it made us reset.
  [[nodiscard]] std::uint64_t resets() const { return resets_; }

 private:
  struct Glue;  // libnghttp2's call-backs
  struct Outgoing {
    std::string bytes;
    std::size_t at = 0;
    std::uint64_t sent = 0;
    bool ended = false;
    bool waiting = false;  // libnghttp2 has found nothing to send: it must be told of more
    std::optional<Fields> trailers;
  };
  [[nodiscard]] bool mayReset(TimePoint now);
  void resume(StreamId id, Outgoing& outgoing);
  void follow(std::string_view bytes);

  const Side side_;
  const SessionLimits limits_;
  Events& events_;
  nghttp2_session* session_ = nullptr;
  std::unordered_map<StreamId, Outgoing> outgoing_;
  Head building_;       // the head that is coming: there is one at a time
  std::string cookie_;  // its pieces so far
  std::size_t headBytes_ = 0;
  std::size_t headFields_ = 0;
  StreamId notSent_ = 0;
  std::size_t prefaceLeft_;      // of a client's, until it begins to come
  std::size_t skip_ = 0;         // bytes that are missing of the preface or of a frame's payload
  std::size_t headRead_ = 0;     // bytes of a frame's head, while it is not complete
  std::size_t frameLength_ = 0;  // as far as they say it
  std::uint64_t resets_ = 0;
  /// A server's resets that wait to be sent and are not to be counted then: ours, by their code; any, where the frame that made it was.
  std::unordered_map<StreamId, std::optional<std::uint32_t>> paid_;
  double resetsLeft_;
  TimePoint now_{}, refilled_{};
  bool flooded_ = false, faulty_ = false, settingsSeen_ = false;
};

}  // namespace spawner::http2
