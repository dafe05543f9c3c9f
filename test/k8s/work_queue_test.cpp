// The queue's laws: never twice at once, no add lost, nothing processed for nothing; and its delays.
#include "k8s/work_queue.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <vector>

#include "base/crypto.hpp"
#include "k8s/token_bucket.hpp"
#include "loop/sim_loop.hpp"

using namespace spawner;
using k8s::WorkQueue;
using namespace std::chrono_literals;

namespace {

struct QueueFixture {
  explicit QueueFixture(k8s::WorkQueueOptions options = {}, std::uint64_t seed = 1)
      : loop(seed), random(seededRandom(seed)), queue(std::make_unique<WorkQueue>(loop, *random, options, [this](const std::string& key) {
          started.push_back(key);
          if (process) process(key);
        })) {}
  void run(Duration d = 1ms) { loop.runFor(d); }

  SimLoop loop;
  std::unique_ptr<Random> random;
  std::vector<std::string> started;
  std::function<void(const std::string&)> process;
  std::unique_ptr<WorkQueue> queue;
};

using Keys = std::vector<std::string>;

}  // namespace

TEST_CASE("keys are processed in order, once for many adds, never inside add") {
  QueueFixture f;
  f.queue->add("a");
  f.queue->add("b");
  f.queue->add("a");
  CHECK(f.started.empty());
  CHECK(f.queue->length() == 2);
  f.run();
  CHECK(f.started == Keys{"a", "b"});
  CHECK(f.queue->length() == 0);
  CHECK(f.queue->processing() == 2);
}

TEST_CASE("a key added while it is processed is processed once more, after done") {
  QueueFixture f;
  f.queue->add("a");
  f.run();
  f.queue->add("a");
  f.queue->add("a");
  f.run(1min);
  CHECK(f.started == Keys{"a"});
  CHECK(f.queue->length() == 0);
  f.queue->done("a");
  CHECK(f.queue->length() == 1);
  f.run();
  CHECK(f.started == Keys{"a", "a"});
  f.queue->done("a");
  f.run(1min);
  CHECK(f.started.size() == 2);
}

TEST_CASE("no more keys are in processing than allowed; done makes room") {
  k8s::WorkQueueOptions options;
  options.concurrency = 2;
  QueueFixture f(options);
  for (const char* key : {"a", "b", "c", "d"}) f.queue->add(key);
  f.run();
  CHECK(f.started == Keys{"a", "b"});
  f.queue->done("b");
  f.run();
  CHECK(f.started == Keys{"a", "b", "c"});
  CHECK(f.queue->length() == 1);
}

TEST_CASE("a key that is done inside its own processing, and added there, goes round") {
  QueueFixture f;
  int rounds = 0;
  f.process = [&](const std::string& key) {
    if (++rounds < 5) f.queue->add(key);
    f.queue->done(key);
  };
  f.queue->add("a");
  f.run();
  CHECK(rounds == 5);
  CHECK(f.queue->processing() == 0);
}

TEST_CASE("of several delays of a key the earliest counts, and it is one add") {
  QueueFixture f;
  f.queue->addAfter("a", 10s);
  f.queue->addAfter("a", 3s);
  f.queue->addAfter("a", 20s);
  f.queue->addAfter("b", 5s);
  CHECK(f.queue->delayed() == 2);
  f.run(2999ms);
  CHECK(f.started.empty());
  f.run(2ms);
  CHECK(f.started == Keys{"a"});
  f.queue->done("a");
  f.run(1min);
  CHECK(f.started == Keys{"a", "b"});
  CHECK(f.queue->delayed() == 0);
  f.queue->addAfter("c", 0s);
  f.queue->addAfter("d", -1s);
  f.run();
  CHECK(f.started == Keys{"a", "b", "c", "d"});
}

