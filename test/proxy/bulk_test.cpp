// Large bodies and slow readers: nothing is lost, and memory stays bounded.

#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/crypto.hpp"
#include "proxy/proxy_fixture.hpp"
#include "support/temp_dir.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t bulk = 32 * 1024 * 1024;

std::string randomBytes(std::size_t size) {
  std::string bytes(size, '\0');
  auto random = seededRandom(7);
  random->fill({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
  return bytes;
}

/// splice(2) is for processes that ignore SIGPIPE, as each role does.
struct IgnoresSigpipe {
  IgnoresSigpipe() { ::signal(SIGPIPE, SIG_IGN); }
  ~IgnoresSigpipe() { ::signal(SIGPIPE, SIG_DFL); }
};

/// The process may have so many descriptors. The rest of them can be taken, and given back.
struct FewDescriptors {
  explicit FewDescriptors(rlim_t count) {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit few{.rlim_cur = count, .rlim_max = before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before); }
  /// Those with numbers below `end`.
  void takeBelow(int end) {
    for (Fd one(::dup(STDERR_FILENO)); one && one.get() < end; one = Fd(::dup(STDERR_FILENO))) taken.push_back(std::move(one));
  }
  rlimit before{};
  std::vector<Fd> taken;
};

/// Gives a large text to a peer piece by piece, so that the test itself holds it once only.
void feed(RawPeer& peer, const std::string& bytes, std::size_t& at) {
  peer.onDrained = [&](RawPeer& to) {
    if (at >= bytes.size()) return;
    const std::size_t size = std::min<std::size_t>(256 * 1024, bytes.size() - at);
    at += size;
    to.send(std::string_view(bytes).substr(at - size, size));
  };
  peer.send("");
}

}  // namespace

TEST_CASE("32 MB down arrive whole, passed inside the kernel or copied", "[integration]") {
  const std::size_t pipes = GENERATE(0U, 64U);
  const IgnoresSigpipe ignores;
  ProxyFixture f;
  f.start({.maxPipes = pipes});
  const std::string body = randomBytes(bulk);
  std::size_t sent = 0;
  f.upstream.onBytes = [&](RawPeer& peer) {
    if (!contains(peer.received, "\r\n\r\n")) return;
    peer.received.clear();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(bulk) + "\r\n\r\n");
    feed(peer, body, sent);
  };
  auto client = f.client();
  client->send(simpleGet);
  f.wait(
      "all of it", [&] { return client->total > bulk && client->received.size() >= client->received.find("\r\n\r\n") + 4 + bulk; },
      std::chrono::seconds(60));
  CHECK(sha256Hex(client->received.substr(client->received.find("\r\n\r\n") + 4)) == sha256Hex(body));
  CHECK(f.proxy->counters().bytesToClient == bulk);
  // Copied: what came with the head, the end, and the rest of any 64 KiB.
  CHECK(f.front->stats().passedBytes >= (pipes == 0 ? 0 : bulk / 2));
  CHECK(f.front->stats().passedBytes <= (pipes == 0 ? 0 : bulk - 16 * 1024));
}

