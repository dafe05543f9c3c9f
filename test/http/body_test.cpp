#include "http/body.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace spawner::http;

namespace {

struct Decoded {
  std::string data;
  BodyStep::Status status = BodyStep::Status::More;
  std::string rest;  // what the decoder left
  std::string reason;
};

/// Feeds the pieces; checks that data is a view into the piece, and that every call takes something.
Decoded decode(BodyDecoder decoder, const std::vector<std::string>& pieces) {
  Decoded result;
  if (decoder.done()) result.status = BodyStep::Status::Done;
  for (const std::string& piece : pieces) {
    std::string_view bytes = piece;
    while (!bytes.empty() && result.status == BodyStep::Status::More) {
      const BodyStep step = decoder.next(bytes);
      REQUIRE(step.consumed > 0);
      if (!step.data.empty()) {
        REQUIRE(step.data.data() >= bytes.data());
        REQUIRE(step.data.data() + step.data.size() <= bytes.data() + step.consumed);
      }
      result.data += step.data;
      result.status = step.status;
      result.reason = step.refusal.reason;
      bytes.remove_prefix(step.consumed);
    }
    result.rest += bytes;
  }
  CHECK(decoder.done() == (result.status == BodyStep::Status::Done));
  return result;
}

BodyDecoder chunked(ChunkLimits limits = {}) { return BodyDecoder(Framing::Chunked, 0, limits); }

}  // namespace

TEST_CASE("A body of known length ends after it, at every split point") {
  const std::string stream = "hello worldNEXT";
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    const Decoded got = decode(BodyDecoder(Framing::Length, 11), {stream.substr(0, cut), stream.substr(cut)});
    CHECK(got.status == BodyStep::Status::Done);
    CHECK(got.data == "hello world");
    CHECK(got.rest == "NEXT");
  }
  CHECK(BodyDecoder(Framing::Length, 0).done());
  CHECK(BodyDecoder(Framing::None, 5).done());
  CHECK(BodyDecoder().done());
  BodyDecoder cut(Framing::Length, 5);
  (void)cut.next("abc");
  CHECK_FALSE(cut.endOfInput());
}

TEST_CASE("A body until the end of the connection takes everything and ends there") {
  BodyDecoder decoder(Framing::UntilClose, 0);
  CHECK(decoder.next("abc").data == "abc");
  CHECK_FALSE(decoder.done());
  CHECK(decoder.endOfInput());
  CHECK(decoder.done());
}

TEST_CASE("Chunks are decoded at every pair of split points") {
  const std::string stream =
      "5\r\nhello\r\n001;a=b;c=\"d\te\"\r\n \r\n0aB\r\n" + std::string(0xab, 'w') + "\r\n000\r\nTrailer: x\r\nT2: \r\n\r\nNEXT";
  const std::string data = "hello " + std::string(0xab, 'w');
  for (std::size_t first = 0; first <= stream.size(); ++first) {
    for (std::size_t second = first; second <= stream.size(); second += 5) {
      const Decoded got = decode(chunked(), {stream.substr(0, first), stream.substr(first, second - first), stream.substr(second)});
      REQUIRE(got.status == BodyStep::Status::Done);
      REQUIRE(got.data == data);
      REQUIRE(got.rest == "NEXT");
    }
  }
}

TEST_CASE("A chunked body that is cut is not whole, wherever it is cut") {
  const std::string stream = "5\r\nhello\r\n0\r\n\r\n";
  for (std::size_t cut = 0; cut < stream.size(); ++cut) {
    BodyDecoder decoder = chunked();
    std::string_view bytes = std::string_view(stream).substr(0, cut);
    while (!bytes.empty()) bytes.remove_prefix(decoder.next(bytes).consumed);
    CHECK_FALSE(decoder.endOfInput());
  }
}

