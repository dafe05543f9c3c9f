#pragma once
// The door to libcrypto: SHA-256 and Ed25519 (RFC 8032), and the kernel's randomness.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "spawner/random.hpp"
#include "spawner/result.hpp"

namespace spawner {

/// Only for WebSocket's accept key (RFC 6455 §4.2.2); never for security.
std::array<std::uint8_t, 20> sha1(std::string_view bytes);
std::array<std::uint8_t, 32> sha256(std::string_view bytes);
std::string sha256Hex(std::string_view bytes);  // 64 lower-case digits

using Ed25519PublicKey = std::array<std::uint8_t, 32>;
using Ed25519Signature = std::array<std::uint8_t, 64>;

/// A private key. Its seed is a secret: never logged.
class Ed25519Key {
 public:
  static Ed25519Key generate(Random& random);
  static Ed25519Key fromSeed(const std::array<std::uint8_t, 32>& seed);
  [[nodiscard]] const std::array<std::uint8_t, 32>& seed() const { return seed_; }
  [[nodiscard]] const Ed25519PublicKey& publicKey() const { return publicKey_; }
  [[nodiscard]] Ed25519Signature sign(std::string_view message) const;

 private:
  std::array<std::uint8_t, 32> seed_{};
  Ed25519PublicKey publicKey_{};
};
bool ed25519Verify(const Ed25519PublicKey& key, std::string_view message, const Ed25519Signature& signature);

/// getrandom(2). Terminates the process if the kernel has none.
std::unique_ptr<Random> systemRandom();
/// A repeatable source (splitmix64/xoshiro): for simulations and tests only.
std::unique_ptr<Random> seededRandom(std::uint64_t seed);

}  // namespace spawner
