#pragma once
// The objects that roles see: SessionLivedBackend ("slab"), Pod and Service, as typed values. Decoding and encoding: src/backend.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "spawner/state.hpp"
#include "spawner/time.hpp"

namespace spawner {

struct ObjectMeta {
  std::string ns;
  std::string name;
  std::string uid;
  std::string resourceVersion;
  std::int64_t generation = 0;
  WallTime creationTime{};  // whole seconds; of a slab that the API made, microseconds (names::submittedAnnotation)
  bool deleting = false;    // metadata.deletionTimestamp is set
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  /// The uid and name of the controlling owner reference; empty without one.
  std::string ownerUid;
  std::string ownerName;

  [[nodiscard]] std::string key() const { return ns + "/" + name; }
};

struct SlabSpec {
  /// spec.template as it came (JSON text): unknown fields survive.
  std::string templateJson;
  std::uint32_t gracePeriodSeconds = 300;
  std::uint16_t httpPort = 8080;
  std::uint32_t startupTimeoutSeconds = 300;
  std::optional<std::uint32_t> maxLifetimeSeconds;
  std::optional<std::uint32_t> ttlSecondsAfterFinished;
};

/// How a session ended: status.end.
struct EndInfo {
  std::string reason;   // CamelCase word, API: "Idle", "MaxLifetime", "Completed", "Error", "OOMKilled", "ImagePullFailed", ...
  std::string message;  // one sentence
  std::optional<int> exitCode;
  std::optional<int> signal;
  WallTime time{};
  std::string log{};  // what the application said last, where it failed: end of its log or its termination message. Not for its users
  bool operator==(const EndInfo&) const = default;
};

/// status.contactLost: a sweeper cannot reach the sidecar. The one fact that can be taken back (null): it ends nothing (P3).
struct ContactLostInfo {
  WallTime since{};
  std::string message;
  bool operator==(const ContactLostInfo&) const = default;
};

struct Condition {
  std::string type;    // "Ready", "Finished", "ContactLost", "SpecIgnored"
  std::string status;  // "True", "False", "Unknown"
  std::string reason;
  std::string message;
  std::int64_t observedGeneration = 0;
  WallTime lastTransitionTime{};
  bool operator==(const Condition&) const = default;
};

struct SlabStatus {
  // Facts: each is set once and stays. Index: State. (submitted may stay false: the object's existence implies it.)
  std::array<bool, allStates.size()> reached{};
  std::array<std::optional<WallTime>, allStates.size()> stateTimes{};
  std::string nodeName;
  std::string ip;
  std::optional<std::uint16_t> port;
  std::string url;
  std::string podName;
  std::string podUid;
  std::string podIp;
  std::optional<EndInfo> end;
  std::optional<ContactLostInfo> contactLost;
  // Derived by the controller.
  std::string phase;
  std::string reason;
  std::string message;
  std::int64_t observedGeneration = 0;
  std::vector<Condition> conditions;

  [[nodiscard]] bool has(State state) const { return reached[static_cast<std::size_t>(state)]; }
  bool operator==(const SlabStatus&) const = default;
};

struct Slab {
  ObjectMeta meta;
  SlabSpec spec;
  SlabStatus status;

  /// The state of highest rank that is set; Submitted for a new object. Of Swept and Failed, the one set first (by stateTimes), else
  /// Failed.
  [[nodiscard]] State state() const;
};

struct ContainerView {
  std::string name;
  bool running = false;
  bool terminated = false;
  bool waiting = false;
  int exitCode = 0;  // of the present or the last termination, when terminated
  int signal = 0;
  std::string reason;  // waiting or terminated reason: "ImagePullBackOff", "OOMKilled", "Error", "Completed"
  std::string message;
  std::int32_t restartCount = 0;
  std::string lastTerminatedReason;
};

struct PodView {
  ObjectMeta meta;
  std::string nodeName;  // spec.nodeName; empty until scheduled
  std::string phase;     // "Pending", "Running", "Succeeded", "Failed", "Unknown"
  std::string reason;    // status.reason: "Evicted", "NodeLost", ...
  std::string message;
  std::string podIp;
  /// The names in spec.containers and spec.initContainers, in order: the application is containers[0].
  std::vector<std::string> containerNames;
  std::vector<std::string> initContainerNames;
  std::vector<ContainerView> containers;      // status.containerStatuses
  std::vector<ContainerView> initContainers;  // status.initContainerStatuses
  /// From the condition PodScheduled=False, reason Unschedulable: its message.
  std::string unschedulableMessage;
  /// From the condition DisruptionTarget=True: its reason.
  std::string disruptionReason;
  /// From the condition names::listensOnPortCondition=False: its message.
  std::string portMessage;
};

struct ServiceView {
  ObjectMeta meta;
  std::string clusterIp;  // "None" for a headless one
};

}  // namespace spawner
