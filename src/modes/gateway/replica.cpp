#include "modes/gateway/replica.hpp"

#include <utility>

namespace spawner::gateway {

namespace {

/// The same slab with a count of owners of its own: requests on different loops that take and leave one session's pointer would else write
/// to one cache line by turns.
role::SlabPtr ownCount(const role::SlabPtr& slab) { return {std::make_shared<role::SlabPtr>(slab), slab.get()}; }

}  // namespace

role::SlabPtr Replica::find(const std::string& name) const {
  const auto it = known_.find(name);
  return it == known_.end() ? nullptr : it->second;
}

void Replica::apply(const Change& change) {
  if (change.known)
    known_[change.name] = ownCount(change.known);
  else
    known_.erase(change.name);
}

Pending Replica::lookup(const std::string& name, role::Sessions::Found found) {
  const std::uint64_t id = nextWaiter_++;
  Waiter& waiter = waiters_[id];
  waiter.found = std::move(found);
  if (const auto asked = asked_.find(name); asked != asked_.end()) {
    asked->second.push_back(id);
  } else if (asked_.size() >= maxAsked_) {
    waiter.now = loop_.after(Duration::zero(), [this, id] {
      answer(id, Error{ErrorKind::Limit, "too many look-ups of unknown names", std::chrono::seconds(1)});
    });
  } else {
    asked_[name].push_back(id);
    ask_(name);
  }
  return Pending([this, id, name, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired()) return;
    waiters_.erase(id);
    if (const auto asked = asked_.find(name); asked != asked_.end()) std::erase(asked->second, id);
  });
}

void Replica::answered(const std::string& name, const Result<role::SlabPtr>& slab) {
  const auto node = asked_.extract(name);
  if (node.empty()) return;
  for (const std::uint64_t waiter : node.mapped()) answer(waiter, slab);
}

void Replica::answer(std::uint64_t waiter, Result<role::SlabPtr> slab) {
  auto node = waiters_.extract(waiter);
  if (!node.empty()) node.mapped().found(std::move(slab));
}

}  // namespace spawner::gateway
