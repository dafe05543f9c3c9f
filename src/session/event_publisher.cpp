#include "session/event_publisher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "session/protocol.hpp"

namespace spawner::session {
namespace {

/// How urgent a difference between two reports is.
enum class Urgency { None, Count, Change, Once };

/// elapsed: time from the one to the other.
Urgency urgencyOf(const SidecarReport& told, const SidecarReport& state, Duration elapsed) {
  // These happen once in a session's life: no bound needed.
  if (told.ready != state.ready || told.sweptReason != state.sweptReason || told.shutdownRequested != state.shutdownRequested)
    return Urgency::Once;
  if (told.busy != state.busy || (told.liveConnections > 0) != (state.liveConnections > 0)) return Urgency::Change;
  // Idle time that grew less than time went by: there was a use in between, from beginning to end. (1 ms: both are rounded down.)
  if (told.idle && state.idle && *state.idle + std::chrono::milliseconds(1) < *told.idle + elapsed) return Urgency::Change;
  return told.liveConnections != state.liveConnections ? Urgency::Count : Urgency::None;
}

}  // namespace

struct EventPublisher::Subscription::Shared {
  struct Reader {
    Send send;
    bool clear = true;   // it took all it was sent
    bool missed = true;  // there is a state that it was not sent
  };

  Shared(Loop& loop, std::function<SidecarReport()> state, EventPublisherOptions options)
      : loop(loop), state(std::move(state)), options(options), tokens(options.burst), tokensAt(loop.now()) {}

  void lookSoon() {
    if (soon) return;
    soon = true;
    look = loop.after(Duration::zero(), [this] { compare(); });
  }

  void compare() {
    soon = false;
    if (readers.empty()) return;
    if (!told) return tell(state());
    const std::weak_ptr<Shared> alive = self;
    catchUp();
    if (alive.expired() || !told) return;
    const SidecarReport now = state();
    const Duration sinceTold = loop.now() - toldAt;
    const Urgency urgency = urgencyOf(*told, now, sinceTold);
    if (urgency == Urgency::None) return;
    refill();
    const bool allowed = urgency == Urgency::Once || (urgency == Urgency::Change && tokens >= 1) || sinceTold >= options.countSpacing;
    if (!allowed) {
      look = loop.after(options.countSpacing - sinceTold, [this] { compare(); });
      return;
    }
    tokens = std::max(0.0, tokens - 1);
    tell(now);
  }

  void refill() {
    const double earned = std::chrono::duration<double>(loop.now() - tokensAt) / std::chrono::duration<double>(options.countSpacing);
    tokens = std::min<double>(options.burst, tokens + earned);
    tokensAt = loop.now();
  }

  /// Gives the newest state to those who missed one and can take it now.
  void catchUp() {
    std::vector<std::uint64_t> late;
    for (const auto& [id, reader] : readers)
      if (reader.missed && reader.clear) late.push_back(id);
    if (!late.empty()) sendTo(late, encodeReport(state()));
  }

  void tell(const SidecarReport& report) {
    told = report;
    toldAt = loop.now();
    repeat = loop.after(report.ready ? options.repeat : options.startingRepeat, [this] {
      if (!readers.empty()) tell(state());
    });
    std::vector<std::uint64_t> able;
    for (auto& [id, reader] : readers) {
      reader.missed = true;
      if (reader.clear) able.push_back(id);
    }
    sendTo(able, encodeReport(report));
  }

  void sendTo(const std::vector<std::uint64_t>& ids, const std::string& json) {
    const std::weak_ptr<Shared> alive = self;
    for (const std::uint64_t id : ids) {
      const auto it = readers.find(id);
      if (it == readers.end()) continue;
      it->second.missed = false;
      // Taken out for the call: it may end its own subscription, or the whole publisher.
      Send send = std::move(it->second.send);
      const bool tookAll = send(json);
      if (alive.expired()) return;
      if (const auto after = readers.find(id); after != readers.end()) {
        after->second.send = std::move(send);
        after->second.clear = tookAll;
      }
    }
  }

  Loop& loop;
  std::function<SidecarReport()> state;
  EventPublisherOptions options;
  std::weak_ptr<Shared> self;
  std::map<std::uint64_t, Reader> readers;
  std::uint64_t nextId = 1;
  std::optional<SidecarReport> told;
  TimePoint toldAt{};
  double tokens;
  TimePoint tokensAt;
  bool soon = false;  // compare() is due in the next turn
  Timer look, repeat;
};

EventPublisher::Subscription& EventPublisher::Subscription::operator=(Subscription&& other) noexcept {
  if (this != &other) {
    reset();
    shared_ = std::move(other.shared_);
    id_ = other.id_;
  }
  return *this;
}

void EventPublisher::Subscription::reset() {
  const auto shared = std::exchange(shared_, {}).lock();
  if (!shared) return;
  shared->readers.erase(id_);
  if (shared->readers.empty()) {
    shared->told.reset();
    shared->repeat.cancel();
  }
}

void EventPublisher::Subscription::drained() {
  const auto shared = shared_.lock();
  if (!shared) return;
  const auto it = shared->readers.find(id_);
  if (it == shared->readers.end()) return;
  it->second.clear = true;
  if (it->second.missed) shared->lookSoon();
}

EventPublisher::EventPublisher(Loop& loop, std::function<SidecarReport()> state, EventPublisherOptions options)
    : shared_(std::make_shared<Subscription::Shared>(loop, std::move(state), options)) {
  shared_->self = shared_;
}

EventPublisher::~EventPublisher() = default;

Result<EventPublisher::Subscription> EventPublisher::subscribe(Send send) {
  if (shared_->readers.size() >= shared_->options.maxReaders)
    return Error{ErrorKind::Limit, fmt::format("{} event streams are open already", shared_->readers.size()), std::nullopt};
  const std::uint64_t id = shared_->nextId++;
  shared_->readers[id].send = std::move(send);
  shared_->lookSoon();
  return Subscription(shared_, id);
}

void EventPublisher::changed() {
  if (!shared_->readers.empty()) shared_->lookSoon();
}

std::size_t EventPublisher::readers() const { return shared_->readers.size(); }

}  // namespace spawner::session
