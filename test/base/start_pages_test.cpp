// Giving back the pages of the start: fewer are resident, and all that was written or relocated is as it was.

#include <catch2/catch.hpp>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/start_pages.hpp"

using namespace spawner;

namespace {

/// KiB of this process's memory that is resident: of files, and its own (what it wrote to). Not Private_Dirty: of a program that was just
/// linked that counts pages of its file that are not on the disk yet.
struct Resident {
  long ofFiles = 0, own = 0;
};
Resident resident() {
  std::ifstream rollup("/proc/self/smaps_rollup");
  long all = 0, own = 0;
  for (std::string word; rollup >> word;) {
    if (word == "Rss:") rollup >> all;
    if (word == "Anonymous:") rollup >> own;
  }
  REQUIRE(own > 0);
  return {.ofFiles = all - own, .own = own};
}

int written = 1;
const std::string_view relocated[] = {"first", "second"};  // addresses: written by the loader, then made unwritable

}  // namespace

TEST_CASE("the start's pages: code and constants go and come back, nothing else does") {
  written = 2;
  const Resident before = resident();
  unmapStartPages();
  const Resident after = resident();
  INFO("KiB of files: " << before.ofFiles << " before, " << after.ofFiles << " after");
  CHECK(after.ofFiles < before.ofFiles / 2);
  CHECK(after.own >= before.own);
  CHECK(written == 2);
  CHECK(relocated[1] == "second");
  CHECK_THROWS_AS(throw std::runtime_error("unwinding needs the tables too"), std::runtime_error);
  unmapStartPages();  // again, with what came back
  CHECK(relocated[0] == "first");
}
