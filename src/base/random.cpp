#include <sys/random.h>

#include <bit>
#include <cerrno>

#include "base/crypto.hpp"
#include "base/die.hpp"

namespace spawner {
namespace {

class SystemRandom final : public Random {
 public:
  std::uint64_t next() override {
    std::array<std::uint8_t, 8> bytes{};
    fill(bytes);
    return std::bit_cast<std::uint64_t>(bytes);
  }
  void fill(std::span<std::uint8_t> buffer) override {
    while (!buffer.empty()) {
      const ssize_t n = ::getrandom(buffer.data(), buffer.size(), 0);
      if (n > 0)
        buffer = buffer.subspan(static_cast<std::size_t>(n));
      else if (errno != EINTR)
        die(systemError("no randomness from the kernel", errno).message);
    }
  }
};

/// xoshiro256** (Blackman, Vigna), its state filled by splitmix64 as its authors say.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) {
    for (std::uint64_t& word : state_) {
      seed += 0x9E3779B97F4A7C15u;
      std::uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
      word = z ^ (z >> 31);
    }
  }
  std::uint64_t next() override {
    auto& s = state_;
    const std::uint64_t result = std::rotl(s[1] * 5, 7) * 9;
    const std::uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = std::rotl(s[3], 45);
    return result;
  }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace

std::unique_ptr<Random> systemRandom() { return std::make_unique<SystemRandom>(); }
std::unique_ptr<Random> seededRandom(std::uint64_t seed) { return std::make_unique<SeededRandom>(seed); }

}  // namespace spawner
