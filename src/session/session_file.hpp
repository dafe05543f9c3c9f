#pragma once
// SessionFile: the 4 KiB of mapped memory in which a session outlives its sidecar's process. Two slots, written in turn, each with a
// sequence number and a checksum: a crash at any byte leaves the other slot whole. No system call an update. Mapping the file is the
// sidecar role's.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "spawner/time.hpp"

namespace spawner::session {

inline constexpr std::size_t sessionFileSize = 4096;
using SessionMemory = std::span<std::byte, sessionFileSize>;

/// What survives. Times are of the monotonic clock of the boot that bootId names; they mean nothing in another.
struct SessionRecord {
  std::string bootId;  // at most 63 bytes, as podUid and sweptReason
  std::string podUid;
  TimePoint firstStart{};
  std::optional<TimePoint> ready;
  std::optional<TimePoint> lastUse;
  std::optional<TimePoint> busyUntil;
  bool inUse = false;  // a guard is alive
  bool used = false;
  bool shutdownRequested = false;
  std::string sweptReason;  // empty: not swept

  bool operator==(const SessionRecord&) const = default;
};

/// Owner: SidecarCore. The memory outlives it. Thread: one writer.
class SessionFile {
 public:
  explicit SessionFile(SessionMemory memory);

  /// The newest record that checks out; nothing when there is none (a blank file, garbage, another version). When the slot that should be
  /// the newest does not check out, the older one is given with inUse set: what was being written is unknown, and might have been a use.
  [[nodiscard]] std::optional<SessionRecord> load() const;
  /// Writes the slot that is not the newest. Texts longer than 63 bytes are cut.
  void store(const SessionRecord& record);

 private:
  SessionMemory memory_;
  std::uint64_t sequence_ = 0;  // of the newest slot
};

}  // namespace spawner::session
