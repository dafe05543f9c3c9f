#include "http/websocket.hpp"

#include <algorithm>

#include "base/crypto.hpp"
#include "base/text.hpp"

namespace spawner::http {

namespace {

constexpr std::string_view acceptGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 §1.3
constexpr std::size_t maxCloseReason = 123;                                      // a control frame has 125 bytes; the code takes 2

bool isControl(WsOpcode opcode) { return static_cast<std::uint8_t>(opcode) >= 0x8; }

bool knownOpcode(std::uint8_t opcode) { return opcode <= 0x2 || (opcode >= 0x8 && opcode <= 0xA); }

std::uint64_t bigEndian(const std::uint8_t* bytes, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | bytes[i];
  return value;
}

}  // namespace

WsHeadParser::Feed WsHeadParser::feed(std::string_view bytes) {
  const auto size = [this]() -> std::size_t {  // of the whole head, as far as it can be told
    if (have_ < 2) return 2;
    const std::uint8_t length = bytes_[1] & 0x7f;
    return 2 + (length == 126 ? 2 : length == 127 ? 8 : 0) + ((bytes_[1] & 0x80) != 0 ? 4 : 0);
  };
  std::size_t consumed = 0;
  while (have_ < size()) {
    if (consumed == bytes.size()) return {Status::NeedMore, consumed};
    bytes_[have_++] = static_cast<std::uint8_t>(bytes[consumed++]);
  }
  head_ = WsFrameHead();
  head_.fin = (bytes_[0] & 0x80) != 0;
  head_.reserved = (bytes_[0] >> 4) & 0x7;
  head_.opcode = static_cast<WsOpcode>(bytes_[0] & 0xf);
  head_.masked = (bytes_[1] & 0x80) != 0;
  const std::uint8_t shortLength = bytes_[1] & 0x7f;
  const std::size_t extended = shortLength == 126 ? 2 : shortLength == 127 ? 8 : 0;
  head_.length = extended == 0 ? shortLength : bigEndian(bytes_.data() + 2, extended);
  if (head_.masked) std::copy_n(bytes_.begin() + 2 + extended, 4, head_.mask.begin());
  have_ = 0;
  const bool longForm = (extended == 2 && head_.length < 126) || (extended == 8 && (head_.length < 65536 || head_.length >> 63 != 0));
  const bool badControl = isControl(head_.opcode) && (!head_.fin || head_.length > 125);
  if (longForm || badControl || !knownOpcode(bytes_[0] & 0xf)) return {Status::Malformed, consumed};
  return {Status::Done, consumed};
}

std::string encodeWsHead(const WsFrameHead& head) {
  std::string out;
  const auto put = [&](std::uint64_t byte) { out.push_back(static_cast<char>(byte & 0xff)); };
  const std::uint64_t maskBit = head.masked ? 0x80 : 0;
  put((head.fin ? 0x80U : 0U) | static_cast<std::uint64_t>(head.reserved & 0x7) << 4 | static_cast<std::uint8_t>(head.opcode));
  std::size_t extended = 0;
  if (head.length < 126) {
    put(maskBit | head.length);
  } else {
    extended = head.length < 65536 ? 2 : 8;
    put(maskBit | (extended == 2 ? 126 : 127));
  }
  for (std::size_t i = extended; i-- > 0;) put(head.length >> (8 * i));
  if (head.masked)
    for (const std::uint8_t byte : head.mask) put(byte);
  return out;
}

void applyWsMask(std::span<char> payload, const std::array<std::uint8_t, 4>& mask, std::uint64_t offset) {
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(payload[i] ^ mask[(offset + i) % 4]);
}

std::string encodeWsFrame(WsOpcode opcode, std::string_view payload) {
  WsFrameHead head;
  head.opcode = opcode;
  head.length = payload.size();
  return encodeWsHead(head).append(payload);
}

std::string encodeMaskedWsFrame(WsOpcode opcode, std::string_view payload, const std::array<std::uint8_t, 4>& mask) {
  WsFrameHead head;
  head.opcode = opcode;
  head.length = payload.size();
  head.masked = true;
  head.mask = mask;
  std::string out = encodeWsHead(head);
  const std::size_t start = out.size();
  out.append(payload);
  applyWsMask({out.data() + start, payload.size()}, mask);
  return out;
}

std::string encodeWsClose(std::uint16_t code, std::string_view reason) {
  std::size_t length = std::min(reason.size(), maxCloseReason);
  if (length < reason.size())  // back to the start of a UTF-8 character
    while (length > 0 && (static_cast<unsigned char>(reason[length]) & 0xC0) == 0x80) --length;
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  payload.append(reason.substr(0, length));
  return encodeWsFrame(WsOpcode::Close, payload);
}

std::string wsAcceptKey(std::string_view key) {
  const auto digest = sha1(std::string(key).append(acceptGuid));
  return base64Encode({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

void FrameTracker::feed(std::string_view bytes) {
  while (!bytes.empty() && !malformed_) bytes.remove_prefix(step(bytes));
}

std::size_t FrameTracker::feedToBoundary(std::string_view bytes) {
  std::size_t consumed = 0;
  while (consumed < bytes.size() && !betweenFrames() && !malformed_) consumed += step(bytes.substr(consumed));
  return consumed;
}

/// Takes the rest of a head, or the rest of a payload, as far as it is there.
std::size_t FrameTracker::step(std::string_view bytes) {
  std::size_t consumed = 0;
  if (left_ == 0) {
    const WsHeadParser::Feed fed = parser_.feed(bytes);
    consumed = fed.consumed;
    if (fed.status == WsHeadParser::Status::Malformed) malformed_ = true;
    if (fed.status != WsHeadParser::Status::Done) return consumed;
    left_ = parser_.head().length;
    closing_ = parser_.head().opcode == WsOpcode::Close;
  } else {
    consumed = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
    left_ -= consumed;
  }
  if (left_ == 0 && closing_) closed_ = true;
  return consumed;
}

}  // namespace spawner::http
