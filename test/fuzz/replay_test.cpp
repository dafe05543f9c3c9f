// The committed corpora, and every beginning of each file of them, through the targets: what was found once stays found.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "fuzz/targets.hpp"

TEST_CASE("the corpora of the fuzz targets hold", "[integration]") {
  for (const auto& target : spawner::fuzz::targets()) {
    const auto folder = std::filesystem::path(SPAWNER_SOURCE_DIR) / "test" / "fuzz" / "corpus" / target.name;
    CAPTURE(folder.string());
    REQUIRE(std::filesystem::exists(folder));
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      std::ifstream in(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
      target.run(bytes);
      const std::size_t step = bytes.size() / 64 + 1;
      for (std::size_t size = 0; size < bytes.size(); size += step) target.run(std::string_view(bytes).substr(0, size));
      ++files;
    }
    CHECK(files > 0);
  }
}
