#pragma once
// Oracles: the promises P1, P3–P6 looked at on every commit of the store, and P2 and P5 over time. They throw Broken.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "cluster/api_server.hpp"
#include "sim/truth.hpp"
#include "spawner/loop.hpp"

namespace spawner::sim {

class Oracles {
 public:
  /// Keeps the first violation; throwIfBroken() throws it (a hook must not throw through the cluster's code).
  Oracles(Loop& loop, cluster::ApiServer& api, Truth& truth);

  void throwIfBroken() const;
  /// P2: since `calmSince` nothing was broken or down. What has been unused for longer than its grace + 2 s of that time must have ended.
  void checkUnused(TimePoint calmSince, const std::function<bool(const std::string& podUid)>& isSwept);
  /// P5: nothing of ours is left.
  void checkNothingLeft();
  /// A digest of all commits: equal for equal seeds.
  [[nodiscard]] std::uint64_t digest() const { return digest_; }
  struct Counts {
    std::uint64_t commits = 0, swept = 0, failed = 0, idle = 0, latePods = 0;
    std::map<std::string, std::uint64_t> reasons;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  void seen(const cluster::Commit& commit);
  void slab(const cluster::Commit& commit);
  void facts(const cluster::Commit& commit);
  void ended(const cluster::Commit& commit, bool swept);
  void pod(const cluster::Commit& commit);
  void broken(const std::string& what);

  Loop& loop_;
  cluster::ApiServer& api_;
  Truth& truth_;
  Counts counts_;
  std::uint64_t digest_ = 14695981039346656037ULL;
  std::string broken_;
  std::map<std::string, TimePoint> latePods_;  // by uid
  std::shared_ptr<void> hook_;
};

}  // namespace spawner::sim
