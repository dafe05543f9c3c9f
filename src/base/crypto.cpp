#include "base/crypto.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/die.hpp"

namespace spawner {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Context = std::unique_ptr<EVP_MD_CTX, Free>;

const unsigned char* data(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

/// libcrypto fails here only without memory or without the algorithm: there is no way to go on.
void require(bool ok, std::string_view what) {
  if (!ok) die("libcrypto failed: " + std::string(what));
}

Key privateKey(const std::array<std::uint8_t, 32>& seed) {
  Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
  require(key != nullptr, "Ed25519 private key");
  return key;
}

}  // namespace

std::array<std::uint8_t, 20> sha1(std::string_view bytes) {
  std::array<std::uint8_t, 20> digest{};
  require(EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha1(), nullptr) == 1, "SHA-1");
  return digest;
}

std::array<std::uint8_t, 32> sha256(std::string_view bytes) {
  std::array<std::uint8_t, 32> digest{};
  require(EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr) == 1, "SHA-256");
  return digest;
}

std::string sha256Hex(std::string_view bytes) {
  std::string hex;
  hex.reserve(64);
  for (std::uint8_t byte : sha256(bytes)) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

Ed25519Key Ed25519Key::generate(Random& random) {
  std::array<std::uint8_t, 32> seed{};
  random.fill(seed);
  return fromSeed(seed);
}

Ed25519Key Ed25519Key::fromSeed(const std::array<std::uint8_t, 32>& seed) {
  Ed25519Key key;
  key.seed_ = seed;
  std::size_t length = key.publicKey_.size();
  require(EVP_PKEY_get_raw_public_key(privateKey(seed).get(), key.publicKey_.data(), &length) == 1, "Ed25519 public key");
  return key;
}

Ed25519Signature Ed25519Key::sign(std::string_view message) const {
  const Key key = privateKey(seed_);
  const Context context(EVP_MD_CTX_new());
  require(context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1, "Ed25519 signing");
  Ed25519Signature signature{};
  std::size_t length = signature.size();
  require(EVP_DigestSign(context.get(), signature.data(), &length, data(message), message.size()) == 1, "Ed25519 signing");
  return signature;
}

bool ed25519Verify(const Ed25519PublicKey& publicKey, std::string_view message, const Ed25519Signature& signature) {
  const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, publicKey.data(), publicKey.size()));
  const Context context(EVP_MD_CTX_new());
  require(key && context, "Ed25519 verification");
  const bool valid = EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
                     EVP_DigestVerify(context.get(), signature.data(), signature.size(), data(message), message.size()) == 1;
  if (!valid) ERR_clear_error();  // else the queue of this thread would keep it, and the next TLS call would report it as its own
  return valid;
}

}  // namespace spawner
