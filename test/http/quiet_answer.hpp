#pragma once
// A connection without a front over a pair of sockets with little room, for tests of what waits for a client.

#include <fcntl.h>
#include <sys/socket.h>
#include <array>

#include "http/connection.hpp"
#include "http/front_fixture.hpp"

namespace spawner::http::testing {

inline std::pair<Fd, Fd> socketPair() {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
  const int little = 64 * 1024;
  REQUIRE(::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &little, sizeof little) == 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

/// A connection without a front: nothing looks at its deadlines but the test. Its answer has begun and went out, and then it is quiet.
struct QuietAnswer {
  QuietAnswer() {
    FrontOptions options;
    options.limits.writeTimeout = limit;
    core = std::make_shared<FrontCore>(
        loop, [this](std::unique_ptr<Exchange> given) { exchange = std::move(given); }, options);
    auto [server, peer] = socketPair();
    client = std::move(peer);
    sameSocket = Fd(::fcntl(server.get(), F_DUPFD_CLOEXEC, 0));
    connection = std::make_shared<Connection>(core, std::move(server));
    connection->start(core->connections.insert(core->connections.end(), connection));
    REQUIRE(writeSome(client.get(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n").kind == IoResult::Kind::Bytes);
    test::waitFor(loop, "the request", [&] { return exchange != nullptr; });
    ResponseHead head;
    head.framing = Framing::Length;
    head.contentLength = 1'000'000'000;
    exchange->sendHead(head);
    test::turns(loop);
    REQUIRE(connection->unsent() == 0);
  }
  ~QuietAnswer() { connection->shutdown(); }

  /// Puts bytes into the connection's socket, behind its back, until it takes none.
  void fillSocket() const {
    const std::string piece(4096, 'f');
    while (writeSome(sameSocket.get(), piece).kind == IoResult::Kind::Bytes) {}
  }
  [[nodiscard]] bool closed() const { return core->connections.empty(); }

  static constexpr Duration limit = 60s;
  Reactor loop;
  std::unique_ptr<Exchange> exchange;
  std::shared_ptr<FrontCore> core;
  Fd client, sameSocket;
  std::shared_ptr<Connection> connection;
};

}  // namespace spawner::http::testing
