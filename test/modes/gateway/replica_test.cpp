// A lane's copy of the sessions, and what it asks for.
#include "modes/gateway/replica.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "loop/sim_loop.hpp"
#include "modes/gateway/setup.hpp"

using namespace spawner;
using gateway::Change;
using gateway::Replica;
using namespace std::chrono_literals;

namespace {

role::SlabPtr slabOf(const std::string& uid) {
  Slab slab;
  slab.meta.uid = uid;
  return std::make_shared<const Slab>(std::move(slab));
}

struct Fixture {
  explicit Fixture(std::size_t maxAsked = 10) : replica(loop, maxAsked, [this](const std::string& name) { asked.push_back(name); }) {}
  Pending lookup(const std::string& name) {
    return replica.lookup(name, [this, name](const Result<role::SlabPtr>& slab) {
      answers.push_back(name + " " + (slab ? (*slab)->meta.uid : std::string(toString(slab.error().kind))));
    });
  }
  SimLoop loop{1};
  std::vector<std::string> asked, answers;
  Replica replica;
};

}  // namespace

TEST_CASE("replica: finds what was told last, and nothing that was taken back") {
  Fixture of;
  CHECK_FALSE(of.replica.find("x"));
  of.replica.apply(Change{"x", slabOf("1"), slabOf("1")});
  of.replica.apply(Change{"y", slabOf("2"), slabOf("2")});
  CHECK(of.replica.find("x")->meta.uid == "1");
  // An incarnation ended, and its successor is what is known.
  of.replica.apply(Change{"x", slabOf("1"), slabOf("3")});
  CHECK(of.replica.find("x")->meta.uid == "3");
  of.replica.apply(Change{"x", nullptr, nullptr});
  CHECK_FALSE(of.replica.find("x"));
  CHECK(of.replica.size() == 1);
}

TEST_CASE("replica: what it gives is the slab itself, with owners counted apart") {
  Fixture of;
  const role::SlabPtr slab = slabOf("1");
  of.replica.apply(Change{"x", slab, slab});
  const long owners = slab.use_count();
  const role::SlabPtr found = of.replica.find("x");
  CHECK(found.get() == slab.get());
  CHECK(slab.use_count() == owners);
  of.replica.apply(Change{"x", nullptr, nullptr});
  CHECK(found->meta.uid == "1");
}

TEST_CASE("replica: all who wait for a name are answered by one question, each once, and not who has left") {
  Fixture of;
  const Pending first = of.lookup("x");
  Pending second = of.lookup("x");
  const Pending third = of.lookup("x");
  const Pending other = of.lookup("y");
  CHECK(of.asked == std::vector<std::string>{"x", "y"});
  second.reset();
  of.replica.answered("x", slabOf("1"));
  CHECK(of.answers == std::vector<std::string>{"x 1", "x 1"});
  of.replica.answered("x", slabOf("2"));  // nobody waits
  of.replica.answered("y", Error{ErrorKind::NotFound, "none", std::nullopt});
  CHECK(of.answers == std::vector<std::string>{"x 1", "x 1", "y NotFound"});
  const Pending again = of.lookup("x");
  CHECK(of.asked.size() == 3);
}

TEST_CASE("replica: so many names are asked for at once; who left still counts until the answer; beyond is Limit, in a later turn") {
  Fixture of(2);
  Pending first = of.lookup("a");
  const Pending second = of.lookup("b");
  first.reset();
  const Pending third = of.lookup("c");
  const Pending joined = of.lookup("a");
  CHECK(of.asked == std::vector<std::string>{"a", "b"});
  CHECK(of.answers.empty());
  of.loop.runFor(1ms);
  CHECK(of.answers == std::vector<std::string>{"c Limit"});
  of.replica.answered("a", slabOf("1"));
  CHECK(of.answers.back() == "a 1");
  const Pending fourth = of.lookup("c");
  CHECK(of.asked.back() == "c");
}

TEST_CASE("replica: nothing is answered after it is gone") {
  std::vector<std::string> asked;
  SimLoop loop(1);
  Pending left, refused;
  {
    Replica replica(loop, 1, [&](const std::string& name) { asked.push_back(name); });
    left = replica.lookup("x", [](const Result<role::SlabPtr>&) { FAIL("answered"); });
    refused = replica.lookup("y", [](const Result<role::SlabPtr>&) { FAIL("answered"); });
  }
  loop.runFor(1s);
}

TEST_CASE("gateway: the shares of a limit add up to it, and differ by one at most") {
  for (const std::size_t total : {0, 1, 2, 7, 20'000})
    for (const std::size_t loops : {1, 2, 3, 64}) {
      std::size_t sum = 0;
      for (std::size_t index = 0; index < loops; ++index) {
        const std::size_t share = gateway::shareOf(total, loops, index);
        CHECK(share >= total / loops);
        CHECK(share <= total / loops + 1);
        sum += share;
      }
      CHECK(sum == total);
    }
}
