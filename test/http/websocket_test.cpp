#include "http/websocket.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace spawner::http;

namespace {

WsFrameHead frame(WsOpcode opcode, std::uint64_t length, bool masked = false) {
  WsFrameHead head;
  head.opcode = opcode;
  head.length = length;
  head.masked = masked;
  if (masked) head.mask = {1, 2, 3, 4};
  return head;
}

}  // namespace

TEST_CASE("Frame heads of every size come back, split anywhere, and nothing behind them is taken") {
  for (const std::uint64_t length : {0ULL, 1ULL, 125ULL, 126ULL, 65535ULL, 65536ULL, 1ULL << 40, (1ULL << 63) - 1}) {
    for (const bool masked : {false, true}) {
      WsFrameHead head = frame(WsOpcode::Binary, length, masked);
      head.reserved = 4;
      head.fin = false;
      const std::string bytes = encodeWsHead(head);
      CHECK(bytes.size() == 2U + (length < 126 ? 0 : length < 65536 ? 2 : 8) + (masked ? 4 : 0));
      for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        WsHeadParser parser;
        const auto first = parser.feed(std::string_view(bytes).substr(0, cut));
        if (cut < bytes.size()) {
          CHECK(first.status == WsHeadParser::Status::NeedMore);
          CHECK(first.consumed == cut);
          CHECK(parser.started() == (cut > 0));
          const std::string rest = bytes.substr(cut) + "payload";
          const auto second = parser.feed(rest);
          REQUIRE(second.status == WsHeadParser::Status::Done);
          CHECK(second.consumed == bytes.size() - cut);
        } else {
          REQUIRE(first.status == WsHeadParser::Status::Done);
        }
        CHECK(parser.head() == head);
        CHECK_FALSE(parser.started());
      }
    }
  }
}

TEST_CASE("Malformed frame heads are refused (RFC 6455 §5.2, §5.5)") {
  using namespace std::string_literals;
  const std::vector<std::pair<std::string, const char*>> cases = {
      {"\x83\x00"s, "opcode 3"},
      {"\x8b\x00"s, "opcode 11"},
      {"\x82\x7e\x00\x7d"s, "length 125 in two bytes"},
      {"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"s, "length 65535 in eight bytes"},
      {"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00"s, "top bit set"},
      {"\x09\x00"s, "a fragmented ping"},
      {"\x88\x7e\x00\x7e"s, "a close of 126 bytes"},
  };
  for (const auto& [bytes, what] : cases) {
    CAPTURE(what);
    CHECK(WsHeadParser().feed(bytes).status == WsHeadParser::Status::Malformed);
  }
}

TEST_CASE("Masking is its own inverse, from any offset") {
  const std::string text = "The quick brown fox";
  const std::array<std::uint8_t, 4> mask = {0x37, 0xfa, 0x21, 0x3d};
  std::string whole = text;
  applyWsMask(whole, mask);
  CHECK(whole != text);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    std::string pieces = whole;
    applyWsMask(std::span(pieces).subspan(0, cut), mask);
    applyWsMask(std::span(pieces).subspan(cut), mask, cut);
    CHECK(pieces == text);
  }
  // RFC 6455 §5.7: a single-frame masked "Hello".
  CHECK(encodeMaskedWsFrame(WsOpcode::Text, "Hello", mask) == "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
  CHECK(encodeWsFrame(WsOpcode::Text, "Hello") == "\x81\x05Hello");
}

TEST_CASE("The accept key is that of RFC 6455 §1.3") { CHECK(wsAcceptKey("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); }

TEST_CASE("Close frames carry the code, and a reason cut at a character") {
  CHECK(encodeWsClose(1001) == "\x88\x02\x03\xe9");
  CHECK(encodeWsClose(1001, "bye") ==
        "\x88\x05\x03\xe9"
        "bye");
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "\xC3\xA4";
  const std::string close = encodeWsClose(1000, umlauts);
  CHECK(close.size() == 2 + 2 + 122);  // 123 would cut a character in two
  CHECK(static_cast<unsigned char>(close.back()) == 0xA4);
}

TEST_CASE("The tracker knows frame boundaries at every split point") {
  const std::vector<std::string> frames = {encodeWsFrame(WsOpcode::Text, "hello"), encodeWsFrame(WsOpcode::Ping, ""),
                                           encodeMaskedWsFrame(WsOpcode::Binary, std::string(300, 'x'), {9, 8, 7, 6}),
                                           encodeWsFrame(WsOpcode::Text, std::string(70'000, 'y'))};
  std::string stream;
  std::vector<std::size_t> ends = {0};
  for (const std::string& bytes : frames) ends.push_back((stream += bytes).size());
  for (std::size_t cut = 0; cut <= stream.size(); cut += cut < 400 ? 1 : 97) {
    FrameTracker tracker;
    tracker.feed(std::string_view(stream).substr(0, cut));
    const bool boundary = std::find(ends.begin(), ends.end(), cut) != ends.end();
    REQUIRE(tracker.betweenFrames() == boundary);
    const std::size_t to = tracker.feedToBoundary(std::string_view(stream).substr(cut));
    REQUIRE(cut + to == *std::lower_bound(ends.begin(), ends.end(), cut));
    REQUIRE(tracker.betweenFrames());
    CHECK_FALSE(tracker.closed());
    tracker.feed(std::string_view(stream).substr(cut + to));
    REQUIRE(tracker.betweenFrames());
  }
}

TEST_CASE("The tracker sees a close frame when it is complete, and what is no WebSocket") {
  FrameTracker tracker;
  const std::string close = encodeWsClose(1000, "x");
  for (const char c : close) {
    CHECK_FALSE(tracker.closed());
    tracker.feed({&c, 1});
  }
  CHECK(tracker.closed());
  FrameTracker empty;
  empty.feed(encodeWsFrame(WsOpcode::Close, ""));
  CHECK(empty.closed());

  FrameTracker other;
  other.feed("HTTP/1.1 200 OK");
  CHECK(other.malformed());
  CHECK_FALSE(other.betweenFrames());
  CHECK(other.feedToBoundary("more") == 0);
}
