#pragma once
// WebSocket frames (RFC 6455 §5) as far as a proxy and a test client need them: frame heads, masking, the accept key, and a tracker of
// frame boundaries in a byte stream. Pure.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace spawner::http {

enum class WsOpcode : std::uint8_t { Continuation = 0x0, Text = 0x1, Binary = 0x2, Close = 0x8, Ping = 0x9, Pong = 0xA };

struct WsFrameHead {
  bool fin = true;
  std::uint8_t reserved = 0;  // RSV1–3 in bits 2–0 (an extension's: permessage-deflate sets RSV1 = 4)
  WsOpcode opcode = WsOpcode::Text;
  bool masked = false;
  std::array<std::uint8_t, 4> mask{};
  std::uint64_t length = 0;  // of the payload
  bool operator==(const WsFrameHead&) const = default;
};

/// Parses one frame head after another.
class WsHeadParser {
 public:
  enum class Status { NeedMore, Done, Malformed };
  struct Feed {
    Status status = Status::NeedMore;
    std::size_t consumed = 0;
  };
  /// Malformed: an unknown opcode, a length not in its shortest form or with the top bit set, a fragmented or long control frame.
  Feed feed(std::string_view bytes);
  /// After Done. The next feed() begins the next head.
  [[nodiscard]] const WsFrameHead& head() const { return head_; }
  /// True in the middle of a head.
  [[nodiscard]] bool started() const { return have_ > 0; }

 private:
  std::array<std::uint8_t, 14> bytes_{};
  std::uint8_t have_ = 0;
  WsFrameHead head_;
};

/// The head on the wire.
std::string encodeWsHead(const WsFrameHead& head);
/// Masks or unmasks in place. `offset` is the position of the first byte in its frame's payload.
void applyWsMask(std::span<char> payload, const std::array<std::uint8_t, 4>& mask, std::uint64_t offset = 0);
/// A whole unmasked frame (what a server sends).
std::string encodeWsFrame(WsOpcode opcode, std::string_view payload);
/// A whole masked frame (what a client sends).
std::string encodeMaskedWsFrame(WsOpcode opcode, std::string_view payload, const std::array<std::uint8_t, 4>& mask);
/// The unmasked close frame with a code and a reason (cut to 123 bytes, at a character). 1001: going away.
std::string encodeWsClose(std::uint16_t code, std::string_view reason = {});
/// Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 §4.2.2).
std::string wsAcceptKey(std::string_view key);

/// Follows frame boundaries in one direction of a tunnel, so that a close frame can be put between two frames. Never changes bytes.
class FrameTracker {
 public:
  /// Follows all the bytes.
  void feed(std::string_view bytes);
  /// Follows bytes up to the end of the frame under way (nothing when there is none); gives how many that were.
  std::size_t feedToBoundary(std::string_view bytes);
  /// True when no frame is under way and the stream is sound.
  [[nodiscard]] bool betweenFrames() const { return !malformed_ && left_ == 0 && !parser_.started(); }
  /// The same, and no close frame was seen: as a tracker that has seen nothing.
  [[nodiscard]] bool untouched() const { return betweenFrames() && !closing_ && !closed_; }
  /// True after a complete close frame: nothing may follow it.
  [[nodiscard]] bool closed() const { return closed_; }
  /// True when the stream is no WebSocket stream; nothing is followed any more.
  [[nodiscard]] bool malformed() const { return malformed_; }

 private:
  std::size_t step(std::string_view bytes);
  WsHeadParser parser_;
  std::uint64_t left_ = 0;  // payload bytes of the frame under way
  bool closing_ = false, closed_ = false, malformed_ = false;
};

}  // namespace spawner::http
