// Recycled memory: used again, bounded, and kept by what lies in it.

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/recycled.hpp"

using namespace spawner;

TEST_CASE("recycled strings come back empty, with their memory, up to the limit") {
  RecycledStrings strings(2);
  std::vector<const char*> places;
  std::vector<std::string> taken(3);
  for (std::string& text : taken) {
    text = strings.take();
    CHECK(text.empty());
    CHECK(text.capacity() >= 512);
    text = text.append(100, 'x');
    places.push_back(text.data());
  }
  for (std::string& text : taken) {
    strings.give(text);
    CHECK(text.empty());
    CHECK(text.capacity() < 100);
  }
  std::string last = strings.take();
  CHECK(last.empty());
  CHECK(last.data() == places[1]);
  std::string first = strings.take();
  CHECK(first.data() == places[0]);
}

TEST_CASE("strings that grew large, or hold nothing, are not kept") {
  RecycledStrings strings(2);
  std::string large(64 * 1024, 'x');
  const char* const place = large.data();
  strings.give(large);
  CHECK(large.capacity() < 100);
  std::string small = "short";
  strings.give(small);
  std::string next = strings.take();
  CHECK(next.data() != place);
  CHECK(next.capacity() >= 512);
  CHECK(next.capacity() < 64 * 1024);
}

TEST_CASE("shared objects in recycled blocks may outlive their owner") {
  struct Thing {
    std::string text = "held until it goes";
  };
  auto blocks = std::make_shared<RecycledBlocks>(1);
  const std::weak_ptr<RecycledBlocks> watched = blocks;
  auto one = std::allocate_shared<Thing>(RecyclingAllocator<Thing>(blocks));
  auto two = std::allocate_shared<Thing>(RecyclingAllocator<Thing>(blocks));
  const std::weak_ptr<Thing> weak = one;
  one.reset();
  CHECK(weak.expired());
  auto three = std::allocate_shared<Thing>(RecyclingAllocator<Thing>(blocks));
  CHECK(three->text == two->text);
  blocks.reset();
  two.reset();
  CHECK_FALSE(watched.expired());
  three.reset();
  CHECK_FALSE(watched.expired());  // the weak pointer's block is still out
}
