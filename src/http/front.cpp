// Front: listening sockets, accepting within limits, deadlines, drain.

#include "http/front.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "http/connection.hpp"
#include "http/front_core.hpp"
#include "http/socket_io.hpp"

namespace spawner::http {

namespace {

constexpr int acceptsPerTurn = 64;
constexpr Duration acceptPause = std::chrono::milliseconds(100);  // without descriptors: others may close some meanwhile
/// Beyond maxConnections this many more are kept for the moment that a proper 503 takes; those beyond are cut off.
constexpr std::size_t refusedAtOnce = 256;
constexpr std::string_view noDescriptors = "NoDescriptors";
constexpr Refusal tooMany{503, "TooManyConnections", "The server has too many connections; try again soon."};
/// Written without any state, when there is nothing left to hold a connection.
constexpr std::string_view lastWords =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 1\r\nContent-Length: 30\r\nConnection: close\r\n\r\n"
    "The server is full; try again.";

}  // namespace

void FrontCore::checkDrained() {
  // Who lingers is waited for too: while its client still sends, the end of this process would be a reset, which takes the rest of the
  // answer.
  if (drained && connections.empty()) loop.post(std::exchange(drained, nullptr));
}

void FrontCore::runSoon(std::shared_ptr<Connection> connection) {
  due.push_back(std::move(connection));
  if (due.size() > 1) return;
  loop.post([core = shared_from_this()] {
    core->batch.swap(core->due);
    for (const auto& one : core->batch) one->scheduledRun();
    core->batch.clear();
  });
}

/// Owner: Front. The core lives on while a connection's call is on the stack.
class FrontImpl {
 public:
  FrontImpl(Loop& loop, Front::Handler handler, FrontOptions options)
      : core_(std::make_shared<FrontCore>(loop, std::move(handler), std::move(options))) {}
  ~FrontImpl() {
    for (const auto& connection : snapshot()) connection->shutdown();
  }

  Result<void> adopt(Fd socket);
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] FrontStats stats() const;
  bool hasUnreadInput();
  void drain(Task done);
  [[nodiscard]] Duration deadPeerLimit() const { return core_->options.limits.deadPeerLimit; }

 private:
  struct Listener {
    Fd socket;
    FdWatch watch;
  };
  using Connections = std::vector<std::shared_ptr<Connection>>;

  /// The connections of now: calling one may remove it or others from the core's list.
  [[nodiscard]] Connections snapshot() const { return {core_->connections.begin(), core_->connections.end()}; }
  int acceptWaiting(Listener& listener, int limit);
  void admit(Fd socket);
  void turnAway(const Fd& socket, std::string_view reason);
  bool shedOne(Listener& listener);
  void pauseAccepting();
  void startTicking();
  [[nodiscard]] Duration tickInterval() const;

  std::shared_ptr<FrontCore> core_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::uint16_t port_ = 0;
  Fd spare_ = openSpare();
  Timer pause_;
  Timer tick_;
};

Result<void> FrontImpl::adopt(Fd socket) {
  const auto address = localAddress(socket.get());
  if (!address) return address.error();
  if (listeners_.empty()) port_ = address->port();
  // Accepted sockets inherit it: no system call for each.
  if (deadPeerLimit() > Duration::zero()) setDeadPeerLimit(socket.get(), deadPeerLimit());
  auto listener = std::make_unique<Listener>();
  listener->socket = std::move(socket);
  listener->watch = core_->loop.watch(listener->socket.get(), Interest{true, false, false},
                                      [this, raw = listener.get()](Interest) { acceptWaiting(*raw, acceptsPerTurn); });
  listeners_.push_back(std::move(listener));
  return {};
}

/// Accepts what waits, up to the limit; gives how many that were.
int FrontImpl::acceptWaiting(Listener& listener, int limit) {
  int accepted = 0;
  for (; accepted < limit; ++accepted) {
    Result<Fd> socket = acceptFrom(listener.socket.get());
    if (socket && !*socket) break;
    if (socket) {
      admit(std::move(socket).value());
    } else if (!shedOne(listener)) {
      core_->stats.count("AcceptFailed");
      pauseAccepting();
      break;
    }
  }
  return accepted;
}