TEST_CASE("Malformed chunks are refused, whole or byte by byte") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"\r\n", "BadChunk"},
      {" 5\r\nhello\r\n", "BadChunk"},
      {"5 \r\nhello\r\n", "BadChunk"},
      {"5\t;x\r\nhello\r\n", "BadChunk"},
      {"+5\r\nhello\r\n", "BadChunk"},
      {"-1\r\n", "BadChunk"},
      {"0x5\r\nhello\r\n", "BadChunk"},
      {"g\r\n", "BadChunk"},
      {"5\nhello\r\n", "BadChunk"},
      {"5\r\r\nhello\r\n", "BadChunk"},
      {"5\rhello\r\n", "BadChunk"},
      {";x\r\n", "BadChunk"},
      {"5;a\nb\r\nhello\r\n", "BadChunk"},
      {std::string("5;a\0\r\nhello\r\n", 14), "BadChunk"},
      {"5\r\nhelloX\r\n", "BadChunk"},
      {"5\r\nhello\n0\r\n\r\n", "BadChunk"},
      {"5\r\nhello\rX", "BadChunk"},
      {"5\r\nhello0\r\n\r\n", "BadChunk"},
      {"10000000000000000\r\n", "BadChunk"},
      {"ffffffffffffffff\r\n", "BadChunk"},
      {"00000000000000000000000005\r\nhello\r\n", "BadChunk"},
      {"0\r\n\n", "BadTrailer"},
      {"0\r\n folded: x\r\n\r\n", "BadTrailer"},
      {"0\r\nA: b\nC: d\r\n\r\n", "BadTrailer"},
      {"0\r\nA: b\rC\r\n\r\n", "BadTrailer"},
      {std::string("0\r\nA: \0\r\n\r\n", 11), "BadTrailer"},
      {"0\r\n\rX", "BadTrailer"},
      {"0\r\nA : b\r\n\r\n", "BadTrailer"},
      {"0\r\nA\r\n\r\n", "BadTrailer"},
      {"0\r\n: b\r\n\r\n", "BadTrailer"},
  };
  for (const auto& [stream, reason] : cases) {
    CAPTURE(stream);
    std::vector<std::string> bytes;
    for (const char c : stream) bytes.emplace_back(1, c);
    const Decoded whole = decode(chunked(), {stream});
    const Decoded single = decode(chunked(), bytes);
    CHECK(whole.status == BodyStep::Status::Malformed);
    CHECK(whole.reason == reason);
    CHECK(single.status == BodyStep::Status::Malformed);
    CHECK(single.reason == reason);
  }
}

TEST_CASE("After a malformed chunk the decoder takes nothing more") {
  BodyDecoder decoder = chunked();
  CHECK(decoder.next("x").status == BodyStep::Status::Malformed);
  const BodyStep again = decoder.next("5\r\nhello\r\n");
  CHECK(again.status == BodyStep::Status::Malformed);
  CHECK(again.consumed == 0);
}

TEST_CASE("Extensions and trailers are bounded exactly") {
  const ChunkLimits limits{4, 10};
  CHECK(decode(chunked(limits), {"1;abcd\r\nx\r\n0\r\n\r\n"}).status == BodyStep::Status::Done);
  CHECK(decode(chunked(limits), {"1;abcde\r\nx\r\n0\r\n\r\n"}).reason == "ChunkExtensionTooLong");
  CHECK(decode(chunked(limits), {"0\r\nA: 1\r\nB:\r\n\r\n"}).status == BodyStep::Status::Done);
  CHECK(decode(chunked(limits), {"0\r\nA: 1\r\nB: 2\r\n\r\n"}).reason == "TrailersTooLong");
  CHECK(decode(chunked(limits), {"0\r\n" + std::string(100, 'a')}).reason == "TrailersTooLong");
}

TEST_CASE("What the encoder writes the decoder reads") {
  std::string stream;
  std::string data;
  for (const std::size_t size : {std::size_t{1}, std::size_t{15}, std::size_t{16}, std::size_t{4096}, std::size_t{70'000}}) {
    appendChunkHead(stream, size);
    stream.append(size, 'a').append(chunkTail);
    data.append(size, 'a');
  }
  stream += lastChunk;
  CHECK(stream.starts_with("1\r\na\r\nf\r\n"));
  const Decoded got = decode(chunked(), {stream});
  CHECK(got.status == BodyStep::Status::Done);
  CHECK(got.data == data);
}
