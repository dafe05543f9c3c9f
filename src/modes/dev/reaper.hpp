#pragma once
// Reaper: a small process beside `spawner dev` that outlives it for a moment: when dev has ended, however, it ends every process that dev's
// containers started. PR_SET_PDEATHSIG alone reaches only the direct children.

#include <sys/types.h>

#include <string>
#include <utility>

#include "loop/socket.hpp"
#include "spawner/result.hpp"

namespace spawner::dev {

/// Owner: dev. Start it before anything else: it is a fork without exec, and must copy neither threads nor much memory.
class Reaper {
 public:
  static Result<Reaper> start(const std::string& instance);
  Reaper() = default;
  Reaper(Reaper&& other) noexcept : pid_(std::exchange(other.pid_, -1)), pipe_(std::move(other.pipe_)) {}
  Reaper& operator=(Reaper&&) = delete;
  /// Lets it look for the last time, and waits for its end.
  ~Reaper();

 private:
  pid_t pid_ = -1;
  Fd pipe_;
};

}  // namespace spawner::dev