TEST_CASE("32 MB up arrive whole", "[integration]") {
  ProxyFixture f;
  f.start();
  const std::string body = randomBytes(bulk);
  std::size_t sent = 0;
  auto client = f.client();
  client->send("PUT /big HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(bulk) + "\r\n\r\n");
  feed(*client, body, sent);
  f.wait(
      "all of it",
      [&] {
        if (f.upstream.peers.empty()) return false;
        const std::string& got = f.upstream.last().received;
        const auto end = got.find("\r\n\r\n");
        return end != std::string::npos && got.size() >= end + 4 + bulk;
      },
      std::chrono::seconds(60));
  const std::string& got = f.upstream.last().received;
  CHECK(sha256Hex(got.substr(got.find("\r\n\r\n") + 4)) == sha256Hex(body));
  f.upstream.last().send(okAnswer);
  f.waitText(*client, "hello");
}

TEST_CASE("a client that does not read holds the upstream back, and costs two buffers", "[integration]") {
  const std::size_t pipes = GENERATE(0U, 64U);
  const IgnoresSigpipe ignores;
  ProxyFixture f;
  f.start({.maxPipes = pipes});
  const std::string piece(256 * 1024, 'x');
  std::uint64_t accepted = 0;
  auto client = f.client();
  client->pauseReading(true);
  client->send(simpleGet);
  f.wait("the request", [&] { return !f.upstream.peers.empty() && contains(f.upstream.last().received, "\r\n\r\n"); });
  RawPeer& upstream = f.upstream.last();
  upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
  // Pushes until nothing moves any more: the kernel's buffers on both connections are full, and the proxy has stopped to read.
  upstream.onDrained = [&](RawPeer& to) {
    accepted += piece.size();
    if (accepted < 200'000'000) to.send(piece);
  };
  upstream.send("");
  const auto settled = [&] {
    const std::uint64_t before = f.proxy->counters().bytesToClient;
    bool passed = false;
    Timer timer = f.loop.after(std::chrono::milliseconds(200), [&] { passed = true; });
    f.wait("200 ms", [&] { return passed; });
    return before == f.proxy->counters().bytesToClient;
  };
  const std::size_t heapBefore = ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
  for (int i = 0; i < 50 && !settled(); ++i) {}
  REQUIRE(settled());
  // What waits in the kernel is not ours; on our side a buffer and a half a direction, and the test's own piece.
  const std::size_t heap = ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
  CHECK(heap < heapBefore + 2 * piece.size() + 64 * 1024);
  CHECK(accepted < 100'000'000);
  CHECK(upstream.unsent() > 0);
  // And it goes on when the client reads.
  const std::uint64_t before = f.proxy->counters().bytesToClient;
  client->keep = false;
  client->pauseReading(false);
  f.wait(
      "more bytes", [&] { return f.proxy->counters().bytesToClient > before + 20'000'000; }, std::chrono::seconds(30));
  upstream.onDrained = nullptr;
}

TEST_CASE("an upstream that does not read holds the client back", "[integration]") {
  ProxyFixture f;
  f.start();
  f.upstream.onConnection = [](RawPeer& peer) { peer.pauseReading(true); };
  auto client = f.client();
  client->send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "10000\r\n" + std::string(0x10000, 'y') + "\r\n";
  std::uint64_t chunks = 0;
  client->onDrained = [&](RawPeer& to) {
    if (++chunks < 4000) to.send(chunk);
  };
  client->send("");
  std::uint64_t last = 0;
  for (int quiet = 0; quiet < 3;) {
    bool passed = false;
    Timer timer = f.loop.after(std::chrono::milliseconds(100), [&] { passed = true; });
    f.wait("100 ms", [&] { return passed; });
    quiet = chunks == last ? quiet + 1 : 0;
    last = chunks;
  }
  CHECK(chunks < 1000);
  f.upstream.last().keep = false;
  f.upstream.last().pauseReading(false);
  f.wait("the upload to go on", [&] { return chunks > last + 50; });
  client->onDrained = nullptr;
}

namespace {

/// A client that has asked for a body of 10 MB, reads none of it, and holds it up in the kernel and in a pipe of the front's.
std::unique_ptr<RawPeer> stuckClient(ProxyFixture& f) {
  auto client = f.client();
  client->pauseReading(true);
  f.upstream.onBytes = [](RawPeer& peer) {
    peer.received.clear();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + std::string(9'000'000, 's'));
  };
  const std::uint64_t before = f.front->stats().passedBytes;
  client->send("GET /stuck HTTP/1.1\r\nHost: h\r\n\r\n");
  f.wait("bytes in the pipe", [&] { return f.front->stats().passedBytes > before; });
  std::uint64_t last = 0;
  f.wait("no byte moves",
         [&] { return std::exchange(last, f.front->stats().passedBytes) == f.front->stats().passedBytes && last > before; });
  return client;
}

}  // namespace

