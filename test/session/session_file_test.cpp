#include "session/session_file.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cstring>

#include "base/crypto.hpp"

using namespace std::chrono_literals;
using spawner::TimePoint;
using spawner::session::SessionFile;
using spawner::session::sessionFileSize;
using spawner::session::SessionMemory;
using spawner::session::SessionRecord;

namespace {

using Memory = std::array<std::byte, sessionFileSize>;

SessionRecord record(int n) {
  SessionRecord record;
  record.bootId = "11111111-2222-3333-4444-555555555555";
  record.podUid = "aaaaaaaa-bbbb-cccc-dddd-" + std::to_string(100'000'000'000 + n);
  record.firstStart = TimePoint(100s);
  record.ready = TimePoint(std::chrono::seconds(101 + n));
  if (n % 2 == 0) record.lastUse = TimePoint(std::chrono::milliseconds(102'000 + n));
  if (n % 3 == 0) record.busyUntil = TimePoint(999s);
  record.inUse = n % 2 == 1;
  record.used = n > 1;
  record.shutdownRequested = n % 5 == 4;
  if (n % 4 == 3) record.sweptReason = "MaxLifetime";
  return record;
}

/// What may be read after the newest of two records was damaged: itself, or the older one that then counts as in use.
bool allowed(const std::optional<SessionRecord>& got, const SessionRecord& newest, SessionRecord older) {
  older.inUse = true;
  SessionRecord careful = newest;
  careful.inUse = true;
  return got && (*got == newest || *got == older || *got == careful);
}

}  // namespace

TEST_CASE("session file: blank, garbage and other formats are no record", "[session]") {
  Memory memory{};
  CHECK_FALSE(SessionFile(memory).load());
  memory.fill(std::byte{0xff});
  CHECK_FALSE(SessionFile(memory).load());
  const auto random = spawner::seededRandom(7);
  for (int i = 0; i < 1000; ++i) {
    random->fill({reinterpret_cast<std::uint8_t*>(memory.data()), memory.size()});
    REQUIRE_FALSE(SessionFile(memory).load());
  }
  // It can be written to nevertheless.
  SessionFile(memory).store(record(2));
  const auto got = SessionFile(memory).load();
  REQUIRE(got);
  CHECK(got->inUse);  // garbage beside it: what was there is unknown
  SessionFile(memory).store(record(2));
  CHECK(SessionFile(memory).load() == record(2));
}

TEST_CASE("session file: gives the newest record, over many writers", "[session]") {
  Memory memory{};
  for (int n = 0; n < 50; ++n) {
    SessionFile file(memory);
    file.store(record(n));
    REQUIRE(file.load() == record(n));
    REQUIRE(SessionFile(memory).load() == record(n));
  }
}

TEST_CASE("session file: texts that are too long are cut, never overrun", "[session]") {
  Memory memory{};
  SessionRecord long1 = record(3);
  long1.podUid = std::string(500, 'p');
  long1.sweptReason = std::string(63, 'r');
  SessionFile(memory).store(long1);
  const auto got = SessionFile(memory).load();
  REQUIRE(got);
  CHECK(got->podUid == std::string(63, 'p'));
  CHECK(got->sweptReason == std::string(63, 'r'));
}

TEST_CASE("session file: a crash at any byte of a write leaves the old record or the new one", "[session]") {
  for (int n = 0; n < 8; ++n) {
    Memory memory{};
    SessionFile file(memory);
    for (int i = 0; i <= n; ++i) file.store(record(i));
    const Memory before = memory;
    file.store(record(n + 1));
    const Memory after = memory;
    for (std::size_t written = 0; written <= sessionFileSize; ++written) {
      Memory forwards = before, backwards = after;
      std::memcpy(forwards.data(), after.data(), written);
      std::memcpy(backwards.data(), before.data(), written);  // the later bytes reached memory first
      REQUIRE((allowed(SessionFile(forwards).load(), record(n + 1), record(n)) || SessionFile(forwards).load() == record(n)));
      REQUIRE((allowed(SessionFile(backwards).load(), record(n + 1), record(n)) || SessionFile(backwards).load() == record(n)));
      // And the next sidecar can write: twice, so that both slots are whole again.
      SessionFile next(forwards);
      next.store(record(n + 2));
      next.store(record(n + 2));
      REQUIRE(SessionFile(forwards).load() == record(n + 2));
    }
  }
}

TEST_CASE("session file: any mixture of words of two writes is the old record or the new one", "[session]") {
  const auto random = spawner::seededRandom(3);
  Memory memory{};
  SessionFile file(memory);
  file.store(record(1));
  file.store(record(2));
  const Memory before = memory;
  file.store(record(3));
  const Memory after = memory;
  for (int i = 0; i < 3000; ++i) {
    Memory mixed = before;
    const auto share = random->below(64);
    for (std::size_t at = 0; at < mixed.size(); ++at)
      if (random->below(64) < share) mixed[at] = after[at];
    const auto got = SessionFile(mixed).load();
    REQUIRE((allowed(got, record(3), record(2)) || got == record(2)));
  }
}

TEST_CASE("session file: each byte flipped in each way it can be is never a third record", "[session]") {
  Memory memory{};
  SessionFile file(memory);
  file.store(record(2));
  SECTION("with one record in it") {
    for (std::size_t at = 0; at < sessionFileSize; ++at) {
      for (int bits = 1; bits < 256; bits += at % 2048 < 256 ? 1 : 85) {
        Memory flipped = memory;
        flipped[at] ^= std::byte(bits);
        const auto got = SessionFile(flipped).load();
        SessionRecord careful = record(2);
        careful.inUse = true;
        REQUIRE((!got || *got == record(2) || *got == careful));
      }
    }
  }
  SECTION("with two") {
    file.store(record(3));
    for (std::size_t at = 0; at < sessionFileSize; ++at) {
      for (int bits = 1; bits < 256; bits += bits < 4 ? 1 : 36) {
        Memory flipped = memory;
        flipped[at] ^= std::byte(bits);
        REQUIRE(allowed(SessionFile(flipped).load(), record(3), record(2)));
      }
    }
  }
}

TEST_CASE("session file: a damaged newest record is not taken for an idle session", "[session]") {
  Memory memory{};
  SessionFile file(memory);
  SessionRecord idle = record(2);
  idle.inUse = false;
  file.store(idle);
  SessionRecord used = idle;
  used.inUse = true;
  file.store(used);
  for (std::size_t at = 0; at < sessionFileSize; ++at) {
    Memory flipped = memory;
    flipped[at] ^= std::byte{1};
    const auto got = SessionFile(flipped).load();
    REQUIRE(got);
    REQUIRE(got->inUse);
  }
}
