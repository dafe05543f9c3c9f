// Socket addresses as text, both ways.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "base/text.hpp"
#include "loop/socket.hpp"

namespace spawner {
namespace {

constexpr std::string_view unixPrefix = "unix:";

Error badAddress(std::string_view text, std::string_view why) {
  return Error{
      ErrorKind::InvalidArgument,
      "\"" + std::string(text) + "\" is not an address (" + std::string(why) + "); use 127.0.0.1:8080, [::1]:8080, :8080 or unix:/path",
      std::nullopt};
}

Result<SocketAddress> fromPath(std::string_view text) {
  const std::string_view path = text.substr(unixPrefix.size());
  SocketAddress address;
  auto* local = reinterpret_cast<sockaddr_un*>(&address.storage);
  if (path.empty()) return badAddress(text, "its path is empty");
  if (path.find('\0') != std::string_view::npos) return badAddress(text, "its path holds a NUL");
  if (path.size() >= sizeof local->sun_path) return badAddress(text, "its path is longer than the kernel's 107 bytes");
  local->sun_family = AF_UNIX;
  std::memcpy(local->sun_path, path.data(), path.size());
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

const sockaddr_in& v4(const SocketAddress& address) { return reinterpret_cast<const sockaddr_in&>(address.storage); }
const sockaddr_in6& v6(const SocketAddress& address) { return reinterpret_cast<const sockaddr_in6&>(address.storage); }

}  // namespace

Result<SocketAddress> SocketAddress::fromIp(std::string_view ip, std::uint16_t port) {
  const std::string text(ip);
  SocketAddress address;
  auto& four = reinterpret_cast<sockaddr_in&>(address.storage);
  auto& six = reinterpret_cast<sockaddr_in6&>(address.storage);
  if (text.find('\0') == std::string::npos) {
    if (::inet_pton(AF_INET, text.c_str(), &four.sin_addr) == 1) {
      four.sin_family = AF_INET;
      four.sin_port = htons(port);
      address.length = sizeof four;
      return address;
    }
    if (::inet_pton(AF_INET6, text.c_str(), &six.sin6_addr) == 1) {
      six.sin6_family = AF_INET6;
      six.sin6_port = htons(port);
      address.length = sizeof six;
      return address;
    }
  }
  return badAddress(ip, "no IPv4 or IPv6 address; names are not looked up");
}

Result<SocketAddress> SocketAddress::parse(std::string_view text) {
  if (text.starts_with(unixPrefix)) return fromPath(text);
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return badAddress(text, "it has no port");
  const auto port = parseUnsigned(text.substr(colon + 1), 65535);
  if (!port) return badAddress(text, "its port is not a number from 0 to 65535");
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed != (host.find(':') != std::string_view::npos))
    return badAddress(text, "an IPv6 address, and only that, stands in brackets");
  if (host.empty()) host = "0.0.0.0";
  if (host == "localhost") host = "127.0.0.1";
  Result<SocketAddress> address = fromIp(host, static_cast<std::uint16_t>(*port));
  if (!address) return badAddress(text, "its host is no IPv4 or IPv6 address; names are not looked up");
  return address;
}

std::uint16_t SocketAddress::port() const {
  if (storage.ss_family == AF_INET) return ntohs(v4(*this).sin_port);
  if (storage.ss_family == AF_INET6) return ntohs(v6(*this).sin6_port);
  return 0;
}

bool SocketAddress::loopback() const {
  if (storage.ss_family == AF_INET) return ntohl(v4(*this).sin_addr.s_addr) >> 24 == 127;
  if (storage.ss_family == AF_INET6) {
    const in6_addr& ip = v6(*this).sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(&ip) || (IN6_IS_ADDR_V4MAPPED(&ip) && ip.s6_addr[12] == 127);
  }
  return storage.ss_family == AF_UNIX;
}

std::string SocketAddress::toString() const {
  char buffer[INET6_ADDRSTRLEN] = {};
  if (storage.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &v4(*this).sin_addr, buffer, sizeof buffer);
    return std::string(buffer) + ":" + std::to_string(port());
  }
  if (storage.ss_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &v6(*this).sin6_addr, buffer, sizeof buffer);
    return "[" + std::string(buffer) + "]:" + std::to_string(port());
  }
  if (storage.ss_family == AF_UNIX) {
    const auto& local = reinterpret_cast<const sockaddr_un&>(storage);
    // The kernel gives no path for an unnamed socket, and not always the final NUL.
    const std::size_t size = length > offsetof(sockaddr_un, sun_path) ? length - offsetof(sockaddr_un, sun_path) : 0;
    return std::string(unixPrefix) + std::string(local.sun_path, ::strnlen(local.sun_path, size));
  }
  return "no address";
}

}  // namespace spawner
