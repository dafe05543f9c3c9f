#include "session/session_file.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <type_traits>

namespace spawner::session {
namespace {

constexpr std::uint64_t magic = 0x3153'5345'5357'5053;  // "SPWSESS1", little-endian: format 1
constexpr std::size_t textSize = 64;                    // a length byte and 63 of text
constexpr std::array<std::size_t, 2> slotOffsets = {0, sessionFileSize / 2};

using Flag = std::uint64_t;
constexpr Flag hasReady = 1, hasLastUse = 2, hasBusyUntil = 4, inUse = 8, used = 16, shutdownRequested = 32;

struct Slot {
  std::uint64_t magic = 0;
  std::uint64_t sequence = 0;  // its parity says which slot it is; the first is 1
  std::uint64_t flags = 0;
  std::int64_t firstStart = 0;
  std::int64_t ready = 0;
  std::int64_t lastUse = 0;
  std::int64_t busyUntil = 0;
  char bootId[textSize] = {};
  char podUid[textSize] = {};
  char sweptReason[textSize] = {};
  std::uint64_t checksum = 0;  // of all the words before it
};
static_assert(sizeof(Slot) == 256 && std::is_trivially_copyable_v<Slot>);

/// Every step is a bijection of the sum, so a change of one word always shows; mixtures of two records show but for one in 2^64.
std::uint64_t checksumOf(const Slot& slot) {
  std::array<std::uint64_t, sizeof(Slot) / 8 - 1> words;
  std::memcpy(words.data(), &slot, sizeof words);
  std::uint64_t sum = 0x9e37'79b9'7f4a'7c15;
  for (const std::uint64_t word : words) {
    sum = (sum ^ word) * 0xff51'afd7'ed55'8ccd;
    sum ^= sum >> 32;
  }
  return sum;
}

void putText(char (&field)[textSize], std::string_view text) {
  const std::size_t length = std::min(text.size(), textSize - 1);
  field[0] = static_cast<char>(length);
  std::memcpy(field + 1, text.data(), length);
}

std::string textOf(const char (&field)[textSize]) { return std::string(field + 1, static_cast<unsigned char>(field[0])); }

std::int64_t countOf(const std::optional<TimePoint>& time) { return time ? time->time_since_epoch().count() : 0; }

std::optional<TimePoint> timeOf(const Slot& slot, Flag flag, std::int64_t count) {
  if ((slot.flags & flag) == 0) return std::nullopt;
  return TimePoint(Duration(count));
}

Slot slotOf(const SessionRecord& record, std::uint64_t sequence) {
  Slot slot;
  slot.magic = magic;
  slot.sequence = sequence;
  const auto flag = [&slot](bool set, Flag bit) { slot.flags |= set ? bit : 0; };
  flag(record.ready.has_value(), hasReady);
  flag(record.lastUse.has_value(), hasLastUse);
  flag(record.busyUntil.has_value(), hasBusyUntil);
  flag(record.inUse, inUse);
  flag(record.used, used);
  flag(record.shutdownRequested, shutdownRequested);
  slot.firstStart = record.firstStart.time_since_epoch().count();
  slot.ready = countOf(record.ready);
  slot.lastUse = countOf(record.lastUse);
  slot.busyUntil = countOf(record.busyUntil);
  putText(slot.bootId, record.bootId);
  putText(slot.podUid, record.podUid);
  putText(slot.sweptReason, record.sweptReason);
  slot.checksum = checksumOf(slot);
  return slot;
}

SessionRecord recordOf(const Slot& slot) {
  SessionRecord record;
  record.bootId = textOf(slot.bootId);
  record.podUid = textOf(slot.podUid);
  record.firstStart = TimePoint(Duration(slot.firstStart));
  record.ready = timeOf(slot, hasReady, slot.ready);
  record.lastUse = timeOf(slot, hasLastUse, slot.lastUse);
  record.busyUntil = timeOf(slot, hasBusyUntil, slot.busyUntil);
  record.inUse = (slot.flags & inUse) != 0;
  record.used = (slot.flags & used) != 0;
  record.shutdownRequested = (slot.flags & shutdownRequested) != 0;
  record.sweptReason = textOf(slot.sweptReason);
  return record;
}

Slot readSlot(SessionMemory memory, std::size_t index) {
  Slot slot;
  std::memcpy(&slot, memory.data() + slotOffsets[index], sizeof slot);
  return slot;
}

bool checksOut(const Slot& slot, std::size_t index) {
  const auto fits = [](const char(&field)[textSize]) { return static_cast<unsigned char>(field[0]) < textSize; };
  return slot.magic == magic && slot.sequence > 0 && slot.sequence % 2 == index && slot.checksum == checksumOf(slot) && fits(slot.bootId) &&
         fits(slot.podUid) && fits(slot.sweptReason);
}

bool blank(const Slot& slot) {
  const Slot none;
  return std::memcmp(&slot, &none, sizeof slot) == 0;
}

/// The index of the newest slot that checks out.
std::optional<std::size_t> newest(const std::array<Slot, 2>& slots) {
  const std::array<bool, 2> good = {checksOut(slots[0], 0), checksOut(slots[1], 1)};
  if (good[0] && good[1]) return slots[0].sequence > slots[1].sequence ? 0 : 1;
  if (good[0]) return 0;
  if (good[1]) return 1;
  return std::nullopt;
}

}  // namespace

SessionFile::SessionFile(SessionMemory memory) : memory_(memory) {
  const std::array<Slot, 2> slots = {readSlot(memory_, 0), readSlot(memory_, 1)};
  if (const auto index = newest(slots)) sequence_ = slots[*index].sequence;
}

std::optional<SessionRecord> SessionFile::load() const {
  const std::array<Slot, 2> slots = {readSlot(memory_, 0), readSlot(memory_, 1)};
  const auto index = newest(slots);
  if (!index) return std::nullopt;
  SessionRecord record = recordOf(slots[*index]);
  const Slot& other = slots[1 - *index];
  const bool firstRecord = slots[*index].sequence == 1 && blank(other);
  if (!firstRecord && !checksOut(other, 1 - *index)) record.inUse = true;
  return record;
}

void SessionFile::store(const SessionRecord& record) {
  const Slot slot = slotOf(record, ++sequence_);
  // Two stores must not mingle: the process may be killed between any two instructions.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  std::memcpy(memory_.data() + slotOffsets[sequence_ % 2], &slot, sizeof slot);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

}  // namespace spawner::session
