// ContainerLog: what a program wrote, in the file and as the tail that outlives it.
#include "cluster/container_log.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "loop/reactor.hpp"

using namespace spawner;
using namespace spawner::cluster;
using namespace std::chrono_literals;

namespace {

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "container-log-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(path / name).rdbuf();
    return text.str();
  }
};

void write(const ContainerLog& log, const std::string& text) {
  REQUIRE(::write(log.writeEnd(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

}  // namespace

TEST_CASE("a container's log: the tail has the last bytes, what nobody has read yet included", "[integration]") {
  const Folder folder;
  Reactor loop;
  auto log = ContainerLog::open(loop, folder.path / "pod" / "web.log", 1 << 20, 8);
  REQUIRE(log);
  write(**log, "abc");
  CHECK(loop.runUntil([&] { return folder.read("pod/web.log") == "abc"; }, 5s));
  write(**log, "0123456789");  // no turn of the loop in between
  CHECK((*log)->tail() == "23456789");
  CHECK(folder.read("pod/web.log") == "abc0123456789");
  CHECK((*log)->tail() == "23456789");
}

TEST_CASE("a container's log: a file beyond its size is put aside, the tail goes on", "[integration]") {
  const Folder folder;
  Reactor loop;
  auto log = ContainerLog::open(loop, folder.path / "web.log", 10, 6);
  REQUIRE(log);
  for (const char* text : {"first...", "second..", "third..."}) {
    write(**log, text);
    CHECK(loop.runUntil([&] { return folder.read("web.log") == text; }, 5s));
  }
  CHECK(folder.read("web.log.1") == "second..");
  CHECK((*log)->tail() == "ird...");
}
