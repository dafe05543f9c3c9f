#pragma once
// WaitingCalls: the calls that wait for Kubernetes, bounded, each with the work under way for it. A client that goes away takes both with
// it.

#include <cstdint>
#include <map>
#include <memory>

#include "http/call.hpp"
#include "spawner/pending.hpp"

namespace spawner::api {

/// Owner: Api. Thread: the loop's.
class WaitingCalls {
 public:
  explicit WaitingCalls(std::size_t max) : max_(max) {}
  [[nodiscard]] bool full() const { return calls_.size() >= max_; }
  [[nodiscard]] std::size_t count() const { return calls_.size(); }

  /// Keeps the call. REQUIRES: !full().
  std::uint64_t add(std::unique_ptr<http::Call> call) {
    const std::uint64_t id = nextId_++;
    Entry& entry = calls_[id];
    entry.call = std::move(call);
    entry.call->onGone([this, id] { calls_.erase(id); });
    return id;
  }
  /// What the call waits for. Its call-back takes the call out.
  void attach(std::uint64_t id, Pending work) {
    const auto it = calls_.find(id);
    if (it != calls_.end()) it->second.work = std::move(work);
  }
  [[nodiscard]] http::Call& at(std::uint64_t id) { return *calls_.at(id).call; }
  /// The call, to be answered; null when its client is gone.
  std::unique_ptr<http::Call> take(std::uint64_t id) {
    auto node = calls_.extract(id);
    return node.empty() ? nullptr : std::move(node.mapped().call);
  }

 private:
  struct Entry {
    std::unique_ptr<http::Call> call;
    Pending work;  // first destroyed
  };
  const std::size_t max_;
  std::map<std::uint64_t, Entry> calls_;
  std::uint64_t nextId_ = 0;
};

}  // namespace spawner::api
