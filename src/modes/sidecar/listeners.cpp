#include "modes/sidecar/listeners.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/text.hpp"

namespace spawner::sidecar {
namespace {

constexpr int tcpListen = 10;  // TCP_LISTEN of the kernel; its header collides with netinet/tcp.h

std::optional<std::uint32_t> hex(std::string_view digits) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

/// ":: ffff:a.b.c.d" is IPv4.
void unmap(Listener& listener) {
  constexpr std::array<std::uint8_t, 12> prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (!listener.v6 || !std::equal(prefix.begin(), prefix.end(), listener.address.begin())) return;
  std::array<std::uint8_t, 16> ipv4{};
  std::copy_n(listener.address.begin() + 12, 4, ipv4.begin());
  listener = Listener{.v6 = false, .address = ipv4, .v6only = {}};
}

bool isAny(const Listener& listener) {
  return std::all_of(listener.address.begin(), listener.address.end(), [](std::uint8_t byte) { return byte == 0; });
}

SocketAddress ipv4Loopback(std::uint16_t port) { return *SocketAddress::fromIp("127.0.0.1", port); }
SocketAddress ipv6Loopback(std::uint16_t port) { return *SocketAddress::fromIp("::1", port); }

SocketAddress bound(const Listener& listener, std::uint16_t port) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(listener.v6 ? AF_INET6 : AF_INET, listener.address.data(), text.data(), text.size());
  return *SocketAddress::fromIp(text.data(), port);
}

struct Choice {
  int rank;
  SocketAddress address;
};

Choice choiceFor(const Listener& listener, std::uint16_t port, bool (*viaIpv4)(std::uint16_t)) {
  if (!isAny(listener)) {
    const SocketAddress address = bound(listener, port);
    const int rank = (listener.v6 ? 2 : 0) + (address.loopback() ? 0 : 1);
    return {rank, address};
  }
  const bool takesIpv4 = !listener.v6 || (listener.v6only ? !*listener.v6only : viaIpv4(port));
  return takesIpv4 ? Choice{0, ipv4Loopback(port)} : Choice{2, ipv6Loopback(port)};
}

/// A connection on loopback is made or refused before connect() returns, so this never waits.
bool accepts(const SocketAddress& address) {
  const auto socket = connectTo(address);
  if (!socket) return false;
  pollfd state{.fd = socket->get(), .events = POLLOUT, .revents = 0};
  return ::poll(&state, 1, 0) == 1 && connectResult(socket->get()).ok();
}
bool acceptsIpv4(std::uint16_t port) { return accepts(ipv4Loopback(port)); }

std::optional<std::string> readFile(const char* path) {
  const Fd file(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string text;
  std::array<char, 16 * 1024> buffer;
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

std::optional<std::vector<Listener>> fromProc(std::uint16_t port) {
  const auto v4 = readFile("/proc/net/tcp");
  const auto v6 = readFile("/proc/net/tcp6");
  if (!v4 && !v6) return std::nullopt;
  std::vector<Listener> all = parseProcNet(v4.value_or(""), port, false);
  for (const Listener& listener : parseProcNet(v6.value_or(""), port, true)) all.push_back(listener);
  return all;
}

bool sendDump(int netlink, std::uint8_t family, std::uint16_t port) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } message{};
  message.header.nlmsg_len = sizeof message;
  message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message.request.sdiag_family = family;
  message.request.sdiag_protocol = IPPROTO_TCP;
  message.request.idiag_states = 1U << tcpListen;
  message.request.id.idiag_sport = htons(port);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const ssize_t sent = ::sendto(netlink, &message, sizeof message, 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
  return sent == static_cast<ssize_t>(sizeof message);
}

/// The kernel has its answer ready when sendto() returns, so receiving never waits.
std::optional<std::vector<Listener>> fromSockDiag(Fd& netlink, std::uint16_t port) {
  if (!netlink) netlink = Fd(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG));
  if (!netlink) return std::nullopt;
  std::vector<Listener> all;
  for (const std::uint8_t family : {AF_INET, AF_INET6}) {
    if (!sendDump(netlink.get(), family, port)) return std::nullopt;
    for (bool done = false; !done;) {
      alignas(nlmsghdr) std::array<char, 16 * 1024> buffer;
      const ssize_t got = ::recv(netlink.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got < 0 && errno == EINTR) continue;
      bool failed = got <= 0;
      if (!failed)
        for (const Listener& listener : parseSockDiag({buffer.data(), static_cast<std::size_t>(got)}, port, done, failed))
          all.push_back(listener);
      // No IPv6 in this kernel is no failure: then there is nothing to find there.
      if (failed && family == AF_INET6) return all;
      if (failed) return std::nullopt;
    }
  }
  return all;
}

}  // namespace

