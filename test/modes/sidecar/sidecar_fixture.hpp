#pragma once
// SidecarFixture: a real sidecar on a real loop, an application that a test plays byte by byte, a sweeper's key, and raw clients.

#include <catch2/catch.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/crypto.hpp"
#include "modes/sidecar/sidecar.hpp"
#include "session/commands.hpp"
#include "session/protocol.hpp"
#include "session/signature.hpp"
#include "support/driven_loop.hpp"
#include "support/loop_wait.hpp"
#include "support/raw_peer.hpp"
#include "support/temp_dir.hpp"

namespace spawner::test {

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// The sidecar has no Kubernetes: a call ends the test.
struct NoKubernetes final : Transport {
  Pending call(TransportRequest, UniqueFunction<void(Result<TransportResponse>)>) override {
    FAIL("the sidecar called Kubernetes");
    return {};
  }
  Pending stream(TransportRequest, StreamHandlers) override {
    FAIL("the sidecar called Kubernetes");
    return {};
  }
};

/// A port of 127.0.0.1 that is ours, on which nobody listens until listen().
class ReservedPort {
 public:
  ReservedPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    const SocketAddress any = *SocketAddress::parse("127.0.0.1:0");
    REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&any.storage), any.length) == 0);
    port_ = localAddress(socket_.get())->port();
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  std::unique_ptr<RawServer> listen(Loop& loop) {
    REQUIRE(::listen(socket_.get(), 64) == 0);
    return std::make_unique<RawServer>(loop, std::move(socket_));
  }

 private:
  Fd socket_;
  std::uint16_t port_ = 0;
};

struct SidecarFixture {
  Reactor loop;
  DrivenLoop driven{loop};
  /// What the sidecar runs on: `&driven`, set before start(), where the test drives its time: with sleep(), and while it waits for Ready.
  Loop* under = &loop;
  TimePoint usedAt;  // of the loop: when a test saw last that something was in use
  NoKubernetes kube;
  std::unique_ptr<Random> random = seededRandom(1);
  Metrics metrics;
  std::shared_ptr<MemorySink> log = std::make_shared<MemorySink>();
  TempDir dir;
  Ed25519Key key = Ed25519Key::generate(*random);
  ReservedPort reserved;
  std::unique_ptr<RawServer> app;
  sidecar::Options options;
  std::unique_ptr<role::Role> role;

  SidecarFixture() {
    options.servePort = options.adminPort = options.localPort = 0;
    options.address = "127.0.0.1";
    options.upstreamPort = reserved.port();
    options.adminKeys = {session::adminKeyArgument(key.publicKey())};
    options.podUid = "pod-1";
    options.sessionFile = dir / "session";
  }
  ~SidecarFixture() { role.reset(); }

  void start() {
    auto started = sidecar::start({*under, kube, *random, Logger({.sink = log, .wallNow = {}}, "sidecar"), metrics}, options);
    if (!started) FAIL(started.error().message);
    role = std::move(*started);
  }
  /// The application begins to listen, and the sidecar sees it.
  void appListens() {
    app = reserved.listen(loop);
    for (int looks = 0; under == &driven && looks < 100 && !logged("the application listens"); ++looks)
      driven.advance(std::chrono::milliseconds(20));
    wait("Ready", [this] { return logged("the application listens"); });
  }
  void startReady() {
    start();
    appListens();
  }
  /// The sidecar's process dies and another takes its place.
  void restart() {
    role.reset();
    log->lines.clear();
    start();
    if (app) wait("the application to be found again", [this] { return logged("the application listens"); });
  }
  [[nodiscard]] bool logged(const std::string& text) const {
    for (const std::string& line : log->lines)
      if (contains(line, text)) return true;
    return false;
  }
  [[nodiscard]] sidecar::Ports ports() const { return sidecar::portsOf(*role); }
  std::unique_ptr<RawPeer> client() { return RawPeer::connect(loop, ports().serve); }

  void wait(const std::string& what, const std::function<bool()>& predicate, Duration limit = std::chrono::seconds(10)) {
    waitFor(loop, what, predicate, limit);
  }
  void waitText(RawPeer& peer, const std::string& text) {
    wait("'" + text + "' after '" + peer.received.substr(0, 300) + "'", [&] { return contains(peer.received, text); });
  }
  void sleep(Duration time) {
    if (under == &driven) return driven.advance(time);
    bool passed = false;
    Timer timer = loop.after(time, [&] { passed = true; });
    wait("time to pass", [&] { return passed; });
  }

  struct Answer {
    int status = 0;
    std::string head, body;
    [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(body); }
  };
  /// One request on a connection of its own, its whole answer.
  Answer call(std::uint16_t port, const std::string& method, const std::string& target, const std::string& fields = "",
              const std::string& body = "") {
    auto peer = RawPeer::connect(loop, port);
    peer->send(method + " " + target + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + fields +
               (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n" + body);
    wait("the answer to " + method + " " + target, [&] { return peer->over(); });
    const auto end = peer->received.find("\r\n\r\n");
    if (end == std::string::npos) FAIL("no answer to " << method << " " << target << ": '" << peer->received << "'");
    return {std::stoi(peer->received.substr(9, 3)), peer->received.substr(0, end), peer->received.substr(end + 4)};
  }
  std::string authorization(const std::string& method, const std::string& target, const std::string& body = "") {
    return "Authorization: " + session::authorize(key, "pod-1", method, target, body) + "\r\n";
  }
  Answer admin(const std::string& method, const std::string& target, const std::string& body = "") {
    return call(ports().admin, method, target, authorization(method, target, body), body);
  }
  Answer sweep(const session::SweepCommand& command) { return admin("POST", "/_sweep", session::encodeSweep(command)); }
  Answer sweepIdle(std::chrono::milliseconds atLeast) { return sweep(session::SweepCommand::idle(atLeast, false)); }
  /// Requests and upgraded connections under way, before and after Ready.
  int live() {
    const nlohmann::json now = state();
    return now.value("live_connections", 0) + now.value("waiting_requests", 0);
  }
  nlohmann::json state() { return call(ports().local, "GET", "/state").json(); }
};

inline const std::string getRequest = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
inline const std::string helloAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// The application answers every request with hello.
inline void sayHello(RawServer& app) {
  app.onBytes = [](RawPeer& peer) {
    if (!contains(peer.received, "\r\n\r\n")) return;
    peer.received.clear();
    peer.send(helloAnswer);
  };
}

}  // namespace spawner::test
