#pragma once
// Body framing (RFC 9112 §6, §7): a decoder that yields spans of payload inside the bytes it is fed, without copying, and the chunk
// encoder. Pure and incremental. Owner: the connection or exchange.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/guard.hpp"
#include "http/message.hpp"

namespace spawner::http {

struct ChunkLimits {
  std::size_t maxExtensionBytes = 256;     // of one chunk's line behind the size
  std::size_t maxTrailerBytes = 8 * 1024;  // of all trailer lines together; they are checked and dropped
};

/// One step of decoding.
struct BodyStep {
  enum class Status { More, Done, Malformed } status = Status::More;
  std::size_t consumed = 0;  // bytes of the input that were taken; drop them before the next call
  std::string_view data;     // payload, inside the input; may be empty while framing was taken
  Refusal refusal;           // when Malformed (status 400)
};

/// Decodes one body. Use: while input is left and the status is More, call next() with what is left.
class BodyDecoder {
 public:
  /// An empty body.
  BodyDecoder() = default;
  BodyDecoder(Framing framing, std::uint64_t contentLength, ChunkLimits limits = {});

  /// Takes at least one byte of a non-empty input unless Done or Malformed. Data and Done may come together. After Done it takes nothing.
  BodyStep next(std::string_view bytes);
  /// True when the last byte of the body was taken (at once for an empty one; never by itself for UntilClose).
  [[nodiscard]] bool done() const { return state_ == State::Done; }
  /// What is left of a body with a length; 0 for any other.
  [[nodiscard]] std::uint64_t fixedLeft() const { return state_ == State::Fixed ? left_ : 0; }
  /// Counts payload that went another way. REQUIRES: bytes < fixedLeft().
  void skip(std::uint64_t bytes) { left_ -= bytes; }
  /// The connection ended here: true when that is a whole body (Done, or UntilClose, which it makes Done).
  bool endOfInput();

 private:
  enum class State : std::uint8_t {
    Done,
    Fixed,
    UntilClose,
    SizeFirst,
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    LastLf,
    Bad
  };
  BodyStep takeFixed(std::string_view bytes);
  BodyStep takeChunked(std::string_view bytes);
  std::optional<Refusal> takeFramingByte(unsigned char byte);
  std::optional<Refusal> takeSizeByte(unsigned char byte);
  std::optional<Refusal> takeTrailerByte(unsigned char byte);

  State state_ = State::Done;
  std::uint64_t left_ = 0;     // Fixed: of the body; chunked: of the chunk, or the size read so far
  std::uint32_t counted_ = 0;  // bytes of extension or of trailers so far
  ChunkLimits limits_;
};

/// Appends the line in front of a chunk of that size. REQUIRES: size > 0 (a chunk of 0 ends the body).
void appendChunkHead(std::string& out, std::size_t size);
/// Behind each chunk's bytes.
inline constexpr std::string_view chunkTail = "\r\n";
/// Behind the last chunk: no trailers.
inline constexpr std::string_view lastChunk = "0\r\n\r\n";

}  // namespace spawner::http
