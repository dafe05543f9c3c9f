#include "session/sidecar_core.hpp"

#include <algorithm>

#include "session/protocol.hpp"

namespace spawner::session {
namespace {

using std::chrono::milliseconds;

/// What a new core starts with: the found record gone on from, or a new session's.
SessionRecord startingRecord(std::optional<SessionRecord> found, const SidecarIdentity& identity, TimePoint now, Duration maxLease) {
  SessionRecord record;
  record.bootId = identity.bootId;
  record.podUid = identity.podUid;
  record.firstStart = now;
  if (!found || found->podUid != identity.podUid) return record;

  record.sweptReason = found->sweptReason;
  record.shutdownRequested = found->shutdownRequested;
  // What was in use when the process died counts as used until now.
  record.used = found->used || (found->inUse && found->ready);
  record.lastUse = now;
  if (found->bootId != identity.bootId) return record;

  const auto notAfter = [](std::optional<TimePoint> time, TimePoint limit) { return time ? std::min(*time, limit) : time; };
  record.firstStart = std::min(found->firstStart, now);
  record.ready = notAfter(found->ready, now);
  record.busyUntil = notAfter(found->busyUntil, now + maxLease);
  if (!found->inUse) record.lastUse = notAfter(found->lastUse, now);
  return record;
}

}  // namespace

SidecarCore::SidecarCore(Loop& loop, SessionMemory memory, SidecarIdentity identity)
    : loop_(loop),
      file_(memory),
      stored_(startingRecord(file_.load(), identity, loop.now(), maxLease)),
      activity_(loop, Activity::Past{stored_.ready, stored_.lastUse, stored_.busyUntil, stored_.used}) {
  if (!stored_.sweptReason.empty()) swept_ = stored_.sweptReason;
  file_.store(stored_);
  activity_.onChange([this] { changed(); });
}

std::optional<SidecarCore::Guard> SidecarCore::admit() {
  if (swept_) return std::nullopt;
  return activity_.begin();
}

SidecarReport SidecarCore::report() const {
  const auto millis = [](Duration d) { return std::chrono::duration_cast<milliseconds>(d); };
  SidecarReport report;
  report.version = protocolVersion;
  report.podUid = stored_.podUid;
  report.ready = activity_.ready();
  report.liveConnections = activity_.live();
  report.busy = activity_.busy();
  report.used = activity_.used();
  if (const auto idle = activity_.idle()) report.idle = millis(*idle);
  report.age = millis(loop_.now() - stored_.firstStart);
  report.sweptReason = swept_;
  report.shutdownRequested = stored_.shutdownRequested;
  return report;
}

SweepAnswer SidecarCore::sweep(const SweepCommand& command, const std::function<bool()>& hasUnreadInput) {
  if (swept_) return {200, report()};
  if (!holds(command, report())) return {409, report()};
  // Looking may itself begin a request, hence the second look at the state.
  if (command.condition == SweepCommand::Condition::Idle && (hasUnreadInput() || !holds(command, report()))) return {409, report()};
  swept_ = command.reason;
  changed();
  return {200, report()};
}

Result<std::chrono::seconds> SidecarCore::setBusy(std::uint64_t seconds) {
  if (seconds < 1 || seconds > static_cast<std::uint64_t>(std::chrono::seconds(maxLease).count()))
    return Error{ErrorKind::InvalidArgument, "busy: seconds must be 1...3600", {}};
  if (swept_) return Error{ErrorKind::Gone, "busy: the session has ended: " + *swept_, {}};
  activity_.extendBusy(std::chrono::seconds(seconds));
  return std::chrono::ceil<std::chrono::seconds>(*busyLeft());
}

std::optional<Duration> SidecarCore::busyLeft() const {
  if (!activity_.busy()) return std::nullopt;
  return *activity_.busyUntil() - loop_.now();
}

void SidecarCore::requestShutdown() {
  if (stored_.shutdownRequested) return;
  stored_.shutdownRequested = true;
  file_.store(stored_);
  changed();
}

void SidecarCore::changed() {
  persist();
  for (const auto& listener : listeners_) listener();
}

void SidecarCore::persist() {
  bool differs = false;
  const auto put = [&differs](auto& field, const auto& value) {
    if (field == value) return;
    field = value;
    differs = true;
  };
  const bool inUse = activity_.live() > 0;
  put(stored_.inUse, inUse);
  put(stored_.ready, activity_.readyAt());
  put(stored_.busyUntil, activity_.busyUntil());
  // While in use neither matters: a crash now counts as used until the restart. So the file is written at 0 <-> n only.
  if (!inUse) {
    put(stored_.lastUse, activity_.lastUse());
    put(stored_.used, activity_.used());
  }
  put(stored_.sweptReason, swept_ ? std::string_view(*swept_) : std::string_view());
  if (differs) file_.store(stored_);
}

}  // namespace spawner::session
