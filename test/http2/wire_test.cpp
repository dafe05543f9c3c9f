// Wire over a pair of sockets: what it holds for a peer that reads slowly.

#include "http2/wire.hpp"

#include <malloc.h>

#include "http/quiet_answer.hpp"
#include "http2/session_fixture.hpp"

namespace spawner::http2 {

TEST_CASE("http2: a wire that always has something to send holds no memory of what was sent", "[integration]") {
  constexpr std::size_t total = 8 * 1024 * 1024, waiting = 256 * 1024;
  const SessionLimits wide{.streamWindow = 2 * total, .connectionWindow = 2 * total};
  testing::Pair pair({}, wide);
  const StreamId id = pair.get();
  pair.settle();
  pair.server.answer(id, {{":status", "200"}}, false);

  Reactor loop;
  auto [sending, reading] = http::testing::socketPair();
  Wire wire(loop, std::move(sending));
  const auto byteAt = [](std::size_t at) { return static_cast<char>(at / 7); };
  const auto heap = [] { return ::mallinfo2().uordblks + ::mallinfo2().hblkhd; };
  std::string piece(16 * 1024, '\0');
  std::vector<char> buffer(4096);
  const std::size_t before = heap();
  std::size_t given = 0, received = 0, most = 0, wrong = 0;
  while (received < total) {
    while (pair.server.unsent(id) < waiting) {
      for (char& byte : piece) byte = byteAt(given++);
      pair.server.send(id, piece);
    }
    wire.writable();
    REQUIRE(wire.flush(pair.server));
    most = std::max(most, heap());
    const IoResult got = readSome(reading.get(), buffer);
    REQUIRE(got.kind == IoResult::Kind::Bytes);
    REQUIRE(pair.client.receive({buffer.data(), got.bytes}, pair.now));
    for (const char byte : std::exchange(pair.atClient.streams[id].data, {})) wrong += byte == byteAt(received++) ? 0U : 1U;
  }
  CHECK(wrong == 0);
  CHECK(most - before < 4 * waiting);  // with sanitizers: always 0
}

}  // namespace spawner::http2
