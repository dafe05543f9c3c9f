// SidecarCore against a model that is too simple to be wrong: random guards, leases, sweeps, crashes and reboots.
#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "base/crypto.hpp"
#include "loop/sim_loop.hpp"
#include "session/sidecar_core.hpp"

using namespace std::chrono_literals;
using spawner::Duration;
using spawner::SimLoop;
using spawner::TimePoint;
using namespace spawner::session;

namespace {

/// What a session is, said with times and nothing else.
struct Model {
  std::optional<TimePoint> ready, lastUse;
  TimePoint firstStart{}, busyUntil{};
  bool used = false, shutdown = false;
  std::optional<std::string> swept;
  int live = 0;

  [[nodiscard]] bool busy(TimePoint now) const { return now < busyUntil; }
  [[nodiscard]] bool inUse(TimePoint now) const { return live > 0 || busy(now); }
  [[nodiscard]] std::optional<Duration> idle(TimePoint now) const {
    if (!ready || inUse(now)) return std::nullopt;
    return now - std::max({*ready, lastUse.value_or(*ready), busyUntil});
  }
  [[nodiscard]] bool everUsed() const { return used || (ready && (live > 0 || busyUntil > *ready)); }
};

class World {
 public:
  explicit World(std::uint64_t seed) : random_(spawner::seededRandom(seed)), loop_(seed) { start(); }

  void act() {
    switch (random_->below(20)) {
      case 0:
      case 1:
      case 2:
      case 3: loop_.runFor(std::chrono::milliseconds(random_->below(20'000))); break;
      case 4:
      case 5:
      case 6: admit(); break;
      case 7:
      case 8:
      case 9: endOne(true); break;
      case 10: endOne(false); break;
      case 11: setReady(); break;
      case 12: setBusy(); break;
      case 13: clearBusy(); break;
      case 14:
      case 15:
      case 16: sweepIdle(); break;
      case 17:
        if (random_->below(6) == 0) sweepOther();
        break;
      case 18: crash(); break;
      case 19:
        if (random_->below(30) == 0) requestShutdown();
        break;
    }
    compare();
  }

 private:
  void start() {
    core_ = std::make_unique<SidecarCore>(loop_, memory_, SidecarIdentity{"uid", boot_});
    if (first_) model_.firstStart = loop_.now();
    first_ = false;
  }
  void admit() {
    auto guard = core_->admit();
    REQUIRE(guard.has_value() == !model_.swept.has_value());
    if (!guard) return;
    guards_.push_back(std::move(*guard));
    ++model_.live;
  }
  void endOne(bool counts) {
    if (guards_.empty()) return;
    std::swap(guards_[random_->below(guards_.size())], guards_.back());
    counts ? guards_.back().end() : guards_.back().ignore();
    guards_.pop_back();
    --model_.live;
    if (!counts) return;
    model_.lastUse = loop_.now();
    model_.used = model_.used || model_.ready;
  }
  void setReady() {
    core_->setReady();
    if (!model_.ready) model_.ready = loop_.now();
  }
  void setBusy() {
    const auto seconds = 1 + random_->below(60);
    if (core_->setBusy(seconds)) model_.busyUntil = std::max(model_.busyUntil, loop_.now() + std::chrono::seconds(seconds));
  }
  void clearBusy() {
    core_->clearBusy();
    if (model_.busy(loop_.now())) model_.busyUntil = loop_.now();
  }
  void requestShutdown() {
    core_->requestShutdown();
    model_.shutdown = true;
  }
  void sweepIdle() {
    const auto atLeast = std::chrono::milliseconds(random_->below(30'000));
    const bool needsUse = random_->below(2) != 0, unread = random_->below(4) == 0;
    const SweepAnswer answer = core_->sweep(SweepCommand::idle(atLeast, needsUse), [unread] { return unread; });
    const auto idle = model_.idle(loop_.now());
    const bool may = idle && *idle >= atLeast && (!needsUse || model_.everUsed()) && !unread;
    settle(answer, may, "Idle");
    // P1, said once more without the model: never while a guard is alive.
    if (answer.status == 200 && answer.state.sweptReason == "Idle" && may) REQUIRE(guards_.empty());
  }
  void sweepOther() {
    if (random_->below(2) != 0) {
      settle(core_->sweep(SweepCommand::shutdown(), [] { return true; }), model_.shutdown, "Shutdown");
    } else {
      const auto atLeast = std::chrono::milliseconds(random_->below(2'000'000));
      settle(core_->sweep(SweepCommand::age(atLeast, "MaxLifetime"), [] { return true; }), loop_.now() - model_.firstStart >= atLeast,
             "MaxLifetime");
    }
  }
  void settle(const SweepAnswer& answer, bool may, const char* reason) {
    REQUIRE(answer.status == (model_.swept || may ? 200 : 409));
    if (!model_.swept && may) model_.swept = reason;
    REQUIRE(answer.state.sweptReason == model_.swept);
  }
  void crash() {
    core_.reset();
    if (random_->below(2) != 0) guards_.clear();  // guards die before or after the restart: no difference
    loop_.runFor(std::chrono::milliseconds(random_->below(5000)));
    const TimePoint now = loop_.now();
    if (model_.live > 0) {
      model_.lastUse = now;
      model_.used = model_.used || model_.ready;
    }
    model_.live = 0;
    if (random_->below(10) == 0) {  // reboot
      boot_ = "boot-" + std::to_string(random_->next());
      model_.used = model_.everUsed();
      model_.ready.reset();
      model_.busyUntil = TimePoint{};
      model_.firstStart = model_.lastUse.emplace(now);
    }
    start();
    compare();
    guards_.clear();
  }
  void compare() {
    const TimePoint now = loop_.now();
    const auto millis = [](Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d); };
    const spawner::SidecarReport report = core_->report();
    REQUIRE(report.ready == model_.ready.has_value());
    REQUIRE(report.liveConnections == static_cast<std::uint32_t>(model_.live));
    REQUIRE(report.busy == model_.busy(now));
    REQUIRE(report.sweptReason == model_.swept);
    REQUIRE(report.shutdownRequested == model_.shutdown);
    REQUIRE(report.used == model_.everUsed());
    REQUIRE(report.age == millis(now - model_.firstStart));
    const auto idle = model_.idle(now);
    REQUIRE(report.idle.has_value() == idle.has_value());
    if (idle) REQUIRE(*report.idle == millis(*idle));
  }

  std::unique_ptr<spawner::Random> random_;
  SimLoop loop_;
  std::array<std::byte, sessionFileSize> memory_{};
  std::string boot_ = "boot";
  bool first_ = true;
  Model model_;
  std::unique_ptr<SidecarCore> core_;
  std::vector<SidecarCore::Guard> guards_;
};

}  // namespace

TEST_CASE("a session behaves as its model does, over crashes and reboots", "[session]") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    World world(seed);
    for (int i = 0; i < 250; ++i) world.act();
  }
}
