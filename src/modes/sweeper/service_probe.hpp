#pragma once
// ServiceProbe: one TCP connection to a Service, so that Ready means that its URL works. The real one is on sockets; a simulation has its
// own.

#include <cstdint>
#include <memory>
#include <string>

#include "spawner/function.hpp"
#include "spawner/loop.hpp"
#include "spawner/pending.hpp"
#include "spawner/result.hpp"

namespace spawner::sweeper {

/// Thread: the loop's. The call-back never runs inside the call.
class ServiceProbe {
 public:
  virtual ~ServiceProbe() = default;
  /// Connects and closes at once, without sending a byte.
  virtual Pending connect(const std::string& ip, std::uint16_t port, Duration timeout, UniqueFunction<void(Result<void>)> done) = 0;
};

std::unique_ptr<ServiceProbe> socketServiceProbe(Loop& loop);

}  // namespace spawner::sweeper
