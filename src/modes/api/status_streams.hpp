#pragma once
// StatusStreams: the open GET /backend/{name}/status/stream: past changes first, then live ones in the turn in which the informer tells
// them, comments while nothing happens, and the end after a terminal state. No Kubernetes request and no poll per client (fault 11).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/metrics.hpp"
#include "http/call.hpp"
#include "modes/role/sessions.hpp"
#include "spawner/loop.hpp"

namespace spawner::api {

struct StatusStreamsOptions {
  std::size_t maxStreams = 1000;
  Duration heartbeat = std::chrono::seconds(15);
};

/// Owner: Api. Thread: the loop's.
class StatusStreams {
 public:
  StatusStreams(Loop& loop, StatusStreamsOptions options, Metrics& metrics);

  /// True when another one would be too many, or after drain().
  [[nodiscard]] bool full() const { return draining_ || streams_.size() >= options_.maxStreams; }
  /// Answers the call with the session's changes after `last` (the state of Last-Event-ID), and all to come. REQUIRES: !full().
  void open(std::unique_ptr<http::Call> call, const std::string& name, const role::SlabPtr& slab, std::optional<State> last);
  /// The session changed: sends what is new to its readers.
  void changed(const std::string& name, const role::SlabPtr& slab);
  /// Ends all streams cleanly: their readers connect again, elsewhere.
  void drain();
  [[nodiscard]] std::size_t count() const { return streams_.size(); }

 private:
  struct Stream {
    std::string name;
    std::unique_ptr<http::StreamWriter> writer;
    int lastRank = -1;
    Timer heartbeat;
  };
  void send(std::uint64_t id, const Slab& slab);
  void beat(std::uint64_t id);
  void armHeartbeat(std::uint64_t id);
  void close(std::uint64_t id, bool clean);
  void drop(std::uint64_t id);

  Loop& loop_;
  const StatusStreamsOptions options_;
  std::unordered_map<std::uint64_t, Stream> streams_;
  std::unordered_map<std::string, std::unordered_set<std::uint64_t>> byName_;
  std::uint64_t nextId_ = 0;
  bool draining_ = false;
  Gauge open_;
  Counter slow_;
  Counter messages_;
};

}  // namespace spawner::api
