#include "session/activity.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace spawner::session {

Activity::Guard& Activity::Guard::operator=(Guard&& other) noexcept {
  if (this != &other) {
    end();
    activity_ = std::move(other.activity_);
  }
  return *this;
}

void Activity::Guard::end() {
  if (const auto activity = std::exchange(activity_, {}).lock()) (*activity)->finish(true);
}

void Activity::Guard::ignore() {
  if (const auto activity = std::exchange(activity_, {}).lock()) (*activity)->finish(false);
}

Activity::Activity(Loop& loop, Past past)
    : loop_(loop),
      used_(past.used),
      ready_(past.ready),
      lastUse_(past.lastUse),
      busyUntil_(past.busyUntil),
      self_(std::make_shared<Activity*>(this)) {
  armLease();
}

Activity::Guard Activity::begin() {
  ++live_;
  changed();
  return Guard(self_);
}

void Activity::finish(bool counts) {
  assert(live_ > 0);
  --live_;
  if (counts) {
    lastUse_ = loop_.now();
    used_ = used_ || ready_.has_value();
  }
  changed();
}

void Activity::setReady() {
  if (ready_) return;
  ready_ = loop_.now();
  changed();
}

void Activity::extendBusy(Duration length) {
  assert(length > Duration::zero());
  const TimePoint until = loop_.now() + length;
  if (busyUntil_ && *busyUntil_ >= until) return;
  busyUntil_ = until;
  armLease();
  changed();
}

void Activity::endBusy() {
  if (!busy()) return;
  busyUntil_ = loop_.now();
  leaseTimer_.cancel();
  changed();
}

void Activity::armLease() {
  // The timer only tells listeners; busy() itself compares times, so a late timer makes nothing wrong.
  if (busy()) leaseTimer_ = loop_.after(*busyUntil_ - loop_.now(), [this] { changed(); });
}

void Activity::changed() {
  if (onChange_) onChange_();
}

bool Activity::busy() const { return busyUntil_ && loop_.now() < *busyUntil_; }

bool Activity::used() const { return used_ || (ready_ && (live_ > 0 || (busyUntil_ && *busyUntil_ > *ready_))); }

std::optional<Duration> Activity::idle() const {
  if (!ready_ || inUse()) return std::nullopt;
  TimePoint since = *ready_;
  if (lastUse_) since = std::max(since, *lastUse_);
  if (busyUntil_) since = std::max(since, *busyUntil_);
  return std::max(Duration::zero(), loop_.now() - since);
}

}  // namespace spawner::session
