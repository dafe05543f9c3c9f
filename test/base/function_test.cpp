// UniqueFunction: what it holds is moved, called and destroyed once, inside itself or not.
#include "spawner/function.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <memory>

using namespace spawner;

namespace {

/// Counts itself. Padding decides whether it fits inside.
template <std::size_t Padding>
struct Counted {
  explicit Counted(int& of) : alive(&of) { ++*alive; }
  Counted(const Counted&) = delete;
  Counted(Counted&& other) noexcept : alive(other.alive), calls(other.calls) { ++*alive; }
  ~Counted() { --*alive; }
  int operator()(int x) { return x + ++calls; }
  int* alive;
  int calls = 0;
  [[no_unique_address]] std::array<char, Padding> padding{};
};

template <std::size_t Padding>
void holdsOne() {
  int alive = 0;
  {
    UniqueFunction<int(int)> first = Counted<Padding>(alive);
    CHECK(alive == 1);
    CHECK(first(10) == 11);
    UniqueFunction<int(int)> second = std::move(first);
    CHECK_FALSE(first);
    CHECK(alive == 1);
    CHECK(second(10) == 12);  // the same one
    second = Counted<Padding>(alive);
    CHECK(alive == 1);
    CHECK(second(10) == 11);
    second = std::move(*&second);
    CHECK(second(10) == 12);
    second = nullptr;
    CHECK(alive == 0);
    CHECK_FALSE(second);
    first = Counted<Padding>(alive);
  }
  CHECK(alive == 0);
}

}  // namespace

TEST_CASE("a function holds one callable, small or large") {
  static_assert(sizeof(Counted<0>) <= 2 * sizeof(void*) && sizeof(Counted<64>) > 2 * sizeof(void*));
  holdsOne<0>();
  holdsOne<64>();
}

TEST_CASE("a function takes move-only arguments and captures, and gives references") {
  UniqueFunction<std::unique_ptr<int>(std::unique_ptr<int>)> add = [with = std::make_unique<int>(5)](std::unique_ptr<int> to) {
    *to += *with;
    return to;
  };
  CHECK(*add(std::make_unique<int>(2)) == 7);
  int value = 1;
  UniqueFunction<int&()> ref = [&value]() -> int& { return value; };
  ref() = 3;
  CHECK(value == 3);
}

TEST_CASE("what a replaced callable captured goes when the new one is in place") {
  Task task;
  bool sawNew = false;
  const auto tell = [&](void*) { sawNew = static_cast<bool>(task); };
  task = [held = std::unique_ptr<void, decltype(tell)>(&task, tell)] {};
  task = [] {};
  CHECK(sawNew);
}
