#pragma once
// HeldExchanges: the requests that wait, unread, for their session to be found or to be Ready; bounded in number and time.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "http/exchange.hpp"
#include "modes/gateway/route.hpp"
#include "spawner/loop.hpp"
#include "spawner/pending.hpp"

namespace spawner::gateway {

/// One request on its way. The time-out runs over all of its waits.
struct Held {
  std::unique_ptr<http::Exchange> exchange;
  Route route;
  Timer timeout;
  Pending lookup;
};

/// Owner: the gateway. Thread: the loop's.
class HeldExchanges {
 public:
  explicit HeldExchanges(std::size_t max) : max_(max) {}
  [[nodiscard]] bool full() const { return held_.size() >= max_; }
  [[nodiscard]] std::size_t count() const { return held_.size(); }

  /// REQUIRES: !full(). A client that goes away takes its request with it.
  std::uint64_t add(std::unique_ptr<http::Exchange> exchange, Route route) {
    const std::uint64_t id = nextId_++;
    Held& held = held_[id];
    held.exchange = std::move(exchange);
    held.route = std::move(route);
    held.exchange->onGone([this, id] { (void)take(id); });
    byName_.emplace(held.route.name, id);
    return id;
  }
  [[nodiscard]] Held* find(std::uint64_t id) {
    const auto it = held_.find(id);
    return it == held_.end() ? nullptr : &it->second;
  }
  /// Without an exchange when it is gone.
  Held take(std::uint64_t id) {
    auto node = held_.extract(id);
    if (node.empty()) return {};
    const auto [first, last] = byName_.equal_range(node.mapped().route.name);
    for (auto it = first; it != last; ++it) {
      if (it->second != id) continue;
      byName_.erase(it);
      break;
    }
    Held held = std::move(node.mapped());
    if (held.exchange) held.exchange->onGone({});
    return held;
  }
  [[nodiscard]] std::vector<std::uint64_t> idsOf(const std::string& name) const {
    std::vector<std::uint64_t> ids;
    const auto [first, last] = byName_.equal_range(name);
    for (auto it = first; it != last; ++it) ids.push_back(it->second);
    return ids;
  }
  [[nodiscard]] std::vector<std::uint64_t> all() const {
    std::vector<std::uint64_t> ids;
    for (const auto& [id, held] : held_) ids.push_back(id);
    return ids;
  }

 private:
  const std::size_t max_;
  std::map<std::uint64_t, Held> held_;
  std::multimap<std::string, std::uint64_t> byName_;
  std::uint64_t nextId_ = 0;
};

}  // namespace spawner::gateway
