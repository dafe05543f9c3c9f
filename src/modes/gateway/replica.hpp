#pragma once
// Replica: a lane's own copy of what role::Sessions knows, on another loop, kept by immutable news of what changed there. What it does not
// know it asks for, once for all requests that wait for the same name.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "modes/gateway/directory.hpp"
#include "spawner/loop.hpp"

namespace spawner::gateway {

/// News of one session.
struct Change {
  std::string name;
  role::SlabPtr told;   // as Sessions::OnChange tells it; null: nothing was told, an end was forgotten
  role::SlabPtr known;  // what Sessions::find() gives afterwards; null: nothing
};
using Changes = std::shared_ptr<const std::vector<Change>>;

/// Owner: its lane's thread. Thread: that one.
class Replica final : public Directory {
 public:
  using Ask = std::function<void(const std::string& name)>;

  /// maxAsked: names that are asked for at once; beyond: Limit. `ask` brings the name to the loop of the sessions, which answers each by
  /// answered().
  Replica(Loop& loop, std::size_t maxAsked, Ask ask) : loop_(loop), maxAsked_(maxAsked), ask_(std::move(ask)) {}

  [[nodiscard]] role::SlabPtr find(const std::string& name) const override;
  [[nodiscard]] Pending lookup(const std::string& name, role::Sessions::Found found) override;

  void apply(const Change& change);
  void answered(const std::string& name, const Result<role::SlabPtr>& slab);
  [[nodiscard]] std::size_t size() const { return known_.size(); }

 private:
  struct Waiter {
    role::Sessions::Found found;
    Timer now;  // refused without asking
  };
  void answer(std::uint64_t waiter, Result<role::SlabPtr> slab);

  Loop& loop_;
  const std::size_t maxAsked_;
  const Ask ask_;
  std::unordered_map<std::string, role::SlabPtr> known_;
  std::unordered_map<std::string, std::vector<std::uint64_t>> asked_;  // who waits for it; none any more: the answer still comes
  std::map<std::uint64_t, Waiter> waiters_;
  std::uint64_t nextWaiter_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // watched by the Pendings
};

}  // namespace spawner::gateway
