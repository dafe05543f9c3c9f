#include "http/bytes.hpp"

#include <cstring>

namespace spawner::http {

namespace {

/// True when one of the eight bytes is a control character, tab included.
bool anyControl(const char* eightBytes) {
  constexpr std::uint64_t ones = 0x0101010101010101, highs = 0x80 * ones;
  std::uint64_t eight = 0;
  std::memcpy(&eight, eightBytes, sizeof eight);
  const std::uint64_t deletes = eight ^ (0x7f * ones);  // a borrow can make a byte look like one, but only above one that is
  return ((((eight - 0x20 * ones) & ~eight) | ((deletes - ones) & ~deletes)) & highs) != 0;
}

}  // namespace

const char* endOfValue(const char* at, const char* end) {
  while (end - at >= 8 && !anyControl(at)) at += 8;
  while (at != end && is(ByteClass::value, *at)) ++at;
  return at;
}

}  // namespace spawner::http
