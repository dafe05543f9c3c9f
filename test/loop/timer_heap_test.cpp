#include "loop/timer_heap.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <random>

using namespace spawner;
using namespace std::chrono_literals;

namespace {
TimePoint at(int ns) { return TimePoint(Duration(ns)); }
}  // namespace

TEST_CASE("timer heap: times come in order, equal times by their tie") {
  TimerHeap heap;
  std::string ran;
  heap.add(at(2), 5, [&] { ran += 'c'; });
  heap.add(at(1), 9, [&] { ran += 'a'; });
  heap.add(at(2), 3, [&] { ran += 'b'; });
  heap.add(at(3), 0, [&] { ran += 'd'; });
  while (!heap.empty()) heap.pop()();
  CHECK(ran == "abcd");
}

TEST_CASE("timer heap: an id stays dead when its slot is used again") {
  TimerHeap heap;
  const auto first = heap.add(at(1), 0, [] {});
  CHECK(heap.contains(first));
  CHECK(heap.remove(first));
  CHECK_FALSE(heap.contains(first));
  const auto second = heap.add(at(1), 0, [] {});
  CHECK(heap.capacity() == 1);
  CHECK(first != second);
  CHECK_FALSE(heap.contains(first));
  CHECK_FALSE(heap.remove(first));
  CHECK(heap.contains(second));
  CHECK_FALSE(heap.contains(0));
  CHECK_FALSE(heap.contains(UINT64_MAX));
}

TEST_CASE("timer heap: 10,000 timers armed again and again need 10,000 slots") {
  TimerHeap heap;
  std::mt19937 random(1);
  std::vector<std::uint64_t> ids(10000);
  std::uint64_t tie = 0;
  for (auto& id : ids) id = heap.add(at(static_cast<int>(random() % 1000000)), tie++, [] {});
  for (int round = 0; round < 30; ++round)
    for (auto& id : ids) {
      REQUIRE(heap.remove(id));
      id = heap.add(at(static_cast<int>(random() % 1000000)), tie++, [] {});
    }
  CHECK(heap.size() == 10000);
  CHECK(heap.capacity() == 10000);
}

TEST_CASE("timer heap: random adds, removes and pops agree with a sorted map") {
  const unsigned seed = GENERATE(1u, 2u, 3u, 4u, 5u);
  std::mt19937 random(seed);
  TimerHeap heap;
  using Key = std::pair<TimePoint, std::uint64_t>;
  std::map<Key, std::uint64_t> model;
  std::uint64_t tie = 0;
  std::uint64_t ran = 0;
  for (int step = 0; step < 20000; ++step) {
    const unsigned choice = random() % 10;
    if (choice < 5 || model.empty()) {
      const Key key{at(static_cast<int>(random() % 50)), tie++};
      model[key] = heap.add(key.first, key.second, [&ran, t = key.second] { ran = t; });
    } else if (choice < 8) {
      auto victim = std::next(model.begin(), static_cast<long>(random() % model.size()));
      Task task = heap.remove(victim->second);
      REQUIRE(task);
      task();
      REQUIRE(ran == victim->first.second);
      REQUIRE_FALSE(heap.contains(victim->second));
      model.erase(victim);
    } else {
      REQUIRE(heap.nextDue() == model.begin()->first.first);
      heap.pop()();
      REQUIRE(ran == model.begin()->first.second);
      model.erase(model.begin());
    }
    REQUIRE(heap.size() == model.size());
  }
  for (const auto& [key, id] : model) REQUIRE(heap.contains(id));
}
