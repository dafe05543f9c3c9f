#pragma once
// GatewayFixture: a gateway on loopback over a small store, raw clients in front, raw sidecars and a raw API behind.

#include <unistd.h>
#include <catch2/catch.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/crypto.hpp"
#include "modes/gateway/gateway.hpp"
#include "support/loop_wait.hpp"
#include "support/raw_peer.hpp"
#include "support/slab_store.hpp"

namespace spawner::test {

using namespace std::chrono_literals;

/// A loopback address of this test's own: sidecars have a fixed port.
inline std::string freshIp() {
  static int count = 0;
  ++count;
  const int pid = static_cast<int>(getpid());
  return "127." + std::to_string(64 + (pid >> 16) % 64) + "." + std::to_string((pid >> 8) % 256) + "." +
         std::to_string(1 + (pid + count * 7) % 254);
}

struct GatewayFixture {
  explicit GatewayFixture(gateway::Options given = {}) : store(loop), random(systemRandom()), options(std::move(given)) {
    options.listen = "127.0.0.1:0";
  }
  void begin() {
    auto made = gateway::startGateway(role::Context{loop, store, *random, Logger(), metrics}, options);
    REQUIRE(made.ok());
    gateway = std::move(*made);
    waitFor(loop, "the gateway to be ready", [this] { return gateway->ready(); });
  }
  /// A sidecar that answers each request with what it got, as text. Its address.
  std::string sidecar(std::unique_ptr<RawServer>& server) {
    const std::string ip = freshIp();
    server = std::make_unique<RawServer>(loop, ip, names::servePort);
    server->onBytes = [](RawPeer& peer) {
      const std::size_t end = peer.received.find("\r\n\r\n");
      if (end == std::string::npos) return;
      const std::string head = peer.received.substr(0, end + 4);
      peer.received.erase(0, end + 4);
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(head.size()) + "\r\n\r\n" + head);
    };
    return ip;
  }
  static SlabStore::Json ready(const std::string& ip) { return {{"status", {{"ready", true}, {"podIP", ip}}}}; }

  std::unique_ptr<RawPeer> client() { return RawPeer::connect(loop, gateway->port()); }
  /// Sends a request and gives the whole answer (the connection is closed after it).
  std::string ask(const std::string& request, Duration limit = 10s) {
    auto peer = client();
    peer->send(request);
    waitFor(
        loop, "the answer to " + request.substr(0, request.find('\r')), [&] { return peer->over(); }, limit);
    return peer->received;
  }
  std::string get(const std::string& target, const std::string& fields = "", const std::string& host = "gateway.test") {
    return ask("GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n" + fields + "\r\n");
  }
  static inline const std::string browser = "Accept: text/html,*/*\r\n";
  static std::string status(const std::string& answer) { return answer.substr(0, answer.find('\r')).substr(9, 3); }

  Reactor loop;
  Metrics metrics;
  SlabStore store;
  std::unique_ptr<Random> random;
  gateway::Options options;
  std::unique_ptr<gateway::GatewayRole> gateway;
};

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace spawner::test
