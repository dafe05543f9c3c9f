#pragma once
// Front: the listening side of HTTP/1.1 on a loop: accepts, parses heads with the strict guard, enforces every limit, and gives each
// request as an Exchange to the handler. The data plane and every server of ours (API, admin, metrics, embedded Kubernetes) stand on it.

#include <cstdint>
#include <functional>
#include <memory>

#include "http/body.hpp"
#include "http/exchange.hpp"
#include "http/front_stats.hpp"
#include "loop/socket.hpp"
#include "spawner/loop.hpp"
#include "spawner/result.hpp"

namespace spawner::http {

/// Each limit is an option of the role that owns the front.
struct FrontLimits {
  std::size_t maxHeadBytes = 32 * 1024;                  // 431 beyond
  std::size_t maxHeadFields = 100;                       // 431 beyond
  Duration headTimeout = std::chrono::seconds(10);       // first byte to full head: 408
  Duration keepAliveTimeout = std::chrono::seconds(75);  // idle between requests: closed
  Duration writeTimeout = std::chrono::seconds(60);      // no progress in sending: closed
  std::size_t maxConnections = 10'000;                   // beyond: accept and answer 503
  std::size_t maxUnsentBytes = 1024 * 1024;              // of answers in memory; a reader this slow is closed
  std::size_t maxPipes = 64;                             // for bodies that pass without a copy, two descriptors each; beyond: copied
  Duration lingerTimeout = std::chrono::seconds(2);      // after an answer that closes: unread input is thrown away, so that no RST eats
  std::size_t maxLingerBytes = 1024 * 1024;              // the answer: for so long, and so much of it
  Duration deadPeerLimit = std::chrono::seconds(60);     // TCP keep-alive and TCP_USER_TIMEOUT; 0: the system's
  ChunkLimits chunks{};                                  // of requests' bodies: 400 beyond
  std::size_t spareDescriptors = 0;                      // so many of the process's are left to others: 503 beyond
};

struct FrontOptions {
  FrontLimits limits;
  /// Called at the first byte of a request head; its result lives until the last byte of the answer or of the upgraded connection. May be
  /// empty.
  std::function<std::unique_ptr<ExchangeToken>()> makeToken = {};
  /// Takes connections that begin with HTTP/2's preface (RFC 9113 §3.4), with the preface in `received`, without a token. Empty: such a
  /// connection is answered 505.
  std::function<void(Upgraded)> onHttp2 = {};
};

class FrontImpl;

/// Thread: the loop's. Destroying it closes all its connections (upgraded ones belong to their holders).
class Front {
 public:
  using Handler = std::function<void(std::unique_ptr<Exchange>)>;
  Front(Loop& loop, Handler handler, FrontOptions options = {});
  ~Front();

  /// May be called for several addresses. Port 0 picks one.
  Result<void> listen(const SocketAddress& address);
  /// Serves a socket that is already listening (socket activation, tests).
  Result<void> adopt(Fd listeningSocket);
  /// The port of the first address.
  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] FrontStats stats() const;

  /// One pass over the accept queue and over every connection without an exchange: true when a new connection or a new byte was found
  /// that has not been given to the handler yet. What the sidecar does before it decides to sweep.
  bool hasUnreadInput();
  /// Stops accepting; answers get `Connection: close`; idle connections are closed. `done` runs when the last exchange is over.
  void drain(Task done);

 private:
  std::unique_ptr<FrontImpl> impl_;
};

}  // namespace spawner::http