TEST_CASE("a client that leaves with bytes in a pipe leaves none of them to another", "[integration]") {
  const IgnoresSigpipe ignores;
  ProxyFixture f;
  f.start({.maxPipes = 1});
  for (int round = 0; round < 5; ++round) {
    stuckClient(f).reset();
    f.wait("its end", [&] { return f.tokens == 0; });
    const std::string body = randomBytes(1'000'000);
    f.answerAll("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + body);
    auto client = f.client();
    const std::uint64_t before = f.front->stats().passedBytes;
    client->send(simpleGet);
    f.wait("the other's body", [&] { return client->received.size() > 1'000'000; });
    CHECK(client->received.substr(client->received.find("\r\n\r\n") + 4) == body);
    CHECK(f.front->stats().passedBytes > before);
  }
}

TEST_CASE("where no pipe is left a body is copied", "[integration]") {
  const IgnoresSigpipe ignores;
  ProxyFixture f;
  f.start({.maxPipes = 1});
  const auto stuck = stuckClient(f);
  const std::uint64_t passed = f.front->stats().passedBytes;
  const std::string body = randomBytes(1'000'000);
  f.answerAll("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + body);
  auto client = f.client();
  client->send(simpleGet);
  f.wait("the other's body", [&] { return client->received.size() > 1'000'000; });
  CHECK(client->received.substr(client->received.find("\r\n\r\n") + 4) == body);
  CHECK(f.front->stats().passedBytes == passed);
}

TEST_CASE("no pipe is made of descriptors that are left to others", "[integration]") {
  const IgnoresSigpipe ignores;
  FewDescriptors few(400);
  ProxyFixture f;
  f.start({.spareDescriptors = 200});
  f.answerAll(okAnswer);
  auto client = f.client();
  client->send(simpleGet);
  f.wait("the connections to be there", [&] { return client->received.ends_with("hello"); });
  few.takeBelow(GENERATE(199, 200));  // one end would be left to the front
  const std::string body = randomBytes(1'000'000);
  f.answerAll("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + body);
  const auto ask = [&] {
    client->received.clear();
    client->send(simpleGet);
    f.wait("the body", [&] { return client->received.size() > 1'000'000; });
    CHECK(client->received.substr(client->received.find("\r\n\r\n") + 4) == body);
  };
  ask();
  CHECK(f.front->stats().passedBytes == 0);
  few.taken.clear();
  ask();
  CHECK(f.front->stats().passedBytes > 0);
}

TEST_CASE("an upstream that breaks off a large body is an error to its client", "[integration]") {
  const std::size_t pipes = GENERATE(0U, 64U);
  const IgnoresSigpipe ignores;
  ProxyFixture f;
  f.start({.maxPipes = pipes});
  f.upstream.onBytes = [&](RawPeer& peer) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + std::string(1'000'000, 'x'));
    peer.halfClose();
  };
  auto client = f.client();
  client->send(simpleGet);
  f.wait("the end", [&] { return client->over(); });
  CHECK(client->received.size() < 2'000'000);
  CHECK(f.proxy->counters().brokenAnswers == 1);
}

TEST_CASE("bytes behind the end of a large body reach nobody", "[integration]") {
  const std::size_t pipes = GENERATE(0U, 64U);
  const IgnoresSigpipe ignores;
  ProxyFixture f;
  f.start({.maxPipes = pipes});
  int connections = 0;
  f.upstream.onBytes = [&](RawPeer& peer) {
    if (!contains(peer.received, "\r\n\r\n")) return;
    peer.received.clear();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + std::string(1'000'000, 'x') +
              "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
  };
  f.upstream.onConnection = [&](RawPeer&) { ++connections; };
  auto client = f.client();
  for (int i = 1; i <= 3; ++i) {
    client->received.clear();
    client->send(simpleGet);
    f.wait("a body", [&] { return client->received.size() > 1'000'000; });
    CHECK_FALSE(contains(client->received, "poison"));
    CHECK(client->received.ends_with("xxxx"));
    CHECK(connections == i);  // none was pooled
  }
}

TEST_CASE("a client that takes a large body slowly is no stalled one; one that takes nothing is", "[integration]") {
  const std::size_t pipes = GENERATE(0U, 64U);
  const bool reads = GENERATE(true, false);
  CAPTURE(pipes, reads);
  const IgnoresSigpipe ignores;
  const TempDir folder;
  ProxyFixture f;
  f.options.stallTimeout = 300ms;
  f.under = &f.driven;
  f.start({.maxPipes = pipes});
  // A unix socket holds little, so that what the client takes is soon seen on the other side.
  const auto address = SocketAddress::parse("unix:" + (folder.path() / "socket").string());
  REQUIRE(address);
  REQUIRE(f.front->listen(*address).ok());
  auto socket = connectTo(*address);
  REQUIRE(socket.ok());
  constexpr std::size_t length = 8'000'000;
  f.answerAll("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n" + std::string(length, 's'));
  RawPeer client(f.loop, std::move(*socket));
  // One read, of up to 64 KiB, for each 50 ms.
  client.onBytes = [](RawPeer& peer, std::string_view) { peer.pauseReading(true); };
  client.send(simpleGet);
  f.wait("the head", [&] { return client.total > 0; });
  const Duration took = f.driven.advanceUntil("an end", 50ms, 60s, [&] {
    if (reads) client.pauseReading(false);
    turns(f.loop);
    return f.tokens == 0;
  });
  CHECK((f.proxy->counters().bodiesStalled == 0) == reads);
  CHECK(f.proxy->counters().brokenAnswers == (reads ? 0 : 1));
  if (!reads) {
    CHECK(took >= 300ms);
    CHECK(took <= 400ms);
    return;
  }
  CHECK(took > 3s);
  client.onBytes = nullptr;
  client.pauseReading(false);
  f.wait("the body", [&] { return client.received.size() >= client.received.find("\r\n\r\n") + 4 + length; });
}
