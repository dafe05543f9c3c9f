#pragma once
// RawPeer and RawServer: one end of a TCP connection, byte by byte, on the test's loop: a client or an upstream that does whatever a test
// wants: answers early, breaks off, resets, sends garbage, reads slowly. RawServer gives one RawPeer for each connection.

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "loop/reactor.hpp"
#include "loop/socket.hpp"

namespace spawner::test {

/// Owner: the test. Everything received is in `received` until the test clears it.
class RawPeer {
 public:
  std::string received;
  std::uint64_t total = 0;  // bytes received ever
  bool ended = false;       // the other side's FIN
  bool failed = false;      // RST or the like
  bool keep = true;         // false: only count (large bodies): `onBytes` sees them
  std::function<void(RawPeer&, std::string_view)> onBytes;
  std::function<void(RawPeer&)> onDrained;  // all given to send() is in the kernel

  RawPeer(Loop& loop, Fd socket) : socket_(std::move(socket)) {
    watch_ = loop.watch(socket_.get(), {.readable = true}, [this](Interest ready) { onReady(ready); });
  }
  static std::unique_ptr<RawPeer> connect(Loop& loop, std::uint16_t port, const std::string& ip = "127.0.0.1") {
    auto socket = connectTo(*SocketAddress::fromIp(ip, port));
    REQUIRE(socket.ok());
    auto peer = std::make_unique<RawPeer>(loop, std::move(*socket));
    peer->update();
    return peer;
  }

  void send(std::string_view bytes) {
    out_ += bytes;
    flush();
  }
  void halfClose() {
    endAfterOut_ = true;
    flush();
  }
  void close() {
    watch_.cancel();
    socket_.reset();
  }
  /// Closes with RST.
  void reset() {
    const linger hard{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close();
  }
  void pauseReading(bool pause) {
    paused_ = pause;
    update();
  }
  [[nodiscard]] bool over() const { return ended || failed; }
  [[nodiscard]] bool isOpen() const { return static_cast<bool>(socket_); }
  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] std::size_t unsent() const { return out_.size(); }

 private:
  void onReady(Interest ready) {
    if (ready.writable) flush();
    if (!socket_ || !ready.readable || paused_) return;
    static thread_local std::array<char, 64 * 1024> buffer;
    const IoResult got = readSome(socket_.get(), buffer);
    if (got.kind == IoResult::Kind::Bytes) {
      total += got.bytes;
      if (keep) received.append(buffer.data(), got.bytes);
      if (onBytes) onBytes(*this, {buffer.data(), got.bytes});
      return;
    }
    if (got.kind == IoResult::Kind::WouldBlock) return;
    (got.kind == IoResult::Kind::End ? ended : failed) = true;
    update();
  }
  void flush() {
    if (!socket_) return;
    while (!out_.empty()) {
      const IoResult put = writeSome(socket_.get(), out_);
      if (put.kind != IoResult::Kind::Bytes) break;
      out_.erase(0, put.bytes);
    }
    if (out_.empty() && endAfterOut_) ::shutdown(socket_.get(), SHUT_WR);
    update();
    if (out_.empty() && onDrained) onDrained(*this);
  }
  void update() {
    if (socket_) watch_.set({.readable = !paused_ && !over(), .writable = !out_.empty()});
  }

  Fd socket_;
  FdWatch watch_;
  std::string out_;
  bool paused_ = false, endAfterOut_ = false;
};

/// Owner: the test.
class RawServer {
 public:
  std::vector<std::unique_ptr<RawPeer>> peers;  // every connection, in order of coming
  std::function<void(RawPeer&)> onConnection;
  /// Called for what each connection sends; peer.received holds all of it.
  std::function<void(RawPeer&)> onBytes;

  explicit RawServer(Loop& loop, const std::string& ip = "127.0.0.1", std::uint16_t port = 0)
      : RawServer(loop, std::move(*listenOn(*SocketAddress::fromIp(ip, port)))) {}
  RawServer(Loop& loop, Fd listening) : loop_(loop), socket_(std::move(listening)) {
    watch_ = loop.watch(socket_.get(), {.readable = true}, [this](Interest) { accept(); });
  }
  [[nodiscard]] SocketAddress address() const { return *localAddress(socket_.get()); }
  [[nodiscard]] std::uint16_t port() const { return address().port(); }
  [[nodiscard]] RawPeer& last() { return *peers.back(); }
  void stopListening() {
    watch_.cancel();
    socket_.reset();
  }

 private:
  void accept() {
    for (;;) {
      auto socket = acceptFrom(socket_.get());
      if (!socket.ok() || !*socket) return;
      peers.push_back(std::make_unique<RawPeer>(loop_, std::move(*socket)));
      RawPeer& peer = *peers.back();
      peer.onBytes = [this](RawPeer& from, std::string_view) {
        if (onBytes) onBytes(from);
      };
      if (onConnection) onConnection(peer);
    }
  }

  Loop& loop_;
  Fd socket_;
  FdWatch watch_;
};

}  // namespace spawner::test
