#pragma once
// Server: the HTTP/2 connections of a Front (cleartext: h2c): takes them over, and gives each stream as an Exchange to the same kind of
// handler. Each stream has a token of its own; a connection without streams has none: it is not in use. Owner: the role. Thread: the
// loop's.

#include <cstdint>
#include <functional>
#include <memory>

#include "http/front.hpp"
#include "http2/session.hpp"
#include "spawner/loop.hpp"

namespace spawner::http2 {

/// Each is an option of the role, or the default.
struct ServerOptions {
  SessionLimits session;
  std::size_t maxConnections = 10'000;                   // beyond: GOAWAY at once, and what has come is not looked at
  Duration headTimeout = std::chrono::seconds(10);       // a stream's head, from its first frame to its last: the connection ends
  Duration keepAliveTimeout = std::chrono::seconds(75);  // a connection without a stream: GOAWAY
  Duration writeTimeout = std::chrono::seconds(60);      // the kernel takes nothing for the client: it is gone
  Duration lingerTimeout = std::chrono::seconds(2);      // after the last byte sent: input is thrown away, so that no RST eats it
  std::size_t maxUnsentBytes = 1024 * 1024;              // of an answer in memory; a stream whose handler sends on is reset
  /// As FrontOptions::makeToken, called when a stream's head begins.
  std::function<std::unique_ptr<http::ExchangeToken>()> makeToken;
};

struct ServerStats {
  std::uint64_t accepted = 0;      // connections
  std::uint64_t streams = 0;       // requests
  std::uint64_t refused = 0;       // of them, answered here (400, 431, 501)
  std::uint64_t clientResets = 0;  // streams that clients reset or broke
  std::uint64_t floods = 0;        // connections ended with ENHANCE_YOUR_CALM or for answers nobody reads
  std::uint64_t brokenOff = 0;     // connections ended for breaking the protocol
  std::size_t connections = 0, openStreams = 0;
  http::FrontStats limits;  // by reason, what limits did to connections and streams: the front's own are to be added

  /// The sum of both.
  void add(const ServerStats& other) {
    accepted += other.accepted;
    streams += other.streams;
    refused += other.refused;
    clientResets += other.clientResets;
    floods += other.floods;
    brokenOff += other.brokenOff;
    connections += other.connections;
    openStreams += other.openStreams;
    limits.add(other.limits);
  }
  bool operator==(const ServerStats&) const = default;
};

struct ServerCore;

class Server {
 public:
  using Handler = http::Front::Handler;
  /// REQUIRES: loadNghttp2().
  Server(Loop& loop, Handler handler, ServerOptions options);
  ~Server();  // closes every connection

  /// Takes over a connection that begins with the preface (FrontOptions::onHttp2).
  void adopt(http::Upgraded connection);
  /// True for a request that asks for `Upgrade: h2c` soundly (RFC 7540 §3.2).
  [[nodiscard]] static bool wantsUpgrade(const http::RequestHead& head);
  /// REQUIRES: wantsUpgrade(). Answers 101; the request comes back through the handler as stream 1.
  void upgrade(std::unique_ptr<http::Exchange> exchange);

  /// True when a byte has come that is not read yet.
  [[nodiscard]] bool hasUnreadInput() const;
  /// GOAWAY on every connection, also later ones; streams in flight go on. `done` runs in a later turn, when none is left.
  void drain(Task done);
  /// Closes every connection now; exchanges under way are told.
  void closeAll();
  [[nodiscard]] ServerStats stats() const;

 private:
  /// The request of an `Upgrade: h2c`, and its settings.
  struct First {
    http::RequestHead head;
    std::string settings;
  };
  void add(http::Upgraded connection, First* first);
  void tick();

  std::shared_ptr<ServerCore> core_;
  Timer ticker_;
};

}  // namespace spawner::http2
