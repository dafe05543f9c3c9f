#pragma once
// Bytes: what each byte may be in a head, one table for all who ask. Pure.

#include <array>
#include <cstdint>
#include <string_view>

namespace spawner::http {

/// What a byte is, as bits.
struct ByteClass {
  static constexpr std::uint8_t token = 1;         // of methods and field names (RFC 9110 §5.6.2)
  static constexpr std::uint8_t value = 2;         // of field values and reason phrases: no control character but tab (RFC 9110 §5.5)
  static constexpr std::uint8_t host = 4;          // of names and IPv4 addresses in Host
  static constexpr std::uint8_t blank = 8;         // space and tab
  static constexpr std::uint8_t endsTarget = 16;   // space and control characters: no reader takes them for a part of a request target
  static constexpr std::uint8_t unprintable = 32;  // all but 0x21 to 0x7e
  static constexpr std::uint8_t fragment = 64;     // '#'
};

namespace detail {
constexpr std::uint8_t classOf(unsigned c) {
  const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  const bool control = c < 0x20 || c == 0x7f;
  const auto among = [&](std::string_view marks) { return c < 0x80 && marks.find(static_cast<char>(c)) != std::string_view::npos; };
  unsigned bits = 0;
  if (alphanumeric || among("!#$%&'*+-.^_`|~")) bits |= ByteClass::token;
  if (!control || c == '\t') bits |= ByteClass::value;
  if (alphanumeric || among("-._")) bits |= ByteClass::host;
  if (c == ' ' || c == '\t') bits |= ByteClass::blank;
  if (control || c == ' ') bits |= ByteClass::endsTarget;
  if (c <= 0x20 || c >= 0x7f) bits |= ByteClass::unprintable;
  if (c == '#') bits |= ByteClass::fragment;
  return static_cast<std::uint8_t>(bits);
}
inline constexpr auto classes = [] {
  std::array<std::uint8_t, 256> table{};
  for (unsigned c = 0; c < table.size(); ++c) table[c] = classOf(c);
  return table;
}();
}  // namespace detail

inline std::uint8_t classOf(char c) { return detail::classes[static_cast<unsigned char>(c)]; }
inline bool is(std::uint8_t bits, char c) { return (classOf(c) & bits) != 0; }

/// The first byte from `at` on that no field value has; `end` when there is none.
const char* endOfValue(const char* at, const char* end);

}  // namespace spawner::http
