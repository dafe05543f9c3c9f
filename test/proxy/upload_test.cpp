// Bodies in very small chunks on their way to the upstream: nothing is lost or changes its place, and they cost few writes.

#include "base/crypto.hpp"
#include "http/body.hpp"
#include "proxy/proxy_fixture.hpp"
#include "support/temp_dir.hpp"

using namespace spawner;
using namespace spawner::test;

namespace {

/// The body of a chunked message; what is malformed or goes on behind its end fails the test.
std::string unchunked(std::string_view bytes) {
  http::BodyDecoder decoder(http::Framing::Chunked, 0);
  std::string body;
  while (!decoder.done()) {
    const http::BodyStep step = decoder.next(bytes);
    REQUIRE(step.status != http::BodyStep::Status::Malformed);
    REQUIRE(step.consumed + step.data.size() > 0);
    bytes.remove_prefix(step.consumed);
    body += step.data;
  }
  CHECK(bytes.empty());
  return body;
}

std::string randomBytes(std::size_t size) {
  std::string bytes(size, '\0');
  auto random = seededRandom(11);
  random->fill({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
  return bytes;
}

}  // namespace

// A unix socket charges each write hundreds of bytes, so that one that nobody reads takes less than a byte each of these chunks, written
// one by one.
TEST_CASE("chunks of one byte that come together go on together", "[integration]") {
  const TempDir folder;
  const auto address = SocketAddress::parse("unix:" + (folder.path() / "socket").string());
  REQUIRE(address);
  ProxyFixture f;
  f.start();
  f.target.address = *address;
  RawServer upstream(f.loop, std::move(*listenOn(*address)));
  upstream.onConnection = [](RawPeer& peer) { peer.pauseReading(true); };
  constexpr std::size_t chunks = 10'000;
  const std::string body = randomBytes(chunks);
  std::string request = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const char byte : body) request.append("1\r\n").append(1, byte).append("\r\n");
  auto client = f.client();
  client->send(request + "0\r\n\r\n");
  f.wait("all of the body to be taken", [&] { return f.proxy->counters().bytesToUpstream == chunks; });
  f.wait("the connection", [&] { return !upstream.peers.empty(); });
  upstream.last().pauseReading(false);
  f.wait("the end", [&] { return upstream.last().received.ends_with("\r\n0\r\n\r\n"); });
  CHECK(unchunked(std::string_view(upstream.last().received).substr(upstream.last().received.find("\r\n\r\n") + 4)) == body);
  upstream.last().send(okAnswer);
  f.waitText(*client, "hello");
}

TEST_CASE("chunks of all sizes keep their order, with pauses between and an upstream that is slow", "[integration]") {
  const bool slow = GENERATE(false, true);
  CAPTURE(slow);
  ProxyFixture f;
  f.start();
  f.upstream.onConnection = [slow](RawPeer& peer) { peer.pauseReading(slow); };
  const std::string body = randomBytes(6'000'000);
  auto client = f.client();
  client->send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::array<std::size_t, 9> sizes = {1, 7, 100, 8191, 1, 8192, 1, 60'000, 3};
  for (std::size_t at = 0, i = 0; at < body.size(); ++i) {
    const std::size_t size = std::min(sizes[i % sizes.size()], body.size() - at);
    std::string chunk;
    http::appendChunkHead(chunk, size);
    client->send(chunk.append(body, at, size).append(http::chunkTail));
    at += size;
    if (i % 4 == 0) turns(f.loop, 1);
  }
  client->send(http::lastChunk);
  f.wait("a connection", [&] { return !f.upstream.peers.empty(); });
  RawPeer& upstream = f.upstream.last();
  if (slow) CHECK(f.proxy->counters().bytesToUpstream < body.size());  // held back
  upstream.pauseReading(false);
  f.wait("the end", [&] { return upstream.received.ends_with("\r\n0\r\n\r\n"); });
  CHECK(sha256Hex(unchunked(std::string_view(upstream.received).substr(upstream.received.find("\r\n\r\n") + 4))) == sha256Hex(body));
  upstream.send(okAnswer);
  f.waitText(*client, "hello");
}

TEST_CASE("an until-close answer that is reset while an upload waits is broken off", "[integration]") {
  ProxyFixture f;
  f.start();
  f.upstream.onConnection = [](RawPeer& peer) { peer.pauseReading(true); };
  auto client = f.client();
  client->send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n" + std::string(32 * 1024 * 1024, 'x'));
  f.wait("a connection", [&] { return !f.upstream.peers.empty(); });
  f.upstream.last().send("HTTP/1.1 200 OK\r\n\r\npart");
  f.waitText(*client, "part");
  // Until the kernel's buffers are full: the proxy then waits to write, and its write is the first to hear of the reset.
  std::uint64_t before = 0;
  do {
    before = f.proxy->counters().bytesToUpstream;
    turns(f.loop, 20);
  } while (f.proxy->counters().bytesToUpstream != before);
  REQUIRE(client->unsent() > 0);
  f.upstream.last().reset();
  f.wait("the client's connection to end", [&] { return client->over(); });
  CHECK_FALSE(contains(client->received, "\r\n0\r\n\r\n"));
  CHECK(f.proxy->counters().brokenAnswers == 1);
}
