// Three sets: waiting (in order), dirty (to be processed, once), processing. A key is in `waiting` when it is dirty and not in processing.
#include "k8s/work_queue.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/backoff.hpp"
#include "base/die.hpp"
#include "k8s/token_bucket.hpp"

namespace spawner::k8s {

struct WorkQueue::Impl {
  Impl(Loop& loopIn, Random& randomIn, WorkQueueOptions optionsIn, std::function<void(const std::string&)> processIn)
      : loop(loopIn), random(randomIn), options(optionsIn), process(std::move(processIn)), bucket(options.ratePerSecond, options.burst) {}

  void add(const std::string& key) {
    if (!dirty.insert(key).second) return;
    if (inProcess.contains(key)) return;  // done() puts it back
    waiting.push_back(key);
    pump();
  }

  void done(const std::string& key) {
    if (inProcess.erase(key) == 0) die("work queue: done(" + key + ") without its processing");
    if (dirty.contains(key)) waiting.push_back(key);
    pump();
  }

  /// Sees to it that the next key starts in a turn of its own, when there is one and it may.
  void pump() {
    if (pumping.active() || waiting.empty() || inProcess.size() >= options.concurrency) return;
    pumping = loop.after(Duration::zero(), [this] { startNext(); });
  }
  /// There is a key and room for it: after pump() only this takes either.
  void startNext() {
    if (const Duration wait = bucket.take(loop.now()); wait > Duration::zero()) {
      pumping = loop.after(wait, [this] { startNext(); });
      return;
    }
    const std::string key = std::move(waiting.front());
    waiting.pop_front();
    dirty.erase(key);
    inProcess.insert(key);
    pump();
    process(key);  // last: it may destroy the queue
  }

  void addAfter(const std::string& key, Duration delay) {
    if (delay <= Duration::zero()) return add(key);
    const TimePoint due = loop.now() + delay;
    if (const auto it = dueOf.find(key); it != dueOf.end()) {
      if (it->second <= due) return;
      byDue.erase({it->second, key});
    }
    dueOf[key] = due;
    byDue.emplace(due, key);
    arm();
  }
  /// One timer, for the earliest.
  void arm() {
    if (byDue.empty()) return alarm.cancel();
    const TimePoint due = byDue.begin()->first;
    if (alarm.active() && armedFor == due) return;
    armedFor = due;
    alarm = loop.after(due - loop.now(), [this] { ring(); });
  }
  void ring() {
    while (!byDue.empty() && byDue.begin()->first <= loop.now()) {
      const std::string key = byDue.begin()->second;
      byDue.erase(byDue.begin());
      dueOf.erase(key);
      add(key);
    }
    arm();
  }

  Loop& loop;
  Random& random;
  const WorkQueueOptions options;
  std::function<void(const std::string&)> process;
  TokenBucket bucket;
  std::deque<std::string> waiting;
  std::unordered_set<std::string> dirty;
  std::unordered_set<std::string> inProcess;
  std::set<std::pair<TimePoint, std::string>> byDue;
  std::unordered_map<std::string, TimePoint> dueOf;
  std::unordered_map<std::string, Backoff> backoffs;
  TimePoint armedFor{};
  Timer alarm;
  Timer pumping;
};

WorkQueue::WorkQueue(Loop& loop, Random& random, WorkQueueOptions options, std::function<void(const std::string& key)> process)
    : impl_(std::make_unique<Impl>(loop, random, options, std::move(process))) {}
WorkQueue::~WorkQueue() = default;

void WorkQueue::add(const std::string& key) { impl_->add(key); }
void WorkQueue::addAfter(const std::string& key, Duration delay) { impl_->addAfter(key, delay); }
void WorkQueue::addRateLimited(const std::string& key, Duration atLeast) {
  const BackoffOptions growing{impl_->options.firstBackoff, impl_->options.maxBackoff};
  Backoff& backoff = impl_->backoffs.try_emplace(key, growing).first->second;
  impl_->addAfter(key, std::max(backoff.next(impl_->random), atLeast));
}
void WorkQueue::forget(const std::string& key) { impl_->backoffs.erase(key); }
void WorkQueue::done(const std::string& key) { impl_->done(key); }
std::size_t WorkQueue::length() const { return impl_->waiting.size(); }
std::size_t WorkQueue::processing() const { return impl_->inProcess.size(); }
std::size_t WorkQueue::delayed() const { return impl_->dueOf.size(); }
int WorkQueue::retries(const std::string& key) const {
  const auto it = impl_->backoffs.find(key);
  return it == impl_->backoffs.end() ? 0 : it->second.tries();
}

}  // namespace spawner::k8s
