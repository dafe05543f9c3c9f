#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "modes/sidecar/session_mapping.hpp"
#include "support/temp_dir.hpp"

using namespace spawner;
using namespace spawner::sidecar;
namespace fs = std::filesystem;

namespace {

session::SessionRecord sample() {
  session::SessionRecord record;
  record.podUid = "pod";
  record.bootId = "boot";
  record.used = true;
  return record;
}

}  // namespace

TEST_CASE("what one process stores the next one loads", "[integration]") {
  test::TempDir dir;
  {
    auto mapping = SessionMapping::open(dir / "s");
    REQUIRE(mapping.ok());
    session::SessionFile file(mapping->memory());
    CHECK_FALSE(file.load().has_value());
    file.store(sample());
  }
  auto mapping = SessionMapping::open(dir / "s");
  REQUIRE(mapping.ok());
  CHECK(session::SessionFile(mapping->memory()).load() == sample());
  struct stat info {};
  REQUIRE(::stat((dir / "s").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0600);
  CHECK(info.st_size == 4096);
}

TEST_CASE("one living process at a time", "[integration]") {
  test::TempDir dir;
  auto first = SessionMapping::open(dir / "s");
  REQUIRE(first.ok());
  const auto second = SessionMapping::open(dir / "s");
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().kind == ErrorKind::Conflict);
}

TEST_CASE("what another could have put there is not used, and is replaced where we may", "[integration]") {
  test::TempDir dir;
  const std::string path = dir / "s";
  const int kind = GENERATE(0, 1, 2, 3, 4);
  const std::string victim = dir.write("victim", "precious");
  if (kind == 0) fs::create_symlink(victim, path);
  if (kind == 1) fs::create_hard_link(victim, path);
  if (kind == 2) {
    dir.write("s", std::string(4096, 'x'));
    ::chmod(path.c_str(), 0666);
  }
  if (kind == 3) REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  if (kind == 4) {
    dir.write("s", std::string(100'000, 'x'));
    ::chmod(path.c_str(), 0600);
  }
  auto mapping = SessionMapping::open(path);
  REQUIRE(mapping.ok());
  CHECK_FALSE(session::SessionFile(mapping->memory()).load().has_value());
  session::SessionFile(mapping->memory()).store(sample());
  CHECK(dir.read("victim") == "precious");
}

TEST_CASE("garbage of the right shape is as no file", "[integration]") {
  test::TempDir dir;
  dir.write("s", std::string(4096, 'x'));
  ::chmod((dir / "s").c_str(), 0600);
  auto mapping = SessionMapping::open(dir / "s");
  REQUIRE(mapping.ok());
  CHECK_FALSE(session::SessionFile(mapping->memory()).load().has_value());
}

TEST_CASE("no folder, no file: an error that names it", "[integration]") {
  const auto mapping = SessionMapping::open("/nonexistent-folder/s");
  REQUIRE_FALSE(mapping.ok());
  CHECK(mapping.error().message.find("/nonexistent-folder/s") != std::string::npos);
  CHECK(mapping.error().kind != ErrorKind::Conflict);
}

TEST_CASE("memory without a file begins blank", "[integration]") {
  auto mapping = SessionMapping::anonymous();
  session::SessionFile file(mapping.memory());
  CHECK_FALSE(file.load().has_value());
  file.store(sample());
  CHECK(file.load() == sample());
}