TEST_CASE("the backoff of a key grows to its bound, apart from other keys, until it is forgotten") {
  k8s::WorkQueueOptions options;
  options.firstBackoff = 100ms;
  options.maxBackoff = 10s;
  QueueFixture f(options);
  const auto wait = [&](const std::string& key) {
    const TimePoint from = f.loop.now();
    f.started.clear();
    f.queue->addRateLimited(key);
    REQUIRE(f.loop.runUntil([&] { return !f.started.empty(); }, 1min));
    f.queue->done(key);
    return f.loop.now() - from;
  };
  Duration expected = 100ms;
  for (int i = 0; i < 10; ++i) {
    const Duration took = wait("a");
    CHECK(took >= expected * 8 / 10);
    CHECK(took <= expected * 12 / 10 + Duration(1ms));
    CHECK(f.queue->retries("a") == i + 1);
    expected = std::min<Duration>(2 * expected, 10s);
  }
  CHECK(wait("b") <= Duration(130ms));
  f.queue->forget("a");
  CHECK(f.queue->retries("a") == 0);
  CHECK(wait("a") <= Duration(130ms));
}

TEST_CASE("starts keep to the rate after the burst") {
  k8s::WorkQueueOptions options;
  options.ratePerSecond = 10;
  options.burst = 5;
  options.concurrency = 1000;
  QueueFixture f(options);
  for (int i = 0; i < 100; ++i) f.queue->add("k" + std::to_string(i));
  f.run();
  CHECK(f.started.size() == 5);
  f.run(1s);
  CHECK(f.started.size() == 15);
  f.run(8s);
  CHECK(f.started.size() == 95);
  f.run(1s);
  CHECK(f.started.size() == 100);
}

TEST_CASE("a token bucket fills up to its burst and no further") {
  k8s::TokenBucket bucket(2, 3);
  TimePoint now{Duration(1h)};
  for (int i = 0; i < 3; ++i) CHECK(bucket.take(now) == Duration::zero());
  const Duration wait = bucket.take(now);
  CHECK(wait > Duration(499ms));
  CHECK(wait < Duration(501ms));
  now += wait;
  CHECK(bucket.take(now) == Duration::zero());
  now += 1h;
  for (int i = 0; i < 3; ++i) CHECK(bucket.take(now) == Duration::zero());
  CHECK(bucket.take(now) > Duration::zero());
  k8s::TokenBucket unlimited(0, 1);
  for (int i = 0; i < 1000; ++i) CHECK(unlimited.take(now) == Duration::zero());
}

TEST_CASE("processing may destroy the queue, and nothing comes after its end") {
  QueueFixture f;
  f.process = [&](const std::string&) { f.queue.reset(); };
  f.queue->add("a");
  f.queue->add("b");
  f.queue->addAfter("c", 1s);
  f.run(1min);
  CHECK(f.started == Keys{"a"});
}

TEST_CASE("under any schedule: never twice at once, and after the last add each key is processed at least once more") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    k8s::WorkQueueOptions options;
    const auto dice = seededRandom(seed * 77);
    options.concurrency = 1 + dice->below(4);
    if (dice->below(2) == 0) {
      options.ratePerSecond = 50;
      options.burst = 3;
    }
    options.maxBackoff = 200ms;
    QueueFixture f(options, seed);
    std::set<std::string> busy;
    std::map<std::string, std::uint64_t> added, seen;  // "how many adds until now", and as of the start of the latest processing
    std::size_t starts = 0, adds = 0;
    std::vector<Timer> ends;
    f.process = [&](const std::string& key) {
      ++starts;
      CHECK(busy.insert(key).second);
      CHECK(busy.size() <= options.concurrency);
      seen[key] = added[key];
      const auto end = [&, key] {
        busy.erase(key);
        if (dice->below(5) == 0) {
          ++added[key], ++adds;
          f.queue->addRateLimited(key);
        }
        if (dice->below(10) == 0) f.queue->forget(key);
        f.queue->done(key);
      };
      if (dice->below(3) == 0) return end();
      ends.push_back(f.loop.after(std::chrono::microseconds(dice->below(30'000)), end));
    };
    for (int i = 0; i < 300; ++i) {
      const std::string key = "k" + std::to_string(dice->below(6));
      ++added[key], ++adds;
      switch (dice->below(3)) {
        case 0: f.queue->add(key); break;
        case 1: f.queue->addAfter(key, std::chrono::microseconds(dice->below(50'000))); break;
        default: f.queue->addRateLimited(key); break;
      }
      f.run(std::chrono::microseconds(dice->below(10'000)));
    }
    f.run(10min);
    INFO("seed " << seed);
    CHECK(busy.empty());
    CHECK(f.queue->length() + f.queue->delayed() + f.queue->processing() == 0);
    CHECK(seen == added);
    CHECK(starts <= adds);
  }
}
