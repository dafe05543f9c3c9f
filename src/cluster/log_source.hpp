#pragma once
// LogSource: where pods/<name>/log comes from. The node agent implements it.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cluster/request.hpp"
#include "spawner/result.hpp"

namespace spawner::cluster {

struct LogQuery {
  std::string ns, pod, podUid, container;
  bool follow = false;
  bool previous = false;
  bool timestamps = false;
  std::optional<std::uint64_t> tailLines;
  std::optional<std::uint64_t> limitBytes;
  std::optional<std::uint64_t> sinceSeconds;
};

class LogSource {
 public:
  virtual ~LogSource() = default;
  /// The log as a stream that ends at its end, or with `follow` when the container has ended. NotFound → 404, InvalidArgument → 400. The
  /// stream must not outlive the source's container data unguarded: it ends by itself when the source goes.
  virtual Result<std::unique_ptr<Stream>> open(const LogQuery& query) = 0;
};

}  // namespace spawner::cluster
