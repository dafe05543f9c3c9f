#pragma once
// TunnelFixture: a ProxyFixture with one upgraded connection through it.

#include <memory>
#include <string>

#include "proxy/proxy_fixture.hpp"

namespace spawner::test {

inline std::string upgradeRequest(const std::string& connection = "Upgrade", const std::string& protocol = "websocket") {
  return "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: " + connection + "\r\nUpgrade: " + protocol +
         "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
}
inline std::string switching(const std::string& protocol = "websocket") {
  return "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: " + protocol +
         "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
}

struct TunnelFixture : ProxyFixture {
  std::unique_ptr<RawPeer> ws;
  RawPeer* up = nullptr;

  void open(const std::string& protocol = "websocket") {
    ws = client();
    ws->send(upgradeRequest("Upgrade", protocol));
    wait("the upgrade request", [&] { return !upstream.peers.empty() && contains(upstream.last().received, "Upgrade: " + protocol); });
    up = &upstream.last();
    up->send(switching(protocol));
    waitText(*ws, "\r\n\r\n");
    ws->received.clear();
    up->received.clear();
    wait("the tunnel", [&] { return proxy->counters().tunnels == 1; });
  }
  /// Lets so much real time pass; gives the turns that the loop made.
  std::size_t turnsIn(Duration time) {
    std::size_t count = 0;
    bool passed = false;
    const Timer timer = loop.after(time, [&] { passed = true; });
    wait("time to pass", [&] { return ++count, passed; });
    return count;
  }
  /// Sends bytes from a peer until the tunnel takes no more of them: it holds some then, and less than 64 KiB wait before it in the kernel.
  /// Gives how many that were. REQUIRES: the other peer does not read.
  std::size_t fill(RawPeer& from) {
    const std::string piece(64 * 1024, 'z');
    const auto taken = [&] { return proxy->counters().bytesToClient + proxy->counters().bytesToUpstream; };
    const std::uint64_t before = taken();
    std::size_t sent = 0;
    for (int quiet = 0; quiet < 5;) {
      if (taken() - before == sent) {
        from.send(piece);
        sent += piece.size();
      }
      const std::uint64_t last = taken();
      (void)turnsIn(std::chrono::milliseconds(quiet == 0 ? 1 : 20));
      quiet = taken() == last ? quiet + 1 : 0;
    }
    REQUIRE(from.unsent() == 0);
    return sent;
  }
};

}  // namespace spawner::test
