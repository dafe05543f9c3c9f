#pragma once
// Sockets as owned values: addresses, listening, connecting, reading and writing without blocking.

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include "spawner/result.hpp"

namespace spawner {

/// Owns a file descriptor; closes it when destroyed.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  void reset();
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// An IPv4 or IPv6 address with a port, or a unix socket path ("unix:/path").
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  /// "127.0.0.1:8080", "[::1]:0", ":8080" (all addresses, IPv4), "unix:/path". No names are looked up, but "localhost" is 127.0.0.1.
  static Result<SocketAddress> parse(std::string_view text);
  static Result<SocketAddress> fromIp(std::string_view ip, std::uint16_t port);
  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] bool loopback() const;  // 127.0.0.0/8, ::1, or unix
  [[nodiscard]] std::string toString() const;
};

struct ListenOptions {
  int backlog = 1024;
};

/// A non-blocking listening socket (SO_REUSEADDR, close-on-exec). EADDRINUSE is said in words, with the address.
Result<Fd> listenOn(const SocketAddress& address, const ListenOptions& options = {});
/// So many of them on one TCP address (SO_REUSEPORT): the kernel gives each connection to one of them, by a hash of its two ends. Port 0
/// picks one for all. An address that another socket listens on is refused as by listenOn(), even where that one would share it. What the
/// kernel does not refuse: that a later process of the same user, which asks for it, shares the address with these.
Result<std::vector<Fd>> listenTogether(const SocketAddress& address, std::size_t count, const ListenOptions& options = {});
/// The address a socket is bound to; the peer's address.
Result<SocketAddress> localAddress(int fd);
Result<SocketAddress> peerAddress(int fd);
/// Accepts one connection, non-blocking and close-on-exec, TCP_NODELAY set. An empty Fd when there is none waiting.
Result<Fd> acceptFrom(int listeningFd);
/// Starts a non-blocking connection; it is made when the descriptor is writable and connectResult() is ok.
/// Limit: there is no descriptor for it, or only one from `firstSpare` on.
Result<Fd> connectTo(const SocketAddress& address, int firstSpare = std::numeric_limits<int>::max());
Result<void> connectResult(int fd);
/// The failure that waits on a socket, taken off it; 0 when there is none.
int takeSocketError(int fd);
/// TCP keep-alive and TCP_USER_TIMEOUT: a dead peer is noticed within about `limit`.
void setDeadPeerLimit(int fd, Duration limit);

/// The number from which on a descriptor is one of `spare` that are left to others (of at most half of RLIMIT_NOFILE). The kernel gives the
/// lowest free number, so the number of a new descriptor tells how many are in use.
int firstSpareDescriptor(std::size_t spare);

/// The outcome of one non-blocking read or write.
struct IoResult {
  enum class Kind { Bytes, WouldBlock, End, Failed } kind;
  std::size_t bytes = 0;
  int errnoValue = 0;
};
IoResult readSome(int fd, std::span<char> buffer);
/// Never raises SIGPIPE.
IoResult writeSome(int fd, std::string_view bytes);

}  // namespace spawner
