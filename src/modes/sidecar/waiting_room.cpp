#include "modes/sidecar/waiting_room.hpp"

namespace spawner::sidecar {

void WaitingRoom::add(std::unique_ptr<http::Exchange> exchange) {
  if (waiters_.size() >= capacity_ || wait_ <= Duration::zero()) {
    ++refused_.tooMany;
    return tooLate_(std::move(exchange));
  }
  const auto waiter = std::make_shared<Waiter>(Waiter{std::move(exchange), loop_.now() + wait_});
  waiters_.push_back(waiter);
  waiter->exchange->onGone([this, weak = std::weak_ptr(waiter)] {
    const auto gone = weak.lock();
    if (!gone || !gone->exchange) return;
    waiters_.remove(gone);
    gone->exchange.reset();
  });
  if (!timer_.active()) arm();
}

void WaitingRoom::release(const Use& use) {
  const auto all = std::exchange(waiters_, {});
  timer_.cancel();
  for (const auto& waiter : all)
    if (waiter->exchange) use(std::move(waiter->exchange));
}

void WaitingRoom::expire() {
  while (!waiters_.empty() && waiters_.front()->until <= loop_.now()) {
    const auto waiter = waiters_.front();
    waiters_.pop_front();
    ++refused_.tooLong;
    tooLate_(std::move(waiter->exchange));
  }
  if (!waiters_.empty()) arm();
}

void WaitingRoom::arm() {
  timer_ = loop_.after(waiters_.front()->until - loop_.now(), [this] { expire(); });
}

}  // namespace spawner::sidecar
