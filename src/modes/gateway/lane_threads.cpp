// Lanes on threads of their own. To them go immutable news, from them come messages: nothing else is shared.
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "loop/loop_thread.hpp"
#include "modes/gateway/lanes.hpp"
#include "modes/gateway/replica.hpp"

namespace spawner::gateway {

namespace {

constexpr Duration tellEvery = std::chrono::seconds(1);

/// One lane and its thread. Made and destroyed by the control loop's thread, while this one does not run.
struct LaneThread {
  using Tell = std::function<void(const LaneCounts&)>;

  LaneThread(const LanesContext& context, std::size_t index, Replica::Ask ask, Tell tellCounts)
      : thread("gateway-" + std::to_string(index)),
        replica(thread.loop(), dividedLimits(context.setup.options, index).maxWaiting, std::move(ask)),
        lane(thread.loop(), context.setup, index, replica, context.context.log.with("loop", index)),
        tell(std::move(tellCounts)) {}

  Result<void> begin(Fd listener) {
    if (auto begun = lane.begin(std::move(listener)); !begun) return begun.error();
    tellLater();
    return {};
  }

  // Thread: this one's.
  void apply(const Changes& changes) {
    for (const Change& change : *changes) {
      replica.apply(change);
      if (change.told) lane.changed(change.name, change.told);
    }
  }

  void tellNow() {
    LaneCounts counts = lane.counts();
    if (counts == told) return;
    told = counts;
    tell(told);
  }
  void tellLater() {
    timer = thread.loop().after(tellEvery, [this] {
      tellNow();
      tellLater();
    });
  }

  LoopThread thread;
  Replica replica;
  Lane lane;
  const Tell tell;
  LaneCounts told;
  Timer timer;
};

class LaneThreads final : public Lanes {
 public:
  explicit LaneThreads(const LanesContext& context) : context_(context), inbox_(loop()), counts_(context.setup.options.loops) {
    for (std::size_t index = 0; index < counts_.size(); ++index)
      lanes_.push_back(std::make_unique<LaneThread>(
          context_, index, [this, index](const std::string& name) { inbox_.post([this, index, name] { asked(index, name); }); },
          [this, index](const LaneCounts& counts) { inbox_.post([this, index, counts] { counts_[index] = counts; }); }));
  }
  ~LaneThreads() override {
    for (const auto& lane : lanes_) lane->thread.askToStop();
    for (const auto& lane : lanes_) lane->thread.stop();
  }

  Result<void> begin(std::vector<Fd> listeners) override {
    for (std::size_t index = 0; index < lanes_.size(); ++index)
      if (auto begun = lanes_[index]->begin(std::move(listeners[index])); !begun) return begun.error();
    for (const auto& lane : lanes_)
      if (auto started = lane->thread.start(); !started) return started.error();
    return {};
  }

  void changed(const std::string& name, const role::SlabPtr& slab) override { queue(Change{name, slab, context_.sessions.find(name)}); }
  void forgotten(const std::string& name) override { queue(Change{name, nullptr, context_.sessions.find(name)}); }

  [[nodiscard]] std::vector<LaneCounts> counts() const override { return counts_; }

  void stop(Task done) override {
    done_ = std::move(done);
    left_ = lanes_.size();
    for (const auto& lane : lanes_) lane->thread.post([this, &of = *lane] { of.lane.stop([this, &of] { stoppedOn(of); }); });
  }

 private:
  [[nodiscard]] Loop& loop() const { return context_.context.loop; }

  /// All news of a turn are one message: a first list is thousands.
  void queue(Change change) {
    news_.push_back(std::move(change));
    if (!sendTimer_.active()) sendTimer_ = loop().after(Duration::zero(), [this] { send(); });
  }
  void send() {
    if (news_.empty()) return;
    const auto changes = std::make_shared<const std::vector<Change>>(std::exchange(news_, {}));
    for (const auto& lane : lanes_) lane->thread.post([&of = *lane, changes] { of.apply(changes); });
  }

  void asked(std::size_t index, const std::string& name) {
    if (const role::SlabPtr slab = context_.sessions.find(name)) return tell(index, name, slab);
    lookups_[{index, name}] = context_.sessions.lookup(name, [this, index, name](const Result<role::SlabPtr>& slab) {
      tell(index, name, slab);
      lookups_.erase({index, name});
    });
  }
  void tell(std::size_t index, const std::string& name, const Result<role::SlabPtr>& slab) {
    LaneThread& lane = *lanes_[index];
    lane.thread.post([&lane, name, slab] { lane.replica.answered(name, slab); });
  }

  /// Thread: the lane's.
  void stoppedOn(LaneThread& lane) {
    lane.tellNow();
    inbox_.post([this] { stopped(); });
  }
  void stopped() {
    if (--left_ == 0) doneTimer_ = loop().after(Duration::zero(), std::move(done_));
  }

  const LanesContext context_;
  Mailbox inbox_;  // the lanes post into it until they have ended
  std::vector<LaneCounts> counts_;
  std::vector<std::unique_ptr<LaneThread>> lanes_;
  std::vector<Change> news_;
  Timer sendTimer_;
  std::map<std::pair<std::size_t, std::string>, Pending> lookups_;
  Task done_;
  std::size_t left_ = 0;
  Timer doneTimer_;
};

}  // namespace

std::unique_ptr<Lanes> laneThreads(const LanesContext& context) { return std::make_unique<LaneThreads>(context); }

}  // namespace spawner::gateway
