#pragma once
// Scheduler: gives each new pod a node: the Ready ones in turn, as far as they have room and the pod's nodeSelector fits. Pure but for the
// store that it writes to. Owner: Controllers. Thread: one.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>

#include "cluster/controllers.hpp"

namespace spawner::cluster {

class Scheduler {
 public:
  Scheduler(ApiServer& server, const ControllersOptions& options) : server_(server), options_(options) {}
  /// One write (or, at first, one present object). True when there is something to schedule now.
  bool observe(const ResourceType& type, const std::string& key, const ObjectPtr& before, const ObjectPtr& after);
  void run(Now now);
  /// Pods without a node are left.
  [[nodiscard]] bool waiting() const { return !pending_.empty(); }
  [[nodiscard]] std::uint64_t bound() const { return bound_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  ObjectPtr choose(const Json& pod, std::string& why);
  void bind(const Object& pod, const Object& node, Now now);
  void refuse(const Object& pod, const std::string& why, Now now);

  ApiServer& server_;
  const ControllersOptions& options_;
  std::set<std::string> pending_;                        // keys of pods without a node
  std::unordered_map<std::string, std::int64_t> taken_;  // pods on a node that have not ended
  std::string last_;                                     // the node chosen last
  std::uint64_t bound_ = 0, refused_ = 0;
};

}  // namespace spawner::cluster
