#pragma once
// Proxy: runs exchanges against upstreams: the data plane of sidecar and gateway. Streams both ways with back-pressure, upgrades to any
// protocol, retries only what is safe. What is in flight is owned here. Thread: the loop's (a gateway with N loops has N proxies).

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/recycled.hpp"
#include "http/body.hpp"
#include "http/exchange.hpp"
#include "loop/socket.hpp"
#include "proxy/counters.hpp"
#include "proxy/forward.hpp"
#include "proxy/tunnel.hpp"
#include "proxy/upstream_pool.hpp"
#include "spawner/loop.hpp"

namespace spawner::proxy {

/// Each is an option of the role that owns the proxy. 0 as a time: no limit.
struct ProxyOptions {
  Duration connectTimeout = std::chrono::seconds(5);
  Duration headTimeout = std::chrono::hours(1);  // request sent to the answer's head: applications may think for minutes
  Duration stallTimeout = Duration::zero();      // with a body under way in either direction: this long without a byte
  std::size_t bufferBytes = 16 * 1024;           // a direction of an exchange; nothing is held while nothing is pending
  std::size_t maxHeadBytes = 64 * 1024;          // of the upstream's answer: 502 beyond
  std::size_t maxHeadFields = 200;
  http::ChunkLimits chunks;         // of the upstream's answer: broken off beyond
  std::size_t maxInterim = 32;      // answers of 1xx before the final one: 502 beyond
  std::size_t maxTunnels = 10'000;  // 503 beyond: an upgraded connection no longer counts as the front's
  /// A request that must not be sent twice (RFC 9110 §9.2.2) takes a pooled connection only when it was idle no longer than this.
  Duration unsafeReuseWithin = std::chrono::seconds(1);
  Duration busyPoll{};               // how long an answer is looked for before the loop sleeps; zero: not
  std::size_t spareDescriptors = 0;  // so many of the process's are left to others: 503 beyond
  PoolOptions pool;
  TunnelOptions tunnels;
};

std::string_view toString(FailureKind kind);

struct Failure {
  FailureKind kind = FailureKind::ClosedEarly;
  std::string detail;  // one sentence, for the problem body and the log
};
/// 502 (504 for the time-outs, 503 for NoDescriptors) with a problem+json body; "UpstreamUnreachable" and the like as reason.
http::Response failureResponse(const Failure& failure);

/// Where an exchange goes, and how.
struct Target {
  SocketAddress address;
  RequestEdit edit;
  /// Looks at the answer's head before anything is sent to the client. True: the answer is dropped and the exchange goes to onFailure
  /// with kind Intercepted (a gateway turns a sidecar's 503 into its own page). May be empty.
  std::function<bool(const http::ResponseHead&)> intercept;
  /// Changes the head that goes to the client (Location under a prefix, cookies). Called for final heads and 101. May be empty.
  std::function<void(http::ResponseHead&)> editAnswer;
  /// Gets the exchange when nothing was sent to the client yet. Its body may have been read from: answer it, do not run it again.
  /// Empty: failureResponse().
  std::function<void(std::unique_ptr<http::Exchange>, const Failure&)> onFailure;
};

class Run;

class Proxy {
 public:
  Proxy(Loop& loop, ProxyOptions options, Logger log = {});
  ~Proxy();  // aborts every exchange and closes every tunnel

  /// Runs the exchange to its end. REQUIRES: nothing was read from or sent on it.
  void run(std::unique_ptr<http::Exchange> exchange, Target target);
  /// Closes WebSockets with 1001, empties the pool; exchanges go on. `done` runs (in a later turn) when none is left.
  void drain(Task done);
  /// Aborts what is left: exchanges and tunnels.
  void abortAll();
  [[nodiscard]] const ProxyCounters& counters() const { return counters_; }

 private:
  friend class Run;
  using Runs = std::list<std::shared_ptr<Run>, RecyclingAllocator<std::shared_ptr<Run>>>;
  /// Has the run send what it has when the present call-back is over, in one task with all that ask in this turn.
  void flushSoon(std::shared_ptr<Run> run);
  void ended(Run& run);
  void checkDrained();
  void tick();
  void warn(const Run& run, const Failure& failure);

  Loop& loop_;
  const ProxyOptions options_;
  const int firstSpare_ = firstSpareDescriptor(options_.spareDescriptors);
  Logger log_;
  ProxyCounters counters_;
  UpstreamPool pool_;
  Tunnels tunnels_;
  const std::unique_ptr<char[]> scratch_;      // bufferBytes; what is read into it is passed on before the next read
  static constexpr std::size_t recycled = 64;  // about as many exchanges as are begun in a turn
  const std::shared_ptr<RecycledBlocks> blocks_ = std::make_shared<RecycledBlocks>(recycled);  // of runs
  RecycledStrings heads_{recycled};
  Runs runs_{Runs::allocator_type(std::make_shared<RecycledBlocks>(recycled))};
  struct Due {
    std::vector<std::shared_ptr<Run>> next, batch;  // of the next task, of the present one
  };
  const std::shared_ptr<Due> due_ = std::make_shared<Due>();
  Timer ticker_;  // looks at every run's deadline: no timer call an exchange
  Duration period_;
  TimePoint lastWarning_{};
  std::uint64_t unwarned_ = 0;
  Task drained_;
  Timer drainedTimer_;
};

}  // namespace spawner::proxy
