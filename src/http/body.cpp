#include "http/body.hpp"

#include <algorithm>

#include "http/bytes.hpp"

namespace spawner::http {

namespace {

constexpr Refusal badChunkSize{400, "BadChunk", "A chunk's size is not plain hexadecimal digits."};
constexpr Refusal badChunkEnd{400, "BadChunk", "A chunk does not end with CR LF."};
constexpr Refusal longExtension{400, "ChunkExtensionTooLong", "A chunk's extension is longer than allowed."};
constexpr Refusal badExtension{400, "BadChunk", "A chunk's extension has control characters."};
constexpr Refusal badTrailer{400, "BadTrailer", "A trailer line is malformed."};
constexpr Refusal longTrailers{400, "TrailersTooLong", "The trailers are longer than allowed."};

/// A chunk larger than this is nonsense; below it the size never overflows.
constexpr std::uint64_t maxChunkSize = std::uint64_t{1} << 56;

bool isControl(unsigned char byte) { return (byte < 0x20 && byte != '\t') || byte == 0x7f; }

bool isTokenCharacter(unsigned char byte) { return is(ByteClass::token, static_cast<char>(byte)); }

int hexDigit(unsigned char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

BodyDecoder::BodyDecoder(Framing framing, std::uint64_t contentLength, ChunkLimits limits) : limits_(limits) {
  switch (framing) {
    case Framing::None: break;
    case Framing::Length:
      left_ = contentLength;
      if (left_ > 0) state_ = State::Fixed;
      break;
    case Framing::Chunked: state_ = State::SizeFirst; break;
    case Framing::UntilClose: state_ = State::UntilClose; break;
  }
}

BodyStep BodyDecoder::next(std::string_view bytes) {
  switch (state_) {
    case State::Done: return {BodyStep::Status::Done, 0, {}, {}};
    case State::Bad: return {BodyStep::Status::Malformed, 0, {}, badChunkSize};
    case State::Fixed: return takeFixed(bytes);
    case State::UntilClose: return {BodyStep::Status::More, bytes.size(), bytes, {}};
    default: return takeChunked(bytes);
  }
}

bool BodyDecoder::endOfInput() {
  if (state_ == State::UntilClose) state_ = State::Done;
  return state_ == State::Done;
}

BodyStep BodyDecoder::takeFixed(std::string_view bytes) {
  const std::string_view data = bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
  left_ -= data.size();
  if (left_ == 0) state_ = State::Done;
  return {done() ? BodyStep::Status::Done : BodyStep::Status::More, data.size(), data, {}};
}

/// Takes framing up to the next payload, then all of the payload that is there.
BodyStep BodyDecoder::takeChunked(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && state_ != State::Data && state_ != State::Done) {
    if (const auto refusal = takeFramingByte(static_cast<unsigned char>(bytes[at++]))) {
      state_ = State::Bad;
      return {BodyStep::Status::Malformed, at, {}, *refusal};
    }
  }
  if (state_ == State::Done) return {BodyStep::Status::Done, at, {}, {}};
  if (state_ != State::Data) return {BodyStep::Status::More, at, {}, {}};
  const std::string_view data = bytes.substr(at, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - at)));
  left_ -= data.size();
  if (left_ == 0) state_ = State::DataCr;
  return {BodyStep::Status::More, at + data.size(), data, {}};
}

std::optional<Refusal> BodyDecoder::takeFramingByte(unsigned char byte) {
  switch (state_) {
    case State::SizeFirst:
    case State::Size:
    case State::Extension:
    case State::SizeLf: return takeSizeByte(byte);
    case State::DataCr:
      if (byte != '\r') return badChunkEnd;
      state_ = State::DataLf;
      return std::nullopt;
    case State::DataLf:
      if (byte != '\n') return badChunkEnd;
      state_ = State::SizeFirst;
      return std::nullopt;
    default: return takeTrailerByte(byte);
  }
}

/// chunk-size [ chunk-ext ] CRLF (RFC 9112 §7.1). White space is accepted nowhere but inside an extension.
std::optional<Refusal> BodyDecoder::takeSizeByte(unsigned char byte) {
  if (state_ == State::SizeFirst) {
    left_ = 0;
    counted_ = 0;
    const int digit = hexDigit(byte);
    if (digit < 0) return badChunkSize;
    left_ = static_cast<std::uint64_t>(digit);
    state_ = State::Size;
  } else if (state_ == State::Size) {
    if (const int digit = hexDigit(byte); digit >= 0) {
      // The count bounds leading zeros too.
      if (++counted_ > 16 || left_ > maxChunkSize / 16) return badChunkSize;
      left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
    } else if (byte == ';') {
      counted_ = 0;
      state_ = State::Extension;
    } else if (byte == '\r') {
      state_ = State::SizeLf;
    } else {
      return badChunkSize;
    }
  } else if (state_ == State::Extension) {
    if (byte == '\r') {
      state_ = State::SizeLf;
    } else if (isControl(byte)) {
      return badExtension;
    } else if (++counted_ > limits_.maxExtensionBytes) {
      return longExtension;
    }
  } else {
    if (byte != '\n') return badChunkSize;
    counted_ = 0;
    state_ = left_ > 0 ? State::Data : State::TrailerStart;
  }
  return std::nullopt;
}

/// trailer-section CRLF (RFC 9112 §7.1.2): field lines, checked as those of a head are, and their size; then dropped.
std::optional<Refusal> BodyDecoder::takeTrailerByte(unsigned char byte) {
  if (state_ == State::LastLf) {
    if (byte != '\n') return badTrailer;
    state_ = State::Done;
    return std::nullopt;
  }
  if (++counted_ > limits_.maxTrailerBytes + 1) return longTrailers;
  if (state_ == State::TrailerStart) {
    if (byte == '\r') {
      state_ = State::LastLf;
      return std::nullopt;
    }
    if (!isTokenCharacter(byte)) return badTrailer;
    state_ = State::TrailerName;
  } else if (state_ == State::TrailerName) {
    if (byte == ':') {
      state_ = State::TrailerValue;
    } else if (!isTokenCharacter(byte)) {
      return badTrailer;
    }
  } else if (state_ == State::TrailerValue) {
    if (byte == '\r') {
      state_ = State::TrailerLf;
    } else if (isControl(byte)) {
      return badTrailer;
    }
  } else {
    if (byte != '\n') return badTrailer;
    state_ = State::TrailerStart;
  }
  return std::nullopt;
}

void appendChunkHead(std::string& out, std::size_t size) {
  static constexpr std::string_view digits = "0123456789abcdef";
  char text[2 * sizeof(size)];
  std::size_t length = 0;
  for (; size > 0; size >>= 4) text[length++] = digits[size & 15];
  while (length > 0) out.push_back(text[--length]);
  out += "\r\n";
}

}  // namespace spawner::http
