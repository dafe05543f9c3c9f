#include "loop/socket.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "loop/reactor.hpp"
#include "support/loop_wait.hpp"
#include "support/temp_dir.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

namespace {

constexpr Interest reading{.readable = true, .writable = false, .hangup = false};
constexpr Interest writing{.readable = false, .writable = true, .hangup = false};

SocketAddress address(const std::string& text) {
  const Result<SocketAddress> parsed = SocketAddress::parse(text);
  INFO(text << ": " << (parsed ? "" : parsed.error().message));
  REQUIRE(parsed);
  return *parsed;
}

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  REQUIRE(::getsockopt(fd, level, name, &value, &length) == 0);
  return value;
}

struct Connection {
  Fd listener, client, server;
};

Connection connect(Reactor& loop, const std::string& where) {
  Connection c;
  Result<Fd> listener = listenOn(address(where));
  REQUIRE(listener);
  c.listener = std::move(*listener);
  Result<Fd> nobody = acceptFrom(c.listener.get());
  REQUIRE(nobody);
  REQUIRE_FALSE(*nobody);
  Result<Fd> client = connectTo(*localAddress(c.listener.get()));
  REQUIRE(client);
  c.client = std::move(*client);
  bool connected = false;
  FdWatch clientWatch = loop.watch(c.client.get(), writing, [&](Interest) { connected = true; });
  FdWatch serverWatch = loop.watch(c.listener.get(), reading, [&](Interest) {
    Result<Fd> accepted = acceptFrom(c.listener.get());
    REQUIRE(accepted);
    if (*accepted) c.server = std::move(*accepted);
  });
  waitFor(loop, "a connection to " + where, [&] { return connected && c.server; });
  REQUIRE(connectResult(c.client.get()));
  return c;
}

}  // namespace

TEST_CASE("address: text both ways") {
  CHECK(address("127.0.0.1:8080").toString() == "127.0.0.1:8080");
  CHECK(address("127.0.0.1:8080").port() == 8080);
  CHECK(address("[::1]:65535").toString() == "[::1]:65535");
  CHECK(address(":80").toString() == "0.0.0.0:80");
  CHECK(address("[::]:0").toString() == "[::]:0");
  CHECK(address("localhost:9").toString() == "127.0.0.1:9");
  CHECK(address("unix:/run/x.sock").toString() == "unix:/run/x.sock");
  CHECK(address("unix:/run/x.sock").port() == 0);
  CHECK(SocketAddress::fromIp("fe80::1", 5)->toString() == "[fe80::1]:5");
  CHECK(SocketAddress{}.toString() == "no address");
}

