#pragma once
// Random: the injected source of chance. The real one is the kernel's (src/base/crypto.hpp), a simulation's comes from its seed.

#include <cstdint>
#include <span>

namespace spawner {

/// Thread: its owner's.
class Random {
 public:
  virtual ~Random() = default;
  /// A uniform 64-bit number.
  virtual std::uint64_t next() = 0;
  /// Fills the buffer with uniform bytes.
  virtual void fill(std::span<std::uint8_t> buffer) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < buffer.size(); ++i) {
      if (i % 8 == 0) word = next();
      buffer[i] = static_cast<std::uint8_t>(word >> (8 * (i % 8)));
    }
  }
  /// A uniform number in [0, bound). REQUIRES: bound > 0.
  std::uint64_t below(std::uint64_t bound) {
    const std::uint64_t limit = bound * (UINT64_MAX / bound);
    for (;;) {
      const std::uint64_t value = next();
      if (value < limit) return value % bound;
    }
  }
};

}  // namespace spawner
