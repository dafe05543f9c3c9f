#pragma once
// UpstreamPool: idle keep-alive connections to upstreams, by address, bounded, and watched: a connection that the upstream closes (or on
// which it says anything unasked) leaves at once. Owner: a Proxy. Thread: the loop's.

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <vector>

#include "loop/socket.hpp"
#include "proxy/upstream_connection.hpp"
#include "spawner/loop.hpp"

namespace spawner::proxy {

struct PoolOptions {
  std::size_t maxIdlePerAddress = 128;  // 0: nothing is kept
  std::size_t maxIdle = 1024;
  /// Shorter than the keep-alive time of common servers (Node.js: 5 s), so that a stale connection is rare.
  Duration idleTimeout = std::chrono::seconds(4);
};

class UpstreamPool {
 public:
  UpstreamPool(Loop& loop, PoolOptions options) : loop_(loop), options_(options) {}

  /// The connection used last, if it was idle for no longer than maxIdle; else null. One that lay for lookAfter or longer, or may
  /// hold what was not read, is asked once more whether it is quiet (a system call); another is only known to have been so a turn ago. It
  /// may still be closing, and it may be due().
  std::unique_ptr<UpstreamConnection> take(const SocketAddress& address, Duration maxIdle = Duration::max(),
                                           Duration lookAfter = Duration::zero());
  /// Keeps a connection whose last answer is complete, for at most min(idleTimeout, limit). Beyond a bound the one unused longest is
  /// closed.
  void put(const SocketAddress& address, std::unique_ptr<UpstreamConnection> connection, Duration limit = Duration::max());
  /// Closes all idle connections.
  void clear();
  [[nodiscard]] std::size_t idle() const { return entries_.size(); }

 private:
  struct Entry;
  using Entries = std::list<Entry>;             // in order of put
  using Idle = std::vector<Entries::iterator>;  // of one address, the newest last
  struct Entry final : UpstreamConnection::Listener {
    UpstreamPool* pool = nullptr;
    Idle* same = nullptr;
    std::unique_ptr<UpstreamConnection> connection;
    TimePoint since;
    TimePoint until;
    Entries::iterator self;
    void onReady(Interest) override { pool->drop(self); }
  };

  struct ByBytes {
    bool operator()(const SocketAddress& a, const SocketAddress& b) const;
  };

  void drop(Entries::iterator entry);
  void expire();
  void arm();

  Loop& loop_;
  const PoolOptions options_;
  Entries entries_;
  Entries spare_;  // without a connection, to be used again: a put and a take ask for no memory
  std::map<SocketAddress, Idle, ByBytes> byAddress_;
  Timer timer_;
};

}  // namespace spawner::proxy
