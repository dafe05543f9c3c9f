#pragma once
// TinyServer: raw sockets on the loop that answer HTTP exactly as badly as a test wants: any bytes, any pieces, any end.

#include <sys/socket.h>
#include <catch2/catch.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "loop/socket.hpp"
#include "spawner/loop.hpp"

namespace spawner::test {

class TinyServer {
 public:
  /// One connection. Held by the server until it is closed; a test may keep it too.
  class Connection {
   public:
    std::string request;  // head and body of the request under way
    int requests = 0;     // on this connection so far

    /// The whole answer with its length.
    void respond(int status, const std::string& body, const std::string& fields = {}) {
      send("HTTP/1.1 " + std::to_string(status) + " X\r\n" + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    }
    void head(int status = 200) { send("HTTP/1.1 " + std::to_string(status) + " X\r\nTransfer-Encoding: chunked\r\n\r\n"); }
    void chunk(const std::string& bytes) {
      char size[20];
      std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
      send(size + bytes + "\r\n");
    }
    void endChunks() { send("0\r\n\r\n"); }
    void send(const std::string& bytes) {
      unsent_ += bytes;
      flush();
    }
    /// FIN after all that was sent.
    void close() {
      closing_ = true;
      flush();
    }
    /// RST at once.
    void reset() {
      const linger hard{1, 0};
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
      drop();
    }
    /// The peer closed, or we did.
    [[nodiscard]] bool gone() const { return !socket_; }

   private:
    friend class TinyServer;
    void flush() {
      while (socket_ && !unsent_.empty()) {
        const IoResult sent = writeSome(socket_.get(), unsent_);
        if (sent.kind == IoResult::Kind::WouldBlock) break;
        if (sent.kind != IoResult::Kind::Bytes) return drop();
        unsent_.erase(0, sent.bytes);
      }
      if (!socket_) return;
      if (unsent_.empty() && closing_) return drop();
      watch_.set(Interest{true, !unsent_.empty(), false});
    }
    void drop() {
      watch_.cancel();
      socket_.reset();
    }
    Fd socket_;
    FdWatch watch_;
    std::string unsent_;
    bool closing_ = false;
  };
  using Handler = std::function<void(const std::shared_ptr<Connection>&)>;

  /// The handler gets a connection each time that a whole request is in it.
  TinyServer(Loop& loop, Handler handler) : loop_(loop), handler_(std::move(handler)) {
    auto address = SocketAddress::parse("127.0.0.1:0");
    auto socket = listenOn(*address);
    REQUIRE(socket.ok());
    socket_ = std::move(*socket);
    port_ = localAddress(socket_.get())->port();
    watch_ = loop_.watch(socket_.get(), Interest{true, false, false}, [this](Interest) { accept(); });
  }
  /// Connections that a test still holds are closed: they must not outlive the loop.
  ~TinyServer() { closeAll(); }
  TinyServer(const TinyServer&) = delete;
  TinyServer& operator=(const TinyServer&) = delete;
  [[nodiscard]] std::string url() const { return "http://" + authority(); }
  [[nodiscard]] std::string authority() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::size_t accepted() const { return accepted_; }
  [[nodiscard]] std::size_t open() const {
    std::size_t count = 0;
    for (const auto& connection : connections_) count += connection->gone() ? 0 : 1;
    return count;
  }
  void closeAll() {
    for (const auto& connection : connections_) connection->drop();
  }

 private:
  void accept() {
    for (;;) {
      auto socket = acceptFrom(socket_.get());
      if (!socket.ok() || !*socket) return;
      ++accepted_;
      auto connection = std::make_shared<Connection>();
      connection->socket_ = std::move(*socket);
      connection->watch_ =
          loop_.watch(connection->socket_.get(), Interest{true, false, false}, [this, weak = std::weak_ptr(connection)](Interest ready) {
            const auto self = weak.lock();
            if (!self) return;
            if (ready.writable) self->flush();
            if (self->socket_) read(self);
          });
      connections_.push_back(std::move(connection));
    }
  }
  void read(const std::shared_ptr<Connection>& connection) {
    char buffer[16 * 1024];
    const IoResult got = readSome(connection->socket_.get(), buffer);
    if (got.kind == IoResult::Kind::WouldBlock) return;
    if (got.kind != IoResult::Kind::Bytes) return connection->drop();
    connection->request.append(buffer, got.bytes);
    const std::size_t head = connection->request.find("\r\n\r\n");
    if (head == std::string::npos) return;
    std::size_t length = 0;
    if (const std::size_t at = connection->request.find("Content-Length: "); at < head)
      length = std::stoul(connection->request.substr(at + 16));
    if (connection->request.size() < head + 4 + length) return;
    ++connection->requests;
    handler_(connection);
    connection->request.clear();
  }

  Loop& loop_;
  Handler handler_;
  Fd socket_;
  std::uint16_t port_ = 0;
  std::size_t accepted_ = 0;
  std::vector<std::shared_ptr<Connection>> connections_;
  FdWatch watch_;
};

}  // namespace spawner::test
