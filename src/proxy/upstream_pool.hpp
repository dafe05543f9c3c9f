#pragma once
// UpstreamPool: idle keep-alive connections to upstreams, by address, bounded, and watched: a connection that the upstream closes (or on
// which it says anything unasked) leaves at once. Owner: a Proxy. Thread: the loop's.

#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>

#include "loop/socket.hpp"
#include "spawner/loop.hpp"

namespace spawner::proxy {

struct PoolOptions {
  std::size_t maxIdlePerAddress = 32;  // 0: nothing is kept
  std::size_t maxIdle = 1024;
  /// Shorter than the keep-alive time of common servers (Node.js: 5 s), so that a stale connection is rare.
  Duration idleTimeout = std::chrono::seconds(4);
};

/// An idle connection taken from the pool.
struct PooledConnection {
  Fd socket;                         // empty: there was none
  Duration idle = Duration::zero();  // how long it lay unused
};

class UpstreamPool {
 public:
  UpstreamPool(Loop& loop, PoolOptions options) : loop_(loop), options_(options) {}

  /// The connection used last, if it was idle for no longer than maxIdle. It has been seen alive a moment ago; it may still be closing.
  PooledConnection take(const SocketAddress& address, Duration maxIdle = Duration::max());
  /// Keeps a connection whose last answer is complete, for at most min(idleTimeout, limit). Beyond a bound the one unused longest is
  /// closed.
  void put(const SocketAddress& address, Fd socket, Duration limit = Duration::max());
  /// Closes all idle connections.
  void clear();
  [[nodiscard]] std::size_t idle() const { return entries_.size(); }

 private:
  struct Entry {
    std::string key;
    Fd socket;
    FdWatch watch;
    TimePoint since;
    TimePoint until;
  };
  using Entries = std::list<Entry>;  // in order of put

  void drop(Entries::iterator entry);
  void expire();
  void arm();

  Loop& loop_;
  const PoolOptions options_;
  Entries entries_;
  std::unordered_map<std::string, std::list<Entries::iterator>> byAddress_;  // the newest last
  Timer timer_;
};

}  // namespace spawner::proxy
