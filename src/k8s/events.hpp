#pragma once
// EventRecorder: Kubernetes Events on an object, in a lane of low priority: they never delay a state, are held for a moment in which a
// session starts, bounded, dropped under load, and counted.

#include <cstdint>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "k8s/client.hpp"
#include "spawner/random.hpp"

namespace spawner::k8s {

/// The object an Event is about.
struct ObjectReference {
  std::string apiVersion, kind, ns, name, uid, resourceVersion;
};

struct EventRecorderOptions {
  std::string component;  // reportingComponent
  std::string instance;   // reportingInstance: the pod or host name
  std::size_t maxQueued = 1000;
  std::size_t concurrency = 2;
  double ratePerSecond = 50;
  double burst = 200;
  int tries = 3;
  Duration hold{};  // how long each waits before it is sent; it says the time at which it was recorded
};

/// Owner: a role. Thread: the loop's.
class EventRecorder {
 public:
  EventRecorder(Loop& loop, Client& client, Random& random, EventRecorderOptions options, Logger log);
  ~EventRecorder();
  /// The same news of the same object, told again or by another process, is one Event (it has one name).
  /// type: "Normal" or "Warning". reason: the state's name or an end reason; action = reason. Returns at once.
  void record(const ObjectReference& about, std::string_view type, std::string_view reason, std::string_view message);
  /// Sends what is held at once, and calls `done`, in a later turn, when that is over or after two seconds. Once, before the end of a role.
  void flush(Task done);
  struct Counts {
    std::uint64_t sent = 0, dropped = 0, failed = 0;
  };
  [[nodiscard]] Counts counts() const;
  [[nodiscard]] std::size_t queued() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spawner::k8s
