#include "modes/sidecar/listen_on_all.hpp"

namespace spawner::sidecar {

Result<void> listenOn(http::Front& front, const std::string& ip, std::uint16_t port, const Logger& log) {
  const auto one = [&](std::string_view address, std::uint16_t at) -> Result<void> {
    const auto parsed = SocketAddress::fromIp(address, at);
    if (!parsed) return parsed.error();
    return front.listen(*parsed);
  };
  if (!ip.empty()) return one(ip, port);
  Result<void> ipv4 = one("0.0.0.0", port);
  const Result<void> ipv6 = one("::", ipv4 ? front.port() : port);
  if (!ipv4 && !ipv6) return ipv4;
  // A kernel without one of the families is no fault of the operator's.
  if (!ipv4 || !ipv6) log.info("not all addresses are served", {{"error", ipv4 ? ipv6.error() : ipv4.error()}});
  return {};
}

}  // namespace spawner::sidecar
