#include "k8s/leader_elector.hpp"

#include <algorithm>
#include <utility>

#include "k8s/resources.hpp"

namespace spawner::k8s {
namespace {

constexpr int maxWrites = 2;  // in one attempt: the second, when the first met a Lease that was not the one that was known

}  // namespace

LeaderElector::LeaderElector(Loop& loop, Transport& transport, Random& random, ElectorOptions options, Logger log,
                             std::function<void()> changed)
    : loop_(loop),
      random_(random),
      options_(std::move(options)),
      log_(std::move(log)),
      changed_(std::move(changed)),
      // Two tries fit in before the deadline, however slow.
      client_(transport, options_.renewDeadline / 2) {}

void LeaderElector::schedule(Duration delay) {
  next_ = loop_.after(delay, [this] { attempt(); });
}

/// One look at the Lease, and a write where it is this one's turn. The leader writes first: a renewal is one request.
void LeaderElector::attempt() {
  trying_ = true;
  writes_ = 0;
  refused_ = false;
  loseIfLate();
  if (exists_ && isMine()) return write();
  if (stopped_) return finishStop();
  read();
}

void LeaderElector::read() {
  read_ = client_.get(leases, options_.ns, options_.name, [this](const Answer& answer) { gotLease(answer); });
}

void LeaderElector::gotLease(const Answer& answer) {
  loseIfLate();
  if (answer) {
    Result<Lease> lease = decodeLease(*answer);
    if (!lease) {
      failed("read the Lease", lease.error());
      return endAttempt(pause());
    }
    observe(std::move(*lease));
  } else if (answer.error().kind == ErrorKind::NotFound) {
    // Deleted by somebody. Whoever led may have renewed it meanwhile, unseen, and does not know yet: that takes time as any change does.
    if (std::exchange(exists_, false)) changedAt_ = loop_.now();
  } else {
    failed("read the Lease", answer.error());
    return endAttempt(pause());
  }
  if (stopped_ ? exists_ && isMine() : free()) {
    if (writes_ < maxWrites) return write();
    return endAttempt(pause());
  }
  lastError_.clear();
  endAttempt(pause());
}

void LeaderElector::observe(Lease lease) {
  const bool other = !seen_ || seen_->resourceVersion != lease.resourceVersion;
  const bool tells = !seen_ || seen_->holder != lease.holder || seen_->transitions != lease.transitions;
  if (other) changedAt_ = loop_.now();
  if (tells) log_.info("leader seen", {{"lease", options_.name}, {"holder", lease.holder}, {"transitions", lease.transitions}});
  seen_ = std::move(lease);
  exists_ = true;
  if (leading_ && !isMine()) return lose("the Lease names another holder");
  if (tells && !stopped_) changed_();
}

/// Nobody else can be leading: never held as far as was seen, ours, given up, or unchanged for its whole duration.
bool LeaderElector::free() const {
  if (!seen_ || leading_) return true;
  if (exists_ && (isMine() || seen_->released())) return true;
  const Duration duration = std::clamp<Duration>(seen_->duration, options_.leaseDuration, maxLeaseDuration);
  return loop_.now() >= changedAt_ + duration;
}

void LeaderElector::write() {
  ++writes_;
  const bool release = static_cast<bool>(stopped_);
  const auto done = [this, release, sentAt = loop_.now()](const Answer& answer) { written(sentAt, release, answer); };
  const WallTime now = loop_.wallNow();
  if (!exists_) {
    write_ =
        client_.create(leases, options_.ns, newLease(options_.ns, options_.name, options_.identity, options_.leaseDuration, now), done);
    return;
  }
  write_ = client_.replace(leases, options_.ns, options_.name,
                           release ? releasedLease(*seen_, now) : heldLease(*seen_, options_.identity, options_.leaseDuration, now), done);
}

void LeaderElector::written(TimePoint sentAt, bool release, const Answer& answer) {
  loseIfLate();
  if (answer) {
    Result<Lease> lease = decodeLease(*answer);
    if (!lease) {
      failed("read the Lease as written", lease.error());
      exists_ = false;  // its version is not known: read it
      return endAttempt(pause());
    }
    lastError_.clear();
    observe(std::move(*lease));
    if (release) log_.info("leadership released", {{"lease", options_.name}});
    if (!release && isMine() && !stopped_) lead(sentAt);
    return endAttempt(!release && stopped_ ? Duration::zero() : pause());
  }
  switch (answer.error().kind) {
    // What is known of it is old. What made it old may be our own write, whose answer was lost.
    case ErrorKind::AlreadyExists:
      exists_ = seen_.has_value();  // should it be gone again when it is read, that was a change
      return read();
    case ErrorKind::Conflict: return read();
    case ErrorKind::NotFound:
    case ErrorKind::Invalid: failed("write the Lease", answer.error()); return read();
    default: failed("write the Lease", answer.error()); return endAttempt(pause());
  }
}

void LeaderElector::endAttempt(Duration pause) {
  trying_ = false;
  if (stopped_ && (!isMine() || refused_)) return finishStop();
  schedule(pause);
}

Duration LeaderElector::pause() {
  return options_.retryPeriod - options_.retryPeriod / 4 * static_cast<std::int64_t>(random_.below(1000)) / 1000;
}

void LeaderElector::lead(TimePoint sentAt) {
  leadsUntil_ = sentAt + options_.renewDeadline;
  if (loop_.now() >= leadsUntil_) return;  // so slow an answer is worth nothing; loseIfLate() has seen to the rest
  deadline_ = loop_.after(leadsUntil_ - loop_.now(), [this] { loseIfLate(); });
  if (std::exchange(leading_, true)) return;
  log_.info("leads now", {{"lease", options_.name}, {"identity", options_.identity}, {"transitions", transitions()}});
  changed_();
}

/// A deadline that passed counts, even where its timer comes a moment later than what brings new leadership.
void LeaderElector::loseIfLate() {
  if (leading_ && loop_.now() >= leadsUntil_) lose("the Lease could not be renewed in time");
}

void LeaderElector::lose(std::string_view why) {
  leading_ = false;
  deadline_.cancel();
  log_.error("leads no more, and does nothing until it leads again", {{"lease", options_.name}, {"why", why}, {"last_error", lastError_}});
  if (!stopped_) changed_();
}

void LeaderElector::stop(Task done) {
  stopped_ = std::move(done);
  leading_ = false;
  deadline_.cancel();
  stopDeadline_ = loop_.after(options_.renewDeadline, [this] {
    log_.warn("the Lease could not be released: another leads when it has run out", {{"lease", options_.name}, {"last_error", lastError_}});
    read_.reset();
    write_.reset();
    finishStop();
  });
  // What is under way may be a write of ours: its end is waited for.
  if (!trying_) schedule(Duration::zero());
}

void LeaderElector::finishStop() {
  if (!stopped_) return;
  for (Timer* timer : {&next_, &stopDeadline_}) timer->cancel();
  stopDeadline_ = loop_.after(Duration::zero(), [done = std::exchange(stopped_, nullptr)]() mutable { done(); });
}

/// One line for each new failure, not one for each try.
void LeaderElector::failed(std::string_view what, const Error& error) {
  refused_ = error.kind == ErrorKind::Forbidden || error.kind == ErrorKind::Unauthorized;
  if (std::exchange(lastError_, error.message) == error.message) return;
  log_.warn("leader election cannot go on",
            {{"cannot", what}, {"error", error}, {"retry_ms", options_.retryPeriod / std::chrono::milliseconds(1)}});
}

}  // namespace spawner::k8s
