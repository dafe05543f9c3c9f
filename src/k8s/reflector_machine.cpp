#include "k8s/reflector_machine.hpp"

#include <algorithm>
#include <utility>

namespace spawner::k8s {
namespace {

/// A watch that lived so long was none that fails at once.
constexpr Duration wellAfter = std::chrono::seconds(5);

}  // namespace

ReflectorMachine::Ask ReflectorMachine::ask() const {
  switch (state_) {
    case State::Empty: return Ask::FirstPage;
    case State::Listing: return continueToken_.empty() ? Ask::FirstPage : Ask::NextPage;
    case State::Watching: return Ask::Watch;
  }
  return Ask::FirstPage;
}

ReflectorMachine::Step ReflectorMachine::pageRead(std::string continueToken) {
  continueToken_ = std::move(continueToken);
  state_ = continueToken_.empty() ? State::Watching : State::Listing;
  return {ask()};
}

void ReflectorMachine::watchOpened(TimePoint now) {
  open_ = true;
  told_ = false;
  openedAt_ = now;
}

void ReflectorMachine::progressed() {
  told_ = true;
  backoff_.reset();
}

bool ReflectorMachine::closeWatch(TimePoint now) {
  const bool well = std::exchange(open_, false) && (told_ || now - openedAt_ >= wellAfter);
  if (well) backoff_.reset();
  return well;
}

ReflectorMachine::Step ReflectorMachine::watchEnded(TimePoint now) {
  return {Ask::Watch, closeWatch(now) ? Duration::zero() : backoff_.next(random_)};
}

ReflectorMachine::Step ReflectorMachine::failed(const Error& error, TimePoint now) {
  closeWatch(now);
  const bool lost = error.kind == ErrorKind::Gone || error.kind == ErrorKind::Protocol || error.kind == ErrorKind::Limit;
  if (lost) state_ = State::Empty;
  // The first 410 after a working watch is the ordinary course of things.
  const bool atOnce = error.kind == ErrorKind::Gone && backoff_.tries() == 0;
  const Duration delay = backoff_.next(random_, error.retryAfter);
  const bool asked = error.retryAfter.value_or(Duration::zero()) > Duration::zero();
  return {ask(), atOnce && !asked ? Duration::zero() : delay};
}

}  // namespace spawner::k8s