void FrontImpl::admit(Fd socket) {
  FrontCore& core = *core_;
  const std::size_t limit = core.options.limits.maxConnections;
  ++core.stats.accepted;
  if (socket.get() >= core.firstSpare) return turnAway(socket, noDescriptors);
  if (core.connections.size() >= limit + refusedAtOnce) return turnAway(socket, tooMany.reason);
  const auto connection = std::make_shared<Connection>(core_, std::move(socket));
  const bool refused = core.connections.size() - core.lingering >= limit;
  connection->start(core.connections.insert(core.connections.end(), connection));
  if (refused) connection->refuse(tooMany);
  startTicking();
}

/// Tells a client that is not kept, as well as that can be done in one moment.
void FrontImpl::turnAway(const Fd& socket, std::string_view reason) {
  core_->stats.refuse(reason);
  (void)writeSome(socket.get(), lastWords);
  shutdownSending(socket.get());
  (void)readSome(socket.get(), core_->buffer);  // an unread request would turn the close into a RST that eats the answer
}

/// Out of descriptors (accept(2): EMFILE): the spare one is given up to accept a client and tell it. False when nothing was there to shed.
bool FrontImpl::shedOne(Listener& listener) {
  if (!spare_) spare_ = openSpare();
  if (!spare_) return false;
  spare_.reset();
  bool shed = false;
  if (Result<Fd> socket = acceptFrom(listener.socket.get()); socket && *socket) {
    ++core_->stats.accepted;
    turnAway(*socket, noDescriptors);
    shed = true;
  }
  spare_ = openSpare();
  return shed;
}

void FrontImpl::pauseAccepting() {
  for (const auto& listener : listeners_) listener->watch.set(Interest{});
  pause_ = core_->loop.after(acceptPause, [this] {
    for (const auto& listener : listeners_) listener->watch.set(Interest{true, false, false});
  });
}

/// One coarse timer looks at all deadlines; it runs only while there are connections.
void FrontImpl::startTicking() {
  if (tick_.active() || core_->connections.empty()) return;
  tick_ = core_->loop.after(tickInterval(), [this, core = core_] {
    startTicking();
    for (const auto& connection : snapshot()) connection->checkDeadlines(core->loop.now());
  });
}

Duration FrontImpl::tickInterval() const {
  const FrontLimits& limits = core_->options.limits;
  const Duration shortest = std::min({limits.headTimeout, limits.keepAliveTimeout, limits.writeTimeout, limits.lingerTimeout});
  return std::clamp<Duration>(shortest / 4, std::chrono::milliseconds(5), std::chrono::seconds(1));
}

FrontStats FrontImpl::stats() const {
  FrontStats stats = core_->stats;
  stats.connections = core_->connections.size();
  return stats;
}

bool FrontImpl::hasUnreadInput() {
  int accepted = 0;
  for (const auto& listener : listeners_) accepted += acceptWaiting(*listener, static_cast<int>(core_->options.limits.maxConnections));
  const auto& connections = core_->connections;
  return accepted > 0 ||
         std::any_of(connections.begin(), connections.end(), [](const auto& connection) { return connection->hasUnreadInput(); });
}

void FrontImpl::drain(Task done) {
  for (const auto& listener : listeners_) acceptWaiting(*listener, static_cast<int>(core_->options.limits.maxConnections));
  pause_.cancel();
  listeners_.clear();
  core_->draining = true;
  core_->drained = std::move(done);
  for (const auto& connection : snapshot()) connection->closeWhenIdle();
  core_->checkDrained();
}

Front::Front(Loop& loop, Handler handler, FrontOptions options)
    : impl_(std::make_unique<FrontImpl>(loop, std::move(handler), std::move(options))) {}
Front::~Front() = default;

Result<void> Front::listen(const SocketAddress& address) {
  Result<Fd> socket = listenOn(address);
  if (!socket) return socket.error();
  return adopt(std::move(socket).value());
}
Result<void> Front::adopt(Fd listeningSocket) { return impl_->adopt(std::move(listeningSocket)); }
std::uint16_t Front::port() const { return impl_->port(); }
FrontStats Front::stats() const { return impl_->stats(); }
bool Front::hasUnreadInput() { return impl_->hasUnreadInput(); }
void Front::drain(Task done) { impl_->drain(std::move(done)); }

}  // namespace spawner::http
