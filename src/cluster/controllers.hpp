#pragma once
// Controllers: the cluster's own background work on the loop: scheduler, garbage collector, namespace deletion, expiry of Events. Each runs
// in turns of its own after a delay, as in a real cluster. Owner: who owns the ApiServer. Thread: the loop's.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "cluster/api_server.hpp"
#include "spawner/loop.hpp"

namespace spawner::cluster {

struct ControllersOptions {
  Duration schedulerDelay = Duration::zero();  // from a pod's creation to its binding
  Duration collectorDelay = Duration::zero();  // from an owner's end to its dependents' deletion
  bool schedulerEvents = true;                 // "Scheduled" and "FailedScheduling" Events
  /// A pod for which this gives a text is not scheduled; the text says why. Empty function: every pod may be scheduled.
  std::function<std::string(const Json& pod)> unschedulable;
  Duration retryUnschedulable = std::chrono::seconds(5);
};

class Controllers {
 public:
  /// The server must outlive it. Pods that already wait, orphans and terminating namespaces are taken up at once.
  Controllers(Loop& loop, ApiServer& server, ControllersOptions options = {});
  ~Controllers();
  Controllers(const Controllers&) = delete;
  struct Counts {
    std::uint64_t bound = 0, collected = 0, unschedulable = 0;
  };
  [[nodiscard]] Counts counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Makes (or mends) a Ready node: what a kubelet does when it registers. `pods`: how many it takes.
void registerNode(ApiServer& server, const std::string& name, const std::string& address, int pods, Now now);

}  // namespace spawner::cluster
