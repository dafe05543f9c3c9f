#pragma once
// Listeners: where in this network namespace somebody listens on a TCP port: the kernel is asked (sock_diag), else /proc/net/tcp{,6} is
// read, else a connection is tried. The readers of the kernel's answers are pure. Thread: any.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loop/socket.hpp"

namespace spawner::sidecar {

/// One listening socket: the address that it is bound to.
struct Listener {
  bool v6 = false;
  std::array<std::uint8_t, 16> address{};  // network order; IPv4 in the first four
  /// IPv6 only: it takes no IPv4. Unknown where the source does not tell (/proc).
  std::optional<bool> v6only;
  bool operator==(const Listener&) const = default;
};

/// The listeners on `port` in the text of /proc/net/tcp or /proc/net/tcp6; lines that make no sense are skipped.
std::vector<Listener> parseProcNet(std::string_view text, std::uint16_t port, bool v6);
/// The listeners on `port` in one datagram of a sock_diag dump. `done` becomes true at the dump's end, `failed` at an error.
std::vector<Listener> parseSockDiag(std::string_view datagram, std::uint16_t port, bool& done, bool& failed);

/// Where to dial. 127.0.0.1 for 0.0.0.0 and for a :: that takes IPv4 too, ::1 for a :: that does not, else the bound address; of several
/// the first of: those with IPv4 loopback, other IPv4, ::1, other IPv6. `viaIpv4` is asked where v6only is unknown. Nothing without
/// listeners.
std::optional<SocketAddress> dialAddress(const std::vector<Listener>& listeners, std::uint16_t port, bool (*viaIpv4)(std::uint16_t port));

/// Asks the system. Remembers which of the three ways works. Owner: ListenProbe.
class ListenerFinder {
 public:
  enum class Way { SockDiag, ProcNet, Connect };
  explicit ListenerFinder(Way first = Way::SockDiag) : way_(first) {}
  /// Where to dial the listener on that port; nothing when there is none. Never waits.
  std::optional<SocketAddress> find(std::uint16_t port);
  [[nodiscard]] Way way() const { return way_; }

 private:
  Way way_;
  Fd netlink_;
};
std::string_view toString(ListenerFinder::Way way);

}  // namespace spawner::sidecar
