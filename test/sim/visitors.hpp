#pragma once
// Visitors: the people who use sessions: come, stay for a while, leave, come again, or never come. They write into Truth when a use begins
// and ends.

#include <functional>
#include <map>
#include <string>

#include "session/sidecar_core.hpp"
#include "sim/sim_runtime.hpp"
#include "sim/truth.hpp"
#include "spawner/loop.hpp"
#include "spawner/random.hpp"

namespace spawner::sim {

class Visitors {
 public:
  Visitors(Loop& loop, Random& random, Truth& truth, std::function<SimRuntime*(const std::string& podUid)> runtimeOf)
      : loop_(loop), random_(random), truth_(truth), runtimeOf_(std::move(runtimeOf)) {}

  /// New pods get visitors; pods that are gone lose them. Call it every second or so.
  void look();
  [[nodiscard]] std::uint64_t visits() const { return visits_; }

 private:
  struct Visitor {
    int visitsLeft = 0;
    std::uint64_t use = 0;
    session::SidecarCore::Guard guard;
    Timer next;
  };
  void come(const std::string& podUid);
  void leave(const std::string& podUid);
  [[nodiscard]] SimPod* podOf(const std::string& podUid);
  /// A time that is interesting for a grace period: short, close to it, longer.
  [[nodiscard]] Duration around(std::chrono::seconds grace);

  Loop& loop_;
  Random& random_;
  Truth& truth_;
  std::function<SimRuntime*(const std::string& podUid)> runtimeOf_;
  std::map<std::string, Visitor> visitors_;
  std::uint64_t visits_ = 0;
};

}  // namespace spawner::sim
