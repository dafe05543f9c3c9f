#include "http/bytes.hpp"

#include <bit>
#include <cstring>

namespace spawner::http {

namespace {

static_assert(std::endian::native == std::endian::little);

/// A bit for each of the eight bytes that is a control character, tab included; the highest of the byte. A borrow can make a byte look like
/// one, but only above one that is.
std::uint64_t controls(const char* eightBytes) {
  constexpr std::uint64_t ones = 0x0101010101010101, highs = 0x80 * ones;
  std::uint64_t eight = 0;
  std::memcpy(&eight, eightBytes, sizeof eight);
  const std::uint64_t deletes = eight ^ (0x7f * ones);
  return (((eight - 0x20 * ones) & ~eight) | ((deletes - ones) & ~deletes)) & highs;
}

/// Of the eight bytes, the first that no value has; null without one.
const char* badAmong(const char* eightBytes) {
  for (std::uint64_t left = controls(eightBytes); left != 0; left &= left - 1) {
    const char* const at = eightBytes + std::countr_zero(left) / 8;
    if (!is(ByteClass::value, *at)) return at;
  }
  return nullptr;
}

}  // namespace

const char* endOfValue(const char* at, const char* end) {
  const char* const begin = at;
  for (; end - at >= 8; at += 8)
    if (const char* const bad = badAmong(at)) return bad;
  if (at == end) return end;
  if (end - begin >= 8) {  // once more the last eight, of which some are known
    const char* const bad = badAmong(end - 8);
    return bad != nullptr ? bad : end;
  }
  while (at != end && is(ByteClass::value, *at)) ++at;
  return at;
}

}  // namespace spawner::http
