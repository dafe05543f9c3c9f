#include "k8s/events.hpp"

#include <deque>
#include <map>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/backoff.hpp"
#include "base/crypto.hpp"
#include "base/text.hpp"
#include "k8s/token_bucket.hpp"

namespace spawner::k8s {
namespace {

// Bounds of the API server's validation of Events with an eventTime.
constexpr std::size_t maxMessageBytes = 1024;
constexpr std::size_t maxWordBytes = 128;
constexpr std::size_t maxNameBytes = 253;

std::string_view shortened(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;  // not inside a UTF-8 character
  return text.substr(0, bytes);
}

/// The same news of the same object has the same name, whoever tells it: two sweepers of a rollout, two controllers of a takeover.
std::string suffixOf(const ObjectReference& about, std::string_view type, std::string_view reason, std::string_view message) {
  std::string told = about.uid;
  for (const std::string_view part : {type, reason, message}) (told += '\n') += part;
  return "." + sha256Hex(told).substr(0, 16);
}

/// An Event waiting to be sent.
struct Item {
  std::string ns;
  std::string json;
  TimePoint due{};
  int tries = 0;
  Backoff backoff;
};

}  // namespace

struct EventRecorder::Impl {
  Impl(Loop& loopIn, Client& clientIn, Random& randomIn, EventRecorderOptions optionsIn, Logger logIn)
      : loop(loopIn),
        client(clientIn),
        random(randomIn),
        options(std::move(optionsIn)),
        log(std::move(logIn)),
        bucket(options.ratePerSecond, options.burst) {}

  [[nodiscard]] std::size_t held() const { return waiting.size() + sending.size() + resting.size(); }

  void enqueue(Item item) {
    if (held() >= options.maxQueued) {
      // The newest goes: the ones before it tell how this began.
      if (counts.dropped++ == 0) log.warn("events are dropped, the queue is full", {{"maxQueued", options.maxQueued}});
      return;
    }
    item.due = loop.now() + options.hold;
    waiting.push_back(std::move(item));
    pump();
  }
  void pump() {
    if (held() == 0 && flushed) flushLimit = loop.after(Duration::zero(), [this] { endFlush(); });
    if (pumping.active() || waiting.empty() || sending.size() >= options.concurrency) return;
    const Duration left = flushed ? Duration::zero() : waiting.front().due - loop.now();
    pumping = loop.after(std::max(left, Duration::zero()), [this] { sendNext(); });
  }
  void flush(Task done) {
    flushed = std::move(done);
    flushLimit = loop.after(maxFlush, [this] { endFlush(); });
    pumping.cancel();
    pump();
  }
  void endFlush() {
    if (held() > 0) log.warn("events are lost with the end of this process", {{"events", held()}});
    std::exchange(flushed, nullptr)();
  }
  /// There is an item and room for it: after pump() only this takes either.
  void sendNext() {
    if (const Duration wait = bucket.take(loop.now()); wait > Duration::zero()) {
      pumping = loop.after(wait, [this] { sendNext(); });
      return;
    }
    const std::uint64_t id = nextId++;
    auto& [item, pending] = sending[id];
    item = std::move(waiting.front());
    waiting.pop_front();
    ++item.tries;
    pending = client.create(events, item.ns, item.json, [this, id](const Result<std::string>& answer) { sent(id, answer); });
    pump();
  }
  void sent(std::uint64_t id, const Result<std::string>& answer) {
    auto node = sending.extract(id);
    Item item = std::move(node.mapped().first);
    settle(std::move(item), answer);
    pump();
  }
  /// What an answer means for its Event: done, given up, or to be tried again.
  void settle(Item item, const Result<std::string>& answer) {
    // AlreadyExists: an answer of ours was lost, not the Event; or somebody else has told the same.
    if (answer.ok() || answer.error().kind == ErrorKind::AlreadyExists) {
      ++counts.sent;
      return;
    }
    const Error& error = answer.error();
    if (error.retriable() && item.tries < options.tries) return rest(std::move(item), error.retryAfter);
    ++counts.failed;
    // A namespace on its way out or a missing permission would say the same for every Event.
    if (told.insert({item.ns, error.kind}).second) log.warn("event could not be recorded", {{"namespace", item.ns}, {"error", error}});
    if (told.size() > maxTold) told.clear();
  }
  void rest(Item item, std::optional<Duration> retryAfter) {
    const Duration delay = item.backoff.next(random, retryAfter);
    const std::uint64_t id = nextId++;
    auto& [resting_, timer] = resting[id];
    resting_ = std::move(item);
    timer = loop.after(delay, [this, id] {
      auto node = resting.extract(id);
      waiting.push_front(std::move(node.mapped().first));  // it was due before those that were never tried
      pump();
    });
  }

  static constexpr std::size_t maxTold = 100;
  static constexpr Duration maxFlush = std::chrono::seconds(2);

  Loop& loop;
  Client& client;
  Random& random;
  const EventRecorderOptions options;
  Logger log;
  TokenBucket bucket;
  Counts counts;
  std::uint64_t nextId = 1;
  std::set<std::pair<std::string, ErrorKind>> told;  // failures that have been logged
  std::deque<Item> waiting;
  std::map<std::uint64_t, std::pair<Item, Pending>> sending;
  std::map<std::uint64_t, std::pair<Item, Timer>> resting;
  Timer pumping;
  Task flushed;  // of flush()
  Timer flushLimit;
};

EventRecorder::EventRecorder(Loop& loop, Client& client, Random& random, EventRecorderOptions options, Logger log)
    : impl_(std::make_unique<Impl>(loop, client, random, std::move(options), std::move(log))) {}
EventRecorder::~EventRecorder() = default;

void EventRecorder::record(const ObjectReference& about, std::string_view type, std::string_view reason, std::string_view message) {
  const EventRecorderOptions& options = impl_->options;
  const std::string suffix = suffixOf(about, type, reason, message);
  const std::string ns = about.ns.empty() ? "default" : about.ns;
  const WallTime now = impl_->loop.wallNow();
  const std::string_view word = shortened(reason, maxWordBytes);
  nlohmann::json involved{{"apiVersion", about.apiVersion}, {"kind", about.kind}, {"name", about.name}, {"uid", about.uid}};
  if (!about.ns.empty()) involved["namespace"] = about.ns;
  if (!about.resourceVersion.empty()) involved["resourceVersion"] = about.resourceVersion;
  const nlohmann::json event{
      {"apiVersion", "v1"},
      {"kind", "Event"},
      {"metadata", {{"namespace", ns}, {"name", std::string(shortened(about.name, maxNameBytes - suffix.size())) + suffix}}},
      {"involvedObject", std::move(involved)},
      {"type", type},
      {"reason", word},
      {"action", word},
      {"message", shortened(message, maxMessageBytes)},
      {"eventTime", toRfc3339Micro(now)},
      {"firstTimestamp", toRfc3339(now)},
      {"lastTimestamp", toRfc3339(now)},
      {"count", 1},
      {"source", {{"component", options.component}}},
      {"reportingComponent", options.component},
      {"reportingInstance", shortened(options.instance.empty() ? options.component : options.instance, maxWordBytes)},
  };
  impl_->enqueue(Item{ns, event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), {}, 0, Backoff()});
}

void EventRecorder::flush(Task done) { impl_->flush(std::move(done)); }

EventRecorder::Counts EventRecorder::counts() const { return impl_->counts; }
std::size_t EventRecorder::queued() const { return impl_->held(); }

}  // namespace spawner::k8s
