#pragma once
// Http2Proxy: as Proxy, to upstreams that speak HTTP/2 without TLS (prior knowledge, RFC 9113 §3.3). Exchanges of both versions go in: one
// of HTTP/1.1 is translated. Many streams share a connection; a further one is opened when the upstream's limit of streams is reached.
// Thread: the loop's.

#include <list>
#include <memory>
#include <vector>

#include "base/log.hpp"
#include "http/exchange.hpp"
#include "http2/session.hpp"
#include "proxy/counters.hpp"
#include "proxy/http2_upstream.hpp"
#include "proxy/proxy.hpp"
#include "spawner/loop.hpp"

namespace spawner::proxy {

struct Http2ProxyOptions {
  http2::SessionLimits session;  // what the upstream may do
  // To one address, and as many again that are going away; beyond, a request waits (ProxyOptions::connectTimeout) for a free stream.
  std::size_t maxConnections = 16;
};

class Http2Run;

class Http2Proxy final : private Http2Upstream::Owner {
 public:
  /// REQUIRES: http2::loadNghttp2(). Of `options` counts what concerns exchanges; pool.idleTimeout is that of a connection without streams.
  Http2Proxy(Loop& loop, ProxyOptions options, Http2ProxyOptions http2, Logger log = {});
  ~Http2Proxy();  // aborts every exchange

  /// Runs the exchange to its end. REQUIRES: nothing was read from or sent on it. A request for an upgrade is answered 501.
  void run(std::unique_ptr<http::Exchange> exchange, Target target);
  /// Exchanges go on. `done` runs (in a later turn) when none is left.
  void drain(Task done);
  void abortAll();
  [[nodiscard]] const ProxyCounters& counters() const { return counters_; }

 private:
  friend class Http2Run;
  struct Waiting {
    std::shared_ptr<Http2Run> run;
    int lost = 0;  // connections that ended before it had its turn
  };

  void onUsable(Http2Upstream& connection) override;
  void onRoom(Http2Upstream& connection) override;
  void onEnded(Http2Upstream& connection, bool timedOut, const std::string& why) override;
  std::span<char> scratch() override { return {scratch_.get(), scratchBytes}; }

  void place(std::shared_ptr<Http2Run> run);
  void connectFor(const SocketAddress& address);
  void connect(const SocketAddress& address);
  void ended(Http2Run& run);
  void checkDrained();
  void tick();
  void startTicking();
  void warn(const SocketAddress& upstream, const Failure& failure);

  static constexpr std::size_t scratchBytes = 64 * 1024;
  Loop& loop_;
  const ProxyOptions options_;
  const Http2ProxyOptions http2_;
  const int firstSpare_ = firstSpareDescriptor(options_.spareDescriptors);
  Logger log_;
  ProxyCounters counters_;
  const std::unique_ptr<char[]> scratch_;
  std::list<std::shared_ptr<Http2Run>> runs_;
  std::list<std::shared_ptr<Http2Upstream>> connections_;
  std::list<Waiting> waiting_;
  Timer ticker_;
  TimePoint lastWarning_{};
  std::uint64_t unwarned_ = 0;
  Task drained_;
  Timer drainedTimer_;
};

}  // namespace spawner::proxy
