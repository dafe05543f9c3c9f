#pragma once
// ListenProbe: looks again and again whether the application listens: every 2 ms at first, slower later. Owner: the data plane.
// Thread: the loop's.

#include <functional>
#include <optional>

#include "loop/socket.hpp"
#include "spawner/loop.hpp"

namespace spawner::sidecar {

class ListenProbe {
 public:
  using Find = std::function<std::optional<SocketAddress>()>;
  using Found = std::function<void(const SocketAddress&)>;

  /// `found` runs once for each start(), in a later turn.
  ListenProbe(Loop& loop, Find find, Found found) : loop_(loop), find_(std::move(find)), found_(std::move(found)) {}

  /// Begins to look; from the beginning if it is looking already.
  void start();
  [[nodiscard]] bool looking() const { return timer_.active(); }

 private:
  void look();

  Loop& loop_;
  Find find_;
  Found found_;
  TimePoint since_{};
  Timer timer_;
};

}  // namespace spawner::sidecar
