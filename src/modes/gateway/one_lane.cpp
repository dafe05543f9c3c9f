// The only lane of a gateway, on the control loop.
#include <utility>

#include "modes/gateway/lanes.hpp"

namespace spawner::gateway {

namespace {

class OneLane final : public Lanes {
 public:
  explicit OneLane(const LanesContext& context)
      : directory_(context.sessions), lane_(context.context.loop, context.setup, 0, directory_, context.context.log) {}

  Result<void> begin(std::vector<Fd> listeners) override { return lane_.begin(std::move(listeners.front())); }
  void changed(const std::string& name, const role::SlabPtr& slab) override { lane_.changed(name, slab); }
  void forgotten(const std::string&) override {}
  [[nodiscard]] std::vector<LaneCounts> counts() const override { return {lane_.counts()}; }
  void stop(Task done) override { lane_.stop(std::move(done)); }

 private:
  SessionsDirectory directory_;
  Lane lane_;
};

}  // namespace

std::unique_ptr<Lanes> oneLane(const LanesContext& context) { return std::make_unique<OneLane>(context); }

}  // namespace spawner::gateway
