// Processes found by their mark, whatever they do to hide.

#include "cluster/process_tree.hpp"

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
  std::unique_ptr<ChildProcess> startRestless() {
    const std::string script = folder.write("restless", "#!/bin/sh\nexec \"$0\"\n", true);
    return start({script}, {{std::string(mark), value + "1"}});
  }
  [[nodiscard]] std::vector<pid_t> marked() const { return cluster::markedProcesses(mark, {value}); }
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

TEST_CASE("process tree: a process in the midst of an exec is found", "[integration]") {
  Processes p;
  const auto child = p.startRestless();
  for (int scan = 0; scan < 300; ++scan) {
    CAPTURE(scan);
    REQUIRE(p.marked() == std::vector<pid_t>{child->pid()});
  }
}

TEST_CASE("process tree: a process in the midst of an exec is ended", "[integration]") {
  Processes p;
  for (int i = 0; i < 20; ++i) {
    const auto child = p.startRestless();
    CHECK(cluster::killMarked(mark, {p.value}, 100) >= 1);
    CHECK(p.marked().empty());
    waitFor(p.loop, "its end", [&] { return !child->running(); });
  }
}
