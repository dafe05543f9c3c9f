// What waits for a slow reader costs the memory of what waits, however much went out before.

#include <malloc.h>

#include "http/quiet_answer.hpp"

using namespace spawner;
using namespace spawner::http;
using namespace spawner::http::testing;

TEST_CASE("An answer that never waits for its reader holds no memory of what was sent", "[integration]") {
  QuietAnswer answer;
  constexpr std::size_t total = 8 * 1024 * 1024, waiting = 512 * 1024;  // more waits than the socket takes at once: there is always some
  const auto byteAt = [](std::size_t at) { return static_cast<char>(at / 7); };
  const auto heap = [] { return ::mallinfo2().uordblks + ::mallinfo2().hblkhd; };
  std::string piece(16 * 1024, '\0');
  std::vector<char> buffer(4096);
  while (readSome(answer.client.get(), buffer).kind == IoResult::Kind::Bytes) {}  // the head
  const std::size_t before = heap();
  std::size_t given = 0, received = 0, most = 0, wrong = 0;
  const auto progress = [&] {
    while (answer.connection->unsent() < waiting) {
      for (char& byte : piece) byte = byteAt(given++);
      answer.exchange->sendBody(piece);
    }
    most = std::max(most, heap());
    for (;;) {
      const IoResult got = readSome(answer.client.get(), buffer);
      if (got.kind != IoResult::Kind::Bytes) break;
      for (std::size_t i = 0; i < got.bytes; ++i) wrong += buffer[i] == byteAt(received++) ? 0U : 1U;
    }
    return received >= total;
  };
  test::waitFor(answer.loop, "many bytes", progress);
  CHECK(wrong == 0);
  CHECK(most - before < 4 * waiting);  // with sanitizers: always 0
}