TEST_CASE("address: loopback") {
  for (const char* text : {"127.0.0.1:1", "127.255.3.4:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "unix:/x"}) CHECK(address(text).loopback());
  for (const char* text : {"0.0.0.0:1", "128.0.0.1:1", "10.0.0.1:1", "[::]:1", "[::2]:1", "[::ffff:10.0.0.1]:1"})
    CHECK_FALSE(address(text).loopback());
}

TEST_CASE("address: what is refused, with the text and the ways that work") {
  for (const std::string text :
       {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1: 1", "1.2.3:1", "1.2.3.4.5:1",
        "::1:80", "[::1]", "[::1]80", "[127.0.0.1]:80", "[]:80", "example.com:80", "256.0.0.1:1", "unix:", "127.0.0.1:80x"}) {
    const Result<SocketAddress> parsed = SocketAddress::parse(text);
    INFO(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().kind == ErrorKind::InvalidArgument);
    CHECK(parsed.error().message.find("\"" + text + "\"") != std::string::npos);
    CHECK(parsed.error().message.find("127.0.0.1:8080") != std::string::npos);
  }
  CHECK(SocketAddress::parse("unix:/" + std::string(106, 'x')));
  CHECK_FALSE(SocketAddress::parse("unix:/" + std::string(107, 'x')));
  CHECK_FALSE(SocketAddress::fromIp("[::1]", 1));
  CHECK_FALSE(SocketAddress::fromIp(std::string_view("1.2.3.4\0x", 9), 1));
}

TEST_CASE("socket: a connection over IPv4, IPv6 and a unix socket", "[integration]") {
  TempDir folder;
  const std::string where = GENERATE(std::string("127.0.0.1:0"), std::string("[::1]:0"), std::string("unix"));
  Reactor loop;
  Connection c = connect(loop, where == "unix" ? "unix:" + (folder / "s") : where);
  CHECK(writeSome(c.client.get(), "ping").bytes == 4);
  std::string got;
  FdWatch watch = loop.watch(c.server.get(), reading, [&](Interest) {
    char buffer[64];
    const IoResult r = readSome(c.server.get(), buffer);
    if (r.kind == IoResult::Kind::Bytes) got.append(buffer, r.bytes);
  });
  waitFor(loop, "ping", [&] { return got == "ping"; });
  char byte;
  CHECK(readSome(c.server.get(), std::span(&byte, 1)).kind == IoResult::Kind::WouldBlock);
  watch.cancel();
  c.client.reset();
  bool ended = false;
  watch = loop.watch(c.server.get(), reading,
                     [&](Interest) { ended = readSome(c.server.get(), std::span(&byte, 1)).kind == IoResult::Kind::End; });
  waitFor(loop, "the end", [&] { return ended; });
}

TEST_CASE("socket: descriptors do not block and close on exec; TCP has no delay", "[integration]") {
  Reactor loop;
  Connection c = connect(loop, "127.0.0.1:0");
  for (int fd : {c.listener.get(), c.client.get(), c.server.get()}) {
    CHECK((::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK(option(c.client.get(), IPPROTO_TCP, TCP_NODELAY) == 1);
  CHECK(option(c.server.get(), IPPROTO_TCP, TCP_NODELAY) == 1);
  CHECK(peerAddress(c.client.get())->toString() == localAddress(c.listener.get())->toString());
  CHECK(peerAddress(c.server.get())->toString() == localAddress(c.client.get())->toString());
  CHECK(peerAddress(c.listener.get()).error().kind == ErrorKind::Disconnected);
}

TEST_CASE("socket: an address in use is said in words", "[integration]") {
  const Result<Fd> first = listenOn(address("127.0.0.1:0"));
  REQUIRE(first);
  const SocketAddress taken = *localAddress(first->get());
  const Result<Fd> second = listenOn(taken);
  REQUIRE_FALSE(second);
  CHECK(second.error().message == "cannot listen on " + taken.toString() + ": address already in use");
  const Result<Fd> foreign = listenOn(address("192.0.2.1:0"));  // TEST-NET-1 (RFC 5737): nobody's
  REQUIRE_FALSE(foreign);
  CHECK(foreign.error().message.find("192.0.2.1:0") != std::string::npos);
}

TEST_CASE("socket: several listen together on the port that the first one got, and each is given connections", "[integration]") {
  const Result<std::vector<Fd>> sockets = listenTogether(address("127.0.0.1:0"), 3);
  REQUIRE(sockets);
  REQUIRE(sockets->size() == 3);
  const SocketAddress where = *localAddress(sockets->front().get());
  for (const Fd& socket : *sockets) CHECK(localAddress(socket.get())->toString() == where.toString());
  constexpr int count = 100;  // that one of three gets none of them: 10^-17
  std::vector<Fd> clients;
  for (int i = 0; i < count; ++i) {
    clients.push_back(std::move(*connectTo(where)));
    pollfd made{.fd = clients.back().get(), .events = POLLOUT, .revents = 0};
    REQUIRE(::poll(&made, 1, 10'000) == 1);
    REQUIRE(connectResult(clients.back().get()));
  }
  int all = 0;
  for (const Fd& socket : *sockets) {
    int own = 0;
    for (Result<Fd> got = acceptFrom(socket.get()); got && *got; got = acceptFrom(socket.get())) ++own;
    CHECK(own > 0);
    all += own;
  }
  CHECK(all == count);
}

TEST_CASE("socket: who listens together is refused an address that another holds, even where that one shares it", "[integration]") {
  const Result<std::vector<Fd>> held = listenTogether(address("127.0.0.1:0"), 2);
  REQUIRE(held);
  const SocketAddress taken = *localAddress(held->front().get());
  const std::string words = "cannot listen on " + taken.toString() + ": address already in use";
  for (const std::size_t count : {std::size_t{1}, std::size_t{2}}) {
    const Result<std::vector<Fd>> second = listenTogether(taken, count);
    REQUIRE_FALSE(second);
    CHECK(second.error().message == words);
  }
  const Result<Fd> alone = listenOn(taken);
  REQUIRE_FALSE(alone);
  CHECK(alone.error().message == words);
  const Result<Fd> plain = listenOn(address("127.0.0.1:0"));
  REQUIRE(plain);
  CHECK_FALSE(listenTogether(*localAddress(plain->get()), 2));
}

TEST_CASE("socket: [::] leaves IPv4 to another listener", "[integration]") {
  const Result<Fd> six = listenOn(address("[::]:0"));
  REQUIRE(six);
  CHECK(option(six->get(), IPPROTO_IPV6, IPV6_V6ONLY) == 1);
}

TEST_CASE("socket: a dead unix socket's file is taken over, a live one's and a plain file are not", "[integration]") {
  TempDir folder;
  const SocketAddress where = address("unix:" + (folder / "s"));
  {
    const Result<Fd> first = listenOn(where);
    REQUIRE(first);
    CHECK_FALSE(listenOn(where));
  }
  CHECK(std::filesystem::exists(folder / "s"));
  CHECK(listenOn(where));
  folder.write("plain", "precious");
  CHECK_FALSE(listenOn(address("unix:" + (folder / "plain"))));
  CHECK(folder.read("plain") == "precious");
}

TEST_CASE("socket: nobody listening is Disconnected, at once or when writable", "[integration]") {
  Reactor loop;
  SocketAddress gone;
  {
    const Result<Fd> listener = listenOn(address("127.0.0.1:0"));
    REQUIRE(listener);
    gone = *localAddress(listener->get());
  }
  const Result<Fd> client = connectTo(gone);
  std::optional<Error> error;
  if (!client) {
    error = client.error();
  } else {
    FdWatch watch = loop.watch(client->get(), writing, [&](Interest) {
      if (Result<void> outcome = connectResult(client->get()); !outcome && !error) error = outcome.error();
    });
    waitFor(loop, "the refusal", [&] { return error.has_value(); });
  }
  CHECK(error->kind == ErrorKind::Disconnected);
  CHECK(error->message.find("connection refused") != std::string::npos);
  CHECK(error->retriable());

  const Result<Fd> noFile = connectTo(address("unix:/nonexistent/socket"));
  REQUIRE_FALSE(noFile);
  CHECK(noFile.error().kind == ErrorKind::Disconnected);
  CHECK(noFile.error().message == "cannot connect to unix:/nonexistent/socket: no such file or directory");
}

TEST_CASE("socket: writing to a closed peer fails without SIGPIPE, for sockets and for pipes", "[integration]") {
  struct sigaction fatal {
  }, before{};
  static volatile std::sig_atomic_t raised = 0;
  raised = 0;
  fatal.sa_handler = [](int) { raised = 1; };
  ::sigaction(SIGPIPE, &fatal, &before);
  int ends[2];
  SECTION("socket") { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0); }
  SECTION("pipe") { REQUIRE(::pipe2(ends, O_NONBLOCK) == 0); }
  ::close(ends[0]);
  const Fd end(ends[1]);
  const IoResult outcome = writeSome(end.get(), "x");
  CHECK(outcome.kind == IoResult::Kind::Failed);
  CHECK(outcome.errnoValue == EPIPE);
  CHECK(raised == 0);
  sigset_t pending;
  sigpending(&pending);
  CHECK(sigismember(&pending, SIGPIPE) == 0);
  ::sigaction(SIGPIPE, &before, nullptr);
}

TEST_CASE("socket: a full pipe would block, an empty write is nothing, a bad descriptor fails", "[integration]") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
  const Fd readEnd(ends[0]), writeEnd(ends[1]);
  IoResult last{IoResult::Kind::Bytes, 0, 0};
  while (last.kind == IoResult::Kind::Bytes) last = writeSome(writeEnd.get(), std::string(65536, 'x'));
  CHECK(last.kind == IoResult::Kind::WouldBlock);
  CHECK(writeSome(writeEnd.get(), "").kind == IoResult::Kind::Bytes);
  CHECK(readSome(readEnd.get(), {}).kind == IoResult::Kind::Bytes);
  CHECK(writeSome(-1, "x").errnoValue == EBADF);
  CHECK(acceptFrom(readEnd.get()).error().kind == ErrorKind::System);
}

TEST_CASE("socket: descriptors that are kept for others are not taken", "[integration]") {
  const auto listener = listenOn(*SocketAddress::parse("127.0.0.1:0"));
  REQUIRE(listener);
  const auto address = localAddress(listener->get());
  const auto taken = connectTo(*address, listener->get() + 2);
  CHECK(taken.ok());
  const auto refused = connectTo(*address, listener->get());
  REQUIRE(!refused.ok());
  CHECK(refused.error().kind == ErrorKind::Limit);
  CHECK(refused.error().message.find("kept for others") != std::string::npos);
  CHECK(firstSpareDescriptor(0) > firstSpareDescriptor(10));
  CHECK(firstSpareDescriptor(0) - firstSpareDescriptor(10) == 10);
  CHECK(firstSpareDescriptor(SIZE_MAX) >= firstSpareDescriptor(0) / 2);  // half of them are never kept
}

TEST_CASE("socket: the limit for dead peers reaches the kernel", "[integration]") {
  Reactor loop;
  Connection c = connect(loop, "127.0.0.1:0");
  setDeadPeerLimit(c.client.get(), 60s);
  CHECK(option(c.client.get(), SOL_SOCKET, SO_KEEPALIVE) == 1);
  CHECK(option(c.client.get(), IPPROTO_TCP, TCP_USER_TIMEOUT) == 60000);
  const int idle = option(c.client.get(), IPPROTO_TCP, TCP_KEEPIDLE);
  CHECK(idle + 3 * option(c.client.get(), IPPROTO_TCP, TCP_KEEPINTVL) == 60);
}

TEST_CASE("socket: Fd closes once, moves, and gives away", "[integration]") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const auto open = [](int fd) { return ::fcntl(fd, F_GETFD) >= 0; };
  Fd a(ends[0]), b(ends[1]);
  Fd moved = std::move(a);
  CHECK_FALSE(a);
  CHECK(moved.get() == ends[0]);
  moved = std::move(b);
  CHECK_FALSE(open(ends[0]));
  CHECK(open(ends[1]));
  const int released = moved.release();
  CHECK_FALSE(moved);
  CHECK(open(released));
  Fd(released).reset();
  CHECK_FALSE(open(released));
}