std::vector<Listener> parseProcNet(std::string_view text, std::uint16_t port, bool v6) {
  std::vector<Listener> listeners;
  const std::size_t digits = v6 ? 32 : 8;
  for (const std::string_view line : split(text, '\n')) {
    // "  0: 0100007F:1F90 00000000:0000 0A ...": number, local, remote, state. Each group of 8 digits is a word in the host's order.
    std::array<std::string_view, 4> columns;
    std::size_t count = 0;
    for (const std::string_view column : split(line, ' '))
      if (!column.empty() && count < columns.size()) columns[count++] = column;
    const std::string_view local = columns[1];
    if (count < columns.size() || columns[3] != "0A" || local.size() != digits + 5 || local[digits] != ':') continue;
    if (hex(local.substr(digits + 1)) != port) continue;
    Listener listener{.v6 = v6, .address = {}, .v6only = {}};
    bool sound = true;
    for (std::size_t word = 0; word < digits / 8; ++word) {
      const auto value = hex(local.substr(word * 8, 8));
      sound = sound && value.has_value();
      if (value) std::memcpy(listener.address.data() + word * 4, &*value, 4);
    }
    if (!sound) continue;
    unmap(listener);
    listeners.push_back(listener);
  }
  return listeners;
}

std::vector<Listener> parseSockDiag(std::string_view datagram, std::uint16_t port, bool& done, bool& failed) {
  std::vector<Listener> listeners;
  while (datagram.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, datagram.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size()) break;
    if (header.nlmsg_type == NLMSG_DONE) done = true;
    if (header.nlmsg_type == NLMSG_ERROR) failed = true;
    if (done || failed) return listeners;
    inet_diag_msg message;
    if (header.nlmsg_type == SOCK_DIAG_BY_FAMILY && header.nlmsg_len >= NLMSG_HDRLEN + sizeof message) {
      std::memcpy(&message, datagram.data() + NLMSG_HDRLEN, sizeof message);
      Listener listener{.v6 = message.idiag_family == AF_INET6, .address = {}, .v6only = {}};
      std::memcpy(listener.address.data(), message.id.idiag_src, listener.v6 ? 16 : 4);
      if (listener.v6) listener.v6only = false;
      std::string_view attributes = datagram.substr(0, header.nlmsg_len).substr(NLMSG_HDRLEN + NLMSG_ALIGN(sizeof message));
      while (attributes.size() >= sizeof(rtattr)) {
        rtattr attribute;
        std::memcpy(&attribute, attributes.data(), sizeof attribute);
        if (attribute.rta_len < sizeof attribute || attribute.rta_len > attributes.size()) break;
        if (attribute.rta_type == INET_DIAG_SKV6ONLY && attribute.rta_len > RTA_LENGTH(0)) listener.v6only = attributes[RTA_LENGTH(0)] != 0;
        attributes.remove_prefix(std::min<std::size_t>(RTA_ALIGN(attribute.rta_len), attributes.size()));
      }
      unmap(listener);
      if (message.idiag_state == tcpListen && message.id.idiag_sport == htons(port)) listeners.push_back(listener);
    }
    datagram.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), datagram.size()));
  }
  return listeners;
}

std::optional<SocketAddress> dialAddress(const std::vector<Listener>& listeners, std::uint16_t port, bool (*viaIpv4)(std::uint16_t)) {
  std::optional<Choice> best;
  for (const Listener& listener : listeners) {
    const Choice choice = choiceFor(listener, port, viaIpv4);
    if (!best || choice.rank < best->rank) best = choice;
  }
  if (!best) return std::nullopt;
  return best->address;
}

std::optional<SocketAddress> ListenerFinder::find(std::uint16_t port) {
  if (way_ == Way::SockDiag) {
    if (const auto listeners = fromSockDiag(netlink_, port)) return dialAddress(*listeners, port, acceptsIpv4);
    netlink_.reset();
    way_ = Way::ProcNet;
  }
  if (way_ == Way::ProcNet) {
    if (const auto listeners = fromProc(port)) return dialAddress(*listeners, port, acceptsIpv4);
    way_ = Way::Connect;
  }
  for (const SocketAddress& address : {ipv4Loopback(port), ipv6Loopback(port)})
    if (accepts(address)) return address;
  return std::nullopt;
}

std::string_view toString(ListenerFinder::Way way) {
  switch (way) {
    case ListenerFinder::Way::SockDiag: return "sock_diag";
    case ListenerFinder::Way::ProcNet: return "/proc/net";
    case ListenerFinder::Way::Connect: return "connection";
  }
  return "unknown";
}

}  // namespace spawner::sidecar
