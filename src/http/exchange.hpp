#pragma once
// Exchange: one request and its answer on a downstream connection, both streamed with back-pressure. What the listening front gives to
// its handler; the data plane (src/proxy) builds on it, and CallHandler (call.hpp) wraps it for answers in memory.

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "http/message.hpp"
#include "loop/socket.hpp"
#include "spawner/function.hpp"
#include "spawner/time.hpp"

namespace spawner::http {

/// Whatever must live from the first byte of a request head to the last byte of its answer, or to the end of the upgraded connection
/// (the sidecar's in-use guard). Made by FrontOptions::makeToken.
struct ExchangeToken {
  virtual ~ExchangeToken() = default;
};

/// A connection after 101: the socket, what was already read from it, and the token, all owned by the new holder.
struct Upgraded {
  Fd socket;
  std::string received;  // bytes that came right behind the request head
  std::string unsent;    // bytes (the 101 head) that the socket did not yet take: send them first
  std::unique_ptr<ExchangeToken> token;
  std::string peer;  // "address:port"
};

/// Owner: the handler, from Front's call-back to the end. Destroying it before finish() aborts the exchange: a 500 when no head was sent,
/// else the connection is closed without a clean end. Thread: the loop's. Call-backs never run inside a member's call.
class Exchange {
 public:
  virtual ~Exchange() = default;

  [[nodiscard]] virtual const RequestHead& head() const = 0;
  /// The client's "address:port".
  [[nodiscard]] virtual std::string_view peer() const = 0;
  /// What FrontOptions::makeToken gave for this request; null when it gave none, or the exchange is over. Borrowed.
  [[nodiscard]] virtual ExchangeToken* token() const { return nullptr; }

  // --- the request's body
  /// Starts the flow. onData gets decoded bytes (chunked framing removed), at most 16 KiB at once; onEnd comes once, after the last byte,
  /// also for an empty body. A malformed body answers 400 by itself (when no head was sent), closes, and calls onGone.
  virtual void readBody(UniqueFunction<void(std::string_view)> onData, UniqueFunction<void()> onEnd) = 0;
  /// Stops and resumes reading from the socket (back-pressure).
  virtual void pauseBody() = 0;
  virtual void resumeBody() = 0;
  /// A body that is wanted and brings no byte for this long is answered 408 (a connection broken off, when the head was sent) and onGone.
  /// Zero, the default: no limit, as a proxy wants it. (Doubles may ignore it.)
  virtual void limitBodyIdle(Duration) {}

  // --- the answer
  /// Sends a 1xx head at once.
  virtual void sendInterim(const ResponseHead& head) = 0;
  /// Sends the head. head.framing: Length (contentLength bytes will follow), Chunked (the front adds the framing; for an HTTP/1.0 client it
  /// closes instead), None (no body, as for 204, 304 and answers to HEAD, whose Content-Length field is kept as given). Hop-by-hop fields,
  /// Content-Length and Transfer-Encoding are the front's to write, and head.keepAlive is ignored: the front decides. UntilClose means the
  /// same as Chunked. While the request's body is not complete the answer says `Connection: close`. A head with a field that would break
  /// the wire (CR, LF, NUL) becomes a 500. Once.
  virtual void sendHead(const ResponseHead& head) = 0;
  /// Takes body bytes; copies what the socket does not take. When more than FrontLimits::maxUnsentBytes wait already, the reader is too
  /// slow: the connection is closed (onGone).
  virtual void sendBody(std::string_view bytes) = 0;
  /// The same without a copy: moves up to `limit` bytes of the body from a non-blocking socket to the client inside the kernel. What came
  /// of that read, as readSome() tells it; WouldBlock also while unsent() > 0. Nothing: not possible here or now (framing that is not
  /// Length, no pipe to be had), the caller reads and calls sendBody().
  virtual std::optional<IoResult> sendBodyFrom(int fd, std::size_t limit) {
    (void)fd, (void)limit;
    return std::nullopt;
  }
  /// Bytes taken and not yet given to the client's socket.
  [[nodiscard]] virtual std::size_t unsent() const = 0;
  /// Called each time unsent() falls to zero after it was not.
  virtual void onDrained(UniqueFunction<void()> callback) = 0;
  /// The answer is complete. The exchange object may be destroyed right after; the front flushes what is left. Fewer bytes than announced:
  /// abort().
  virtual void finish() = 0;
  /// Fields behind the body, before finish(). HTTP/2 only: dropped on HTTP/1.1 (docs/decisions/0034).
  virtual void sendTrailers(const Headers&) {}
  /// Breaks the connection off, so that the client sees an error and never a clean end.
  virtual void abort() = 0;
  /// HTTP/2 only: abort() with this error code (RFC 9113 §7), whatever was sent. False on HTTP/1.1: nothing has happened.
  virtual bool reset(std::uint32_t) { return false; }

  /// True when nothing that is sent gets anywhere any more: the client is gone, a limit was passed, or the exchange is finished.
  [[nodiscard]] virtual bool over() const { return false; }
  /// Called once when the client went away (FIN or RST) before the answer was complete, or the body was malformed, or a limit of the
  /// connection was passed. The holder then destroys the exchange.
  virtual void onGone(UniqueFunction<void()> callback) = 0;

  /// REQUIRES: no final head sent. Sends the head (101, or 2xx for CONNECT) and gives the connection away; the exchange is finished.
  /// `Connection: Upgrade` and the head's Upgrade field are written by it.
  virtual Upgraded upgrade(const ResponseHead& head) = 0;
};

}  // namespace spawner::http
