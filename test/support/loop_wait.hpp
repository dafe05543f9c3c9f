#pragma once
// Waiting in tests: turns of the loop until something holds; a wait that does not end fails the test and says what it waited for.

#include <catch2/catch.hpp>
#include <functional>
#include <string>

#include "loop/reactor.hpp"

namespace spawner::test {

/// Ends the test case with "waited N s for WHAT" at the limit. The limit is generous: it costs nothing where all is well.
inline void waitFor(Reactor& loop, const std::string& what, const std::function<bool()>& predicate,
                    Duration limit = std::chrono::seconds(10)) {
  if (!loop.runUntil(predicate, limit)) FAIL("waited " << std::chrono::duration<double>(limit).count() << " s for " << what);
}

/// Gives the loop so many turns that anything ready by now has been delivered: for asserting that something did not happen.
inline void turns(Reactor& loop, int count = 3) {
  for (int i = 0; i < count; ++i) {
    bool passed = false;
    loop.post([&passed] { passed = true; });
    waitFor(loop, "a turn of the loop", [&passed] { return passed; });
  }
}

}  // namespace spawner::test
