// The write time-out of a connection: it runs from the moment that the client's socket refuses a byte, however long nothing was to be sent
// before. Over a pair of sockets that the test itself fills up, with times of the test's choice.

#include <fcntl.h>
#include <sys/socket.h>
#include <array>
#include <csignal>

#include "http/connection.hpp"
#include "http/front_fixture.hpp"

using namespace spawner;
using namespace spawner::http;
using namespace spawner::http::testing;

namespace {

std::pair<Fd, Fd> socketPair() {
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
    head.contentLength = 1'000'000;
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

}  // namespace

TEST_CASE("The write time-out runs from the first byte that is refused, not from the last one before a pause", "[integration]") {
  const std::string way = GENERATE("gathered", "at once", "inside the kernel");
  CAPTURE(way);
  const auto before = ::signal(SIGPIPE, SIG_IGN);  // splice(2) is for processes that ignore it
  QuietAnswer answer;
  answer.fillSocket();
  const TimePoint fillBegins = answer.loop.now();
  auto [upstream, application] = socketPair();
  if (way == "gathered") {
    answer.exchange->sendBody("a little");
  } else if (way == "at once") {
    answer.exchange->sendBody(std::string(20'000, 'x'));
  } else {
    REQUIRE(writeSome(application.get(), std::string(20'000, 'x')).bytes == 20'000);
    const auto passed = answer.exchange->sendBodyFrom(upstream.get(), 20'000);
    REQUIRE(passed);
    REQUIRE(passed->bytes == 20'000);
  }
  test::turns(answer.loop);
  REQUIRE(answer.connection->unsent() >= 8);
  answer.connection->checkDeadlines(fillBegins + QuietAnswer::limit - 1ns);
  CHECK_FALSE(answer.closed());

  // What is added while the socket refuses gives no time.
  const TimePoint refused = answer.loop.now();
  answer.exchange->sendBody("more");
  answer.exchange->sendBody(std::string(10'000, 'x'));
  test::turns(answer.loop);
  answer.connection->checkDeadlines(refused + QuietAnswer::limit);
  CHECK(answer.closed());
  ::signal(SIGPIPE, before);
}

TEST_CASE("Each byte that the client takes gives it the write time-out again", "[integration]") {
  QuietAnswer answer;
  answer.fillSocket();
  answer.exchange->sendBody(std::string(500'000, 'x'));
  const std::size_t waiting = answer.connection->unsent();
  REQUIRE(waiting > 400'000);
  const TimePoint beforeReading = answer.loop.now();
  std::vector<char> buffer(4096);
  while (readSome(answer.client.get(), buffer).kind == IoResult::Kind::Bytes) {}
  test::waitFor(answer.loop, "progress", [&] { return answer.connection->unsent() < waiting; });
  REQUIRE(answer.connection->unsent() > 0);
  answer.connection->checkDeadlines(beforeReading + QuietAnswer::limit - 1ns);
  CHECK_FALSE(answer.closed());
  answer.connection->checkDeadlines(answer.loop.now() + QuietAnswer::limit);
  CHECK(answer.closed());
}
