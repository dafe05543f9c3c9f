#pragma once
// Tunnels: upgraded connections: bytes both ways, half-close and reset passed on, no buffer while idle, an orderly end for WebSockets.
// Owner: a Proxy. Thread: the loop's.

#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "http/exchange.hpp"
#include "loop/socket.hpp"
#include "proxy/counters.hpp"
#include "spawner/loop.hpp"

namespace spawner::proxy {

struct TunnelOptions {
  Duration halfCloseTimeout = std::chrono::seconds(60);  // after one side's end, this long without a byte ends the tunnel
  Duration deadPeerLimit = std::chrono::seconds(60);     // keep-alive and TCP_USER_TIMEOUT on both sockets; 0: the system's
  std::size_t bufferBytes = 16 * 1024;                   // a direction, held only while the other side does not take bytes
  Duration closeTimeout = std::chrono::seconds(5);       // drain: between our 1001 and the hard end
  Duration busyPoll{};                                   // how long the upstream's bytes are looked for before the loop sleeps
};

class Tunnel;

class Tunnels {
 public:
  /// The counters outlive the tunnels: only what is about tunnels, and bytes, is written. onEmpty runs inside the end of the last
  /// tunnel; it must not destroy this.
  Tunnels(Loop& loop, TunnelOptions options, ProxyCounters& counters, Task onEmpty);
  ~Tunnels();  // closes all, hard

  /// Takes both sides and the token, which lives to the tunnel's end. fromUpstream: bytes that came right behind the upstream's 101.
  /// webSocket: frames are followed (headers only), so that drain() can close between them.
  void add(http::Upgraded client, Fd upstream, std::string fromUpstream, bool webSocket);
  /// WebSockets: a close frame 1001 (RFC 6455 §7.4.1) to both sides between frames, then closeTimeout for what is left. Other protocols
  /// go on to their own end, or to closeAll(). Tunnels added later are closed alike.
  void drain();
  /// Closes every tunnel now.
  void closeAll();
  [[nodiscard]] std::size_t count() const { return tunnels_.size(); }

 private:
  friend class Tunnel;
  void ended(Tunnel& tunnel);

  Loop& loop_;
  const TunnelOptions options_;
  ProxyCounters& counters_;
  const std::unique_ptr<char[]> scratch_;  // bufferBytes; what is read into it is passed on before the next read
  std::list<std::shared_ptr<Tunnel>> tunnels_;
  bool draining_ = false;
  Task onEmpty_;
};

}  // namespace spawner::proxy
