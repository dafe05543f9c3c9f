#include "loop/socket.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace spawner {
namespace {

Error socketError(std::string_view what, int errnoValue) {
  const bool full = errnoValue == EMFILE || errnoValue == ENFILE;
  return systemError(what, errnoValue, full ? ErrorKind::Limit : ErrorKind::System);
}

Result<Fd> makeSocket(const SocketAddress& address) {
  const int fd = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return socketError("cannot make a socket", errno);
  return Fd(fd);
}

const sockaddr* raw(const SocketAddress& address) { return reinterpret_cast<const sockaddr*>(&address.storage); }

void setInt(int fd, int level, int name, int value) {
  // Only speed or tidiness depends on these options; a socket of another family refuses some of them.
  (void)::setsockopt(fd, level, name, &value, sizeof value);
}

bool isTcp(const SocketAddress& address) { return address.storage.ss_family != AF_UNIX; }

/// True if the address is a unix socket that nobody listens on any more, and its file is gone now. A process that died leaves it behind.
bool removeDeadUnixSocket(const SocketAddress& address) {
  if (isTcp(address)) return false;
  const char* path = reinterpret_cast<const sockaddr_un*>(&address.storage)->sun_path;
  struct stat info {};
  if (::lstat(path, &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (::connect(probe.get(), raw(address), address.length) == 0 || errno != ECONNREFUSED) return false;
  return ::unlink(path) == 0;
}

Result<SocketAddress> addressOf(int fd, int (*get)(int, sockaddr*, socklen_t*), std::string_view what) {
  SocketAddress address;
  address.length = sizeof address.storage;
  if (get(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0)
    return systemError(what, errno, ErrorKind::Disconnected);
  return address;
}

IoResult outcome(ssize_t n, int errnoValue) {
  if (n >= 0) return {IoResult::Kind::Bytes, static_cast<std::size_t>(n), 0};
  if (errnoValue == EAGAIN || errnoValue == EWOULDBLOCK) return {IoResult::Kind::WouldBlock, 0, errnoValue};
  return {IoResult::Kind::Failed, 0, errnoValue};
}

/// write(2) to what is not a socket, with SIGPIPE kept from the thread: blocked, and taken away if this write raised it.
ssize_t writeWithoutSignal(int fd, std::string_view bytes) {
  sigset_t pipeSignal, before, pending;
  sigemptyset(&pipeSignal);
  sigaddset(&pipeSignal, SIGPIPE);
  sigpending(&pending);
  const bool wasPending = sigismember(&pending, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &pipeSignal, &before);
  ssize_t n = 0;
  do n = ::write(fd, bytes.data(), bytes.size());
  while (n < 0 && errno == EINTR);
  const int saved = errno;
  if (n < 0 && saved == EPIPE && !wasPending) {
    const timespec zero{};
    while (sigtimedwait(&pipeSignal, nullptr, &zero) < 0 && errno == EINTR) {}
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = saved;
  return n;
}

}  // namespace

void Fd::reset() {
  // Linux frees the number whatever close() answers, so it is never repeated.
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

namespace {

/// Who may bind the same address.
enum class Sharing {
  None,
  Later,  // nobody has it now; whoever shares may have it beside this one
  Now,    // whoever shares
};

Result<Fd> listening(const SocketAddress& address, const ListenOptions& options, Sharing sharing) {
  const std::string what = "cannot listen on " + address.toString();
  Result<Fd> made = makeSocket(address);
  if (!made) return made.error().in(what);
  const int fd = made->get();
  setInt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (address.storage.ss_family == AF_INET6) setInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (sharing == Sharing::Now) setInt(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  int bound = ::bind(fd, raw(address), address.length);
  if (bound != 0 && errno == EADDRINUSE && removeDeadUnixSocket(address)) bound = ::bind(fd, raw(address), address.length);
  if (bound == 0 && sharing == Sharing::Later) setInt(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (bound != 0 || ::listen(fd, options.backlog) != 0) return socketError(what, errno);
  return std::move(made).value();
}

}  // namespace

Result<Fd> listenOn(const SocketAddress& address, const ListenOptions& options) { return listening(address, options, Sharing::None); }

Result<std::vector<Fd>> listenTogether(const SocketAddress& address, std::size_t count, const ListenOptions& options) {
  std::vector<Fd> sockets;
  SocketAddress bound = address;
  while (sockets.size() < count) {
    const Sharing sharing = count == 1 ? Sharing::None : sockets.empty() ? Sharing::Later : Sharing::Now;
    Result<Fd> socket = listening(bound, options, sharing);
    if (!socket) return socket.error();
    sockets.push_back(std::move(*socket));
    Result<SocketAddress> local = localAddress(sockets.back().get());
    if (!local) return local.error();
    bound = *local;
  }
  return sockets;
}

Result<SocketAddress> localAddress(int fd) { return addressOf(fd, ::getsockname, "cannot read the local address"); }
Result<SocketAddress> peerAddress(int fd) { return addressOf(fd, ::getpeername, "cannot read the peer's address"); }

Result<Fd> acceptFrom(int listeningFd) {
  for (;;) {
    const int fd = ::accept4(listeningFd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      setInt(fd, IPPROTO_TCP, TCP_NODELAY, 1);
      return Fd(fd);
    }
    switch (errno) {
      case EAGAIN: return Fd();
      // A connection that failed while it waited (accept(2): to be treated as if it had never come).
      case EINTR:
      case ECONNABORTED:
      case ENETDOWN:
      case EPROTO:
      case ENOPROTOOPT:
      case EHOSTDOWN:
      case ENONET:
      case EHOSTUNREACH:
      case ENETUNREACH: continue;
      default: return socketError("cannot accept a connection", errno);
    }
  }
}

Result<Fd> connectTo(const SocketAddress& address, int firstSpare) {
  const std::string what = "cannot connect to " + address.toString();
  Result<Fd> made = makeSocket(address);
  if (!made) return made.error().in(what);
  if (made->get() >= firstSpare) return Error{ErrorKind::Limit, what + ": the descriptors that are left are kept for others", {}};
  if (isTcp(address)) setInt(made->get(), IPPROTO_TCP, TCP_NODELAY, 1);
  if (::connect(made->get(), raw(address), address.length) != 0 && errno != EINPROGRESS && errno != EINTR)
    return systemError(what, errno, ErrorKind::Disconnected);
  return std::move(made).value();
}

int takeSocketError(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

Result<void> connectResult(int fd) {
  if (const int error = takeSocketError(fd); error != 0) return systemError("cannot connect", error, ErrorKind::Disconnected);
  return {};
}

void setDeadPeerLimit(int fd, Duration limit) {
  // Half of the time for silence, the other half for three probes. TCP_USER_TIMEOUT is the same limit for data that is not acknowledged;
  // it also bounds the probes, so it is the exact one.
  const auto ms = std::clamp<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(limit).count(), 1000, 32767 * 1000);
  const auto seconds = static_cast<int>(ms / 1000);
  setInt(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  setInt(fd, IPPROTO_TCP, TCP_KEEPIDLE, std::max(1, seconds / 2));
  setInt(fd, IPPROTO_TCP, TCP_KEEPINTVL, std::max(1, seconds / 6));
  setInt(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
  setInt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(ms));
}

int firstSpareDescriptor(std::size_t spare) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<int>::max();
  const auto all = std::min<rlim_t>(limit.rlim_cur, std::numeric_limits<int>::max());
  return static_cast<int>(all - std::min<rlim_t>(spare, all / 2));
}

IoResult readSome(int fd, std::span<char> buffer) {
  if (buffer.empty()) return {IoResult::Kind::Bytes, 0, 0};
  ssize_t n = 0;
  do n = ::recv(fd, buffer.data(), buffer.size(), 0);
  while (n < 0 && errno == EINTR);
  if (n < 0 && errno == ENOTSOCK) {
    do n = ::read(fd, buffer.data(), buffer.size());
    while (n < 0 && errno == EINTR);
  }
  if (n == 0) return {IoResult::Kind::End, 0, 0};
  return outcome(n, errno);
}

IoResult writeSome(int fd, std::string_view bytes) {
  if (bytes.empty()) return {IoResult::Kind::Bytes, 0, 0};
  ssize_t n = 0;
  do n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n < 0 && errno == ENOTSOCK) n = writeWithoutSignal(fd, bytes);
  return outcome(n, errno);
}

}  // namespace spawner
