// Giving back the pages of the start: fewer are resident, and all that was written or relocated is as it was.

#include <catch2/catch.hpp>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/start_pages.hpp"

using namespace spawner;

namespace {

/// KiB of this process's memory that is resident and of a file, and KiB that it wrote to.
struct Resident {
  long ofFiles = 0, written = 0;
};
Resident resident() {
  std::ifstream rollup("/proc/self/smaps_rollup");
  Resident result;
  long anonymous = 0;
  for (std::string word; rollup >> word;) {
    if (word == "Rss:") rollup >> result.ofFiles;
    if (word == "Private_Dirty:") rollup >> result.written;
    if (word == "Anonymous:") rollup >> anonymous;
  }
  result.ofFiles -= anonymous;
  return result;
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
  CHECK(after.written >= before.written - 64);
  CHECK(written == 2);
  CHECK(relocated[1] == "second");
  CHECK_THROWS_AS(throw std::runtime_error("unwinding needs the tables too"), std::runtime_error);
  unmapStartPages();  // again, with what came back
  CHECK(relocated[0] == "first");
}
