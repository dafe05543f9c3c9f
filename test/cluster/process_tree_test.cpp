// Processes found by their mark, whatever they do to hide.

#include "cluster/process_tree.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>

#include "loop/process.hpp"
#include "support/loop_wait.hpp"
#include "support/temp_dir.hpp"

using namespace spawner;
using namespace spawner::test;

namespace {

constexpr std::string_view mark = "SPAWNER_TEST_MARK";

struct Processes {
  Reactor loop;
  TempDir folder;
  const std::string restless = folder.write("restless", "#!/bin/sh\nexec \"$0\"\n", true);
  const std::string value = folder.path().filename().string() + "/";  // of this test alone

  std::unique_ptr<ChildProcess> start(std::vector<std::string> argv, std::vector<std::pair<std::string, std::string>> env) {
    ProcessOptions options;
    options.argv = std::move(argv);
    options.env = std::move(env);
    auto child = ChildProcess::start(loop, options, nullptr);
    REQUIRE(child.ok());
    return std::move(*child);
  }
  /// A program that does nothing but become itself again.
  std::unique_ptr<ChildProcess> startRestless() { return start({restless}, {{std::string(mark), value + "1"}}); }
  [[nodiscard]] std::vector<pid_t> marked() const { return cluster::markedProcesses(mark, {value}); }
  /// A child that was started a moment ago may still have the memory of its parent, which has no mark.
  void awaitMark(pid_t pid) const {
    for (int look = 0; look < 10'000; ++look)
      if (const std::vector<pid_t> all = marked(); std::find(all.begin(), all.end(), pid) != all.end()) return;
    FAIL("process " << pid << " never has the mark");
  }
};

}  // namespace

TEST_CASE("process tree: the mark is a variable's whole name and its value's beginning", "[integration]") {
  Processes p;
  const auto with = p.start({"/bin/sleep", "600"}, {{"A", "1"}, {std::string(mark), p.value + "1"}});
  const auto other = p.start({"/bin/sleep", "600"}, {{std::string(mark), "another/" + p.value}});
  const auto longer = p.start({"/bin/sleep", "600"}, {{std::string(mark) + "S", p.value + "1"}});
  const auto empty = p.start({"/bin/sleep", "600"}, {});
  CHECK(p.marked() == std::vector<pid_t>{with->pid()});
}

TEST_CASE("process tree: processes in the midst of an exec are ended", "[integration]") {
  Processes p;
  for (int i = 0; i < 100; ++i) {
    CAPTURE(i);
    std::vector<std::unique_ptr<ChildProcess>> children;
    for (int n = 0; n < 6; ++n) {
      children.push_back(p.startRestless());
      p.awaitMark(children.back()->pid());
    }
    REQUIRE(cluster::killMarked(mark, {p.value}, 100) >= 6);
    for (const auto& child : children) waitFor(p.loop, "its end", [&] { return !child->running(); });
  }
}
