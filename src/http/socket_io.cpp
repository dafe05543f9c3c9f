#include "http/socket_io.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace spawner::http {

IoResult writePieces(int fd, std::initializer_list<std::string_view> pieces) {
  std::array<iovec, 8> vectors{};
  msghdr message{};
  message.msg_iov = vectors.data();
  for (const std::string_view piece : pieces)
    if (!piece.empty() && message.msg_iovlen < vectors.size())
      vectors[message.msg_iovlen++] = {const_cast<char*>(piece.data()), piece.size()};
  for (;;) {
    constexpr int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
    const ssize_t sent =
        message.msg_iovlen == 1 ? ::send(fd, vectors[0].iov_base, vectors[0].iov_len, flags) : ::sendmsg(fd, &message, flags);
    if (sent >= 0) return {IoResult::Kind::Bytes, static_cast<std::size_t>(sent), 0};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {IoResult::Kind::WouldBlock, 0, 0};
    return {IoResult::Kind::Failed, 0, errno};
  }
}

bool hasByteWaiting(int fd) {
  char byte = 0;
  ssize_t got = 0;
  do got = ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  while (got < 0 && errno == EINTR);
  return got > 0;
}

void shutdownSending(int fd) { ::shutdown(fd, SHUT_WR); }

void resetOnClose(int fd) {
  const linger hard{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

void dropSent(std::string& buffer, std::size_t& at) {
  constexpr std::size_t many = 64 * 1024;
  if (at >= many && at >= buffer.size() / 2) buffer.erase(0, std::exchange(at, 0));
}

Fd openSpare() { return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace spawner::http
