#include "http/sse.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace spawner::http;
using spawner::ErrorKind;

namespace {

std::vector<SseEvent> parse(const std::vector<std::string>& pieces) {
  std::vector<SseEvent> events;
  SseParser parser;
  for (const std::string& piece : pieces) REQUIRE(parser.feed(piece, [&](SseEvent event) { events.push_back(std::move(event)); }));
  return events;
}

SseEvent data(std::string text) {
  SseEvent event;
  event.data = std::move(text);
  return event;
}

}  // namespace

TEST_CASE("Event streams are parsed alike at every pair of split points, with every line ending") {
  const std::string lines =
      "\xEF\xBB\xBF: a comment\n\ndata: {\"ready\": false}\n\nevent: state\nid: Ready\nretry: 1500\ndata: one\ndata:two\ndata\n\n"
      "data: after the id\nunknown: x\nnocolon\n\nevent: no data\n\nid:\ndata:  two spaces\n\ndata: unfinished";
  SseEvent rich = data("one\ntwo\n");
  rich.event = "state";
  rich.id = "Ready";
  rich.retry = std::chrono::milliseconds(1500);
  SseEvent later = data("after the id");
  later.id = "Ready";
  const std::vector<SseEvent> expected = {data("{\"ready\": false}"), rich, later, data(" two spaces")};
  for (const std::string ending : {"\n", "\r", "\r\n"}) {
    std::string stream;
    for (const char c : lines) c == '\n' ? stream += ending : stream += c;
    CAPTURE(ending);
    for (std::size_t first = 0; first <= stream.size(); ++first) {
      for (std::size_t second = first; second <= stream.size(); second += 11) {
        REQUIRE(parse({stream.substr(0, first), stream.substr(first, second - first), stream.substr(second)}) == expected);
      }
    }
  }
}

TEST_CASE("An id with NUL and a retry that is no number are ignored; a long retry is cut to an hour") {
  using namespace std::string_literals;
  const auto events = parse({"id: a\0b\nretry: soon\ndata: 1\n\nretry: 99999999999\ndata: 2\n\n"s});
  REQUIRE(events.size() == 2);
  CHECK(events[0].id.empty());
  CHECK_FALSE(events[0].retry);
  CHECK(events[1].retry == std::chrono::milliseconds(3'600'000));
}

TEST_CASE("Comments are counted: proof of life") {
  SseParser parser;
  REQUIRE(parser.feed(": one\n\n:\n: thr", [](SseEvent) { FAIL("no event"); }));
  CHECK(parser.comments() == 2);
}

TEST_CASE("Lines and events are bounded, and the parser stays failed") {
  const auto ignore = [](SseEvent) {};
  SECTION("a line") {
    SseParser parser({10, 100});
    CHECK(parser.feed("data: 1234\n", ignore));
    const auto failed = parser.feed("data: 12345", ignore);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().kind == ErrorKind::Limit);
    CHECK_FALSE(parser.feed("\n\ndata: x\n\n", [](SseEvent) { FAIL("nothing more"); }));
  }
  SECTION("a line in pieces") {
    SseParser parser({10, 100});
    for (int i = 0; i < 10; ++i) CHECK(parser.feed("x", ignore));
    CHECK_FALSE(parser.feed("x", ignore));
  }
  SECTION("an event of many lines") {
    SseParser parser({10, 30});
    int lines = 0;
    while (parser.feed("data: 1234\n", ignore)) REQUIRE(++lines < 10);
    CHECK(lines == 6);  // five bytes each, with the line break
  }
}

TEST_CASE("What the encoder writes the parser reads, and nothing can break out of its line") {
  SseEvent event = data("a\nb\r\nc\rd\n");
  event.event = "state";
  event.id = "7";
  event.retry = std::chrono::milliseconds(5);
  const auto events = parse({encodeSse(event)});
  REQUIRE(events.size() == 1);
  SseEvent expected = event;
  expected.data = "a\nb\nc\nd\n";
  CHECK(events[0] == expected);

  CHECK(encodeSse(data("{\"ready\": false}")) == "data: {\"ready\": false}\n\n");
  CHECK(encodeSse(data("")) == "data: \n\n");

  SseEvent evil = data("x");
  evil.event = "a\n\ndata: injected";
  evil.id = std::string("i\r\nd\0", 5);
  const auto tame = parse({encodeSse(evil)});
  REQUIRE(tame.size() == 1);
  CHECK(tame[0].event == "a  data: injected");
  CHECK(tame[0].id == "i  d ");
  CHECK(encodeSseComment("a\n\ndata: x") == ": a  data: x\n\n");
}
