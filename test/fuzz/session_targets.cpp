// What a sidecar reads: its session file, commands with their signatures, and what a sweeper reads of it.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string>

#include "base/crypto.hpp"
#include "fuzz/targets.hpp"
#include "session/commands.hpp"
#include "session/protocol.hpp"
#include "session/session_file.hpp"
#include "session/signature.hpp"

namespace spawner::fuzz {

using namespace session;

void sessionFile(std::string_view bytes) {
  std::array<std::byte, sessionFileSize> memory{};
  std::memcpy(memory.data(), bytes.data(), std::min(bytes.size(), memory.size()));
  SessionFile file{SessionMemory(memory)};
  const std::optional<SessionRecord> found = file.load();
  SessionRecord record = found.value_or(SessionRecord{});
  record.used = !record.used;
  file.store(record);
  file.store(record);  // in both slots: what the memory held before no longer makes the last use doubtful
  const std::optional<SessionRecord> stored = SessionFile(SessionMemory(memory)).load();
  expect(stored.has_value(), "what was stored is found, whatever the memory held before");
  expect(*stored == record, "what was stored is what is found");
}

void signedCommand(std::string_view bytes) {
  static const Ed25519Key key = Ed25519Key::fromSeed({1, 2, 3});
  static const Verifier verifier = *Verifier::make({adminKeyArgument(key.publicKey())}, "pod-uid");
  // The first line is the header's value, the rest the body.
  const std::size_t end = std::min(bytes.find('\n'), bytes.size());
  const std::string_view header = bytes.substr(0, end), body = bytes.substr(std::min(end + 1, bytes.size()));
  if (verifier.verify(header, "POST", sweepPath, body).ok())
    expect(header == authorize(key, "pod-uid", "POST", sweepPath, body), "only what the key signed verifies");
  const Result<SweepCommand> command = decodeSweep(body);
  if (!command) return;
  const Result<SweepCommand> again = decodeSweep(encodeSweep(*command));
  expect(again.ok() && *again == *command, "a command that is written again is the same command");
}

void sidecarReport(std::string_view bytes) {
  const Result<SidecarReport> report = decodeReport(bytes);
  if (!report) return;
  const Result<SidecarReport> again = decodeReport(encodeReport(*report));
  expect(again.ok(), "a report that was read can be written and read again");
  expect(again->ready == report->ready && again->podUid == report->podUid && again->liveConnections == report->liveConnections &&
             again->sweptReason == report->sweptReason,
         "a report that is written again says the same");
  expect(!(report->idle && report->liveConnections > 0), "nothing in use is idle");
}

}  // namespace spawner::fuzz
