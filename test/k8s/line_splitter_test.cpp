// Lines out of bytes that are cut anywhere.
#include "k8s/line_splitter.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "base/crypto.hpp"

using namespace spawner;
using k8s::LineSplitter;

namespace {

/// All lines that are whole by now.
std::vector<std::string> drain(LineSplitter& splitter) {
  std::vector<std::string> lines;
  for (;;) {
    const auto line = splitter.next();
    REQUIRE(line.ok());
    if (!*line) return lines;
    lines.emplace_back(**line);
  }
}

}  // namespace

TEST_CASE("lines are the same at every pair of cuts") {
  const std::string text = "one\n\ntwo two\r\n{\"three\":3}\nrest";
  const std::vector<std::string> expected = {"one", "two two", "{\"three\":3}"};
  for (std::size_t first = 0; first <= text.size(); ++first) {
    for (std::size_t second = first; second <= text.size(); ++second) {
      LineSplitter splitter(100);
      std::vector<std::string> lines;
      for (const std::string& piece : {text.substr(0, first), text.substr(first, second - first), text.substr(second)}) {
        splitter.feed(piece);
        for (std::string& line : drain(splitter)) lines.push_back(std::move(line));
      }
      CHECK(lines == expected);
      CHECK(splitter.partial());
      splitter.feed("\n");
      CHECK(drain(splitter) == std::vector<std::string>{"rest"});
      CHECK_FALSE(splitter.partial());
    }
  }
}

TEST_CASE("a line of exactly the bound passes, one byte more does not, whole or not") {
  LineSplitter fits(8);
  fits.feed("12345678\n");
  CHECK(drain(fits) == std::vector<std::string>{"12345678"});
  LineSplitter whole(8);
  whole.feed("123456789\n");
  CHECK(whole.next().error().kind == ErrorKind::Limit);
  LineSplitter begun(8);
  for (int i = 0; i < 8; ++i) {
    begun.feed("x");
    CHECK(begun.next().ok());
  }
  begun.feed("x");
  CHECK(begun.next().error().kind == ErrorKind::Limit);
}

TEST_CASE("lines survive any random cutting, and each has readable bytes behind it") {
  const auto random = seededRandom(7);
  std::string text;
  std::vector<std::string> expected;
  for (int i = 0; i < 500; ++i) {
    std::string line(1 + random->below(3000), static_cast<char>('a' + i % 26));
    text += line + "\n";
    expected.push_back(std::move(line));
  }
  LineSplitter splitter(4096);
  std::vector<std::string> lines;
  unsigned sum = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = std::min<std::size_t>(1 + random->below(5000), text.size() - at);
    splitter.feed(std::string_view(text).substr(at, size));
    at += size;
    for (;;) {
      const auto line = splitter.next();
      REQUIRE(line.ok());
      if (!*line) break;
      for (std::size_t i = 0; i < LineSplitter::padding; ++i)
        sum += static_cast<unsigned char>((*line)->data()[(*line)->size() + i]);  // ASan looks
      lines.emplace_back(**line);
    }
  }
  CHECK(lines == expected);
  CHECK(sum != 0);
}
