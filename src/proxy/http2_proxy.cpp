#include "proxy/http2_proxy.hpp"

#include <algorithm>
#include <cstring>

#include "proxy/http2_run.hpp"
#include "proxy/respond.hpp"

namespace spawner::proxy {
namespace {

constexpr Duration warningSpacing = std::chrono::seconds(1);
constexpr int maxLost = 3;  // connections that end under a request that waits

bool same(const SocketAddress& a, const SocketAddress& b) {
  return a.length == b.length && std::memcmp(&a.storage, &b.storage, a.length) == 0;
}

Duration periodFor(const ProxyOptions& options) {
  Duration period = std::chrono::seconds(1);
  for (const Duration limit : {options.connectTimeout, options.headTimeout, options.stallTimeout, options.pool.idleTimeout})
    if (limit > Duration::zero()) period = std::min(period, limit / 4);
  return std::max<Duration>(period, std::chrono::milliseconds(1));
}

}  // namespace

Http2Proxy::Http2Proxy(Loop& loop, ProxyOptions options, Http2ProxyOptions http2, Logger log)
    : loop_(loop), options_(options), http2_(http2), log_(std::move(log)), scratch_(std::make_unique<char[]>(scratchBytes)) {}

Http2Proxy::~Http2Proxy() {
  drained_ = nullptr;
  abortAll();
  for (const auto& connection : std::exchange(connections_, {})) connection->forsake();
}

void Http2Proxy::run(std::unique_ptr<http::Exchange> exchange, Target target) {
  ++counters_.requests;
  if (auto answer = endOfForwarding(exchange->head(), target.edit)) return respond(std::move(exchange), std::move(*answer));
  const auto run = std::make_shared<Http2Run>(*this, std::move(exchange), std::move(target));
  run->place = runs_.insert(runs_.end(), run);
  counters_.active = runs_.size();
  startTicking();
  run->start();
}

/// Gives the run a stream, or lets it wait for one.
void Http2Proxy::place(std::shared_ptr<Http2Run> run) {
  const SocketAddress address = run->address();
  for (const auto& connection : connections_) {
    if (!same(connection->address(), address) || !connection->room()) continue;
    if (!run->attach(*connection)) continue;
    ++counters_.upstreamReuses;
    return;
  }
  waiting_.push_back({std::move(run), 0});
  // Never from inside run(): its caller is not finished with the exchange.
  loop_.post([weak = std::weak_ptr<Http2Run>(waiting_.back().run), this, address] {
    if (const auto waiting = weak.lock(); waiting && !waiting->over()) connectFor(address);
  });
}

/// One connection at a time is being made for an address: how many streams it will take is known only then. One that is going away takes
/// none, and may live as long as its longest stream: it does not count, but there are at most as many of them again.
void Http2Proxy::connectFor(const SocketAddress& address) {
  const bool wanted = std::any_of(waiting_.begin(), waiting_.end(),
                                  [&](const Waiting& one) { return !one.run->over() && same(one.run->address(), address); });
  std::size_t all = 0, usable = 0;
  for (const auto& connection : connections_) {
    if (!same(connection->address(), address)) continue;
    if (connection->connecting()) return;
    ++all;
    if (connection->usable()) ++usable;
  }
  if (wanted && usable < http2_.maxConnections && all < 2 * http2_.maxConnections) connect(address);
}

void Http2Proxy::connect(const SocketAddress& address) {
  ++counters_.upstreamConnects;
  auto socket = connectTo(address, firstSpare_);
  if (!socket) {
    const FailureKind kind = socket.error().kind == ErrorKind::Limit ? FailureKind::NoDescriptors : FailureKind::ConnectFailed;
    const std::string message = socket.error().message;
    for (const Waiting& one : std::list<Waiting>(waiting_))
      if (same(one.run->address(), address)) one.run->fail(kind, message);
    return;
  }
  const Duration deadPeer = options_.tunnels.deadPeerLimit;
  if (!address.loopback() && deadPeer > Duration::zero()) setDeadPeerLimit(socket->get(), deadPeer);
  const auto connection = std::make_shared<Http2Upstream>(loop_, static_cast<Http2Upstream::Owner&>(*this), address, http2_.session,
                                                          options_.connectTimeout, std::move(*socket));
  connection->place = connections_.insert(connections_.end(), connection);
  connection->start();
  startTicking();
}

void Http2Proxy::onUsable(Http2Upstream& connection) { onRoom(connection); }

void Http2Proxy::onRoom(Http2Upstream& connection) {
  for (auto at = waiting_.begin(); at != waiting_.end() && connection.room();) {
    const auto present = at++;
    const auto run = present->run;
    if (!run->over() && !same(run->address(), connection.address())) continue;
    if (run->over() || run->attach(connection)) waiting_.erase(present);
  }
  connectFor(connection.address());
}

void Http2Proxy::onEnded(Http2Upstream& connection, bool timedOut, const std::string& why) {
  const bool everUsable = connection.everUsable();
  const SocketAddress address = connection.address();
  connections_.erase(connection.place);
  std::vector<std::shared_ptr<Http2Run>> failed;
  for (Waiting& one : waiting_)
    if (same(one.run->address(), address) && (!everUsable || ++one.lost >= maxLost)) failed.push_back(one.run);
  const FailureKind kind = timedOut               ? FailureKind::ConnectTimeout
                           : everUsable           ? FailureKind::ClosedEarly
                           : connection.greeted() ? FailureKind::BadAnswer
                                                  : FailureKind::ConnectFailed;
  for (const auto& run : failed) run->fail(kind, why);
  connectFor(address);
}

void Http2Proxy::ended(Http2Run& run) {
  waiting_.remove_if([&](const Waiting& one) { return one.run.get() == &run; });
  runs_.erase(run.place);
  counters_.active = runs_.size();
  checkDrained();
}

void Http2Proxy::drain(Task done) {
  drained_ = std::move(done);
  checkDrained();
}

void Http2Proxy::checkDrained() {
  if (!drained_ || !runs_.empty()) return;
  drainedTimer_ = loop_.after(Duration::zero(), std::exchange(drained_, nullptr));
}

void Http2Proxy::abortAll() {
  const auto all = runs_;
  for (const auto& run : all) run->abort();
}

void Http2Proxy::startTicking() {
  if (!ticker_.active() && (!runs_.empty() || !connections_.empty())) ticker_ = loop_.after(periodFor(options_), [this] { tick(); });
}

void Http2Proxy::tick() {
  const TimePoint now = loop_.now();
  const auto all = runs_;  // one that fails leaves the list, and its handler may add another
  for (const auto& run : all) run->checkDeadline(now);
  const auto connections = connections_;
  for (const auto& connection : connections) {
    if (connection->connecting() && connection->deadline() <= now)
      connection->fail(true, "no HTTP/2 connection to " + connection->address().toString() + " within the limit");
    else if (connection->usable() && connection->streams() == 0 && now - connection->idleSince() >= options_.pool.idleTimeout)
      connection->closeWhenIdle();
    else if (connection->forsaken(now, options_.pool.idleTimeout))
      connection->fail(false, connection->address().toString() + " takes nothing, and nobody waits for it");
  }
  startTicking();
}

void Http2Proxy::warn(const SocketAddress& upstream, const Failure& failure) {
  const TimePoint now = loop_.now();
  if (lastWarning_ != TimePoint{} && now - lastWarning_ < warningSpacing) {
    ++unwarned_;
    return;
  }
  lastWarning_ = now;
  log_.warn("no answer from upstream", {{"upstream", upstream.toString()},
                                        {"reason", toString(failure.kind)},
                                        {"detail", failure.detail},
                                        {"more_since_last", std::exchange(unwarned_, 0)}});
}

}  // namespace spawner::proxy
