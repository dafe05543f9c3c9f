#include "base/crypto.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace spawner;

namespace {

std::string bytes(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}
template <std::size_t N>
std::array<std::uint8_t, N> array(std::string_view hex) {
  const std::string raw = bytes(hex);
  REQUIRE(raw.size() == N);
  std::array<std::uint8_t, N> out{};
  std::copy(raw.begin(), raw.end(), out.begin());
  return out;
}

}  // namespace

TEST_CASE("sha1: the example of RFC 6455 §1.3") {
  const auto digest = sha1("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  CHECK(std::string(digest.begin(), digest.end()) == bytes("b37a4f2cc0624f1690f64606cf385945b2bec4ea"));
}

TEST_CASE("sha256: vectors of FIPS 180-4's examples") {
  CHECK(sha256Hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256Hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256Hex(std::string(1000000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("ed25519: vectors of RFC 8032 §7.1") {
  struct Vector {
    std::string_view seed, publicKey, message, signature;
  };
  const Vector vectors[] = {
      {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
       "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
       "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
      {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
       "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
       "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
      {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
       "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
       "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
  };
  for (const Vector& v : vectors) {
    const Ed25519Key key = Ed25519Key::fromSeed(array<32>(v.seed));
    CHECK(key.seed() == array<32>(v.seed));
    CHECK(key.publicKey() == array<32>(v.publicKey));
    CHECK(key.sign(bytes(v.message)) == array<64>(v.signature));
    CHECK(ed25519Verify(key.publicKey(), bytes(v.message), array<64>(v.signature)));
  }
}

TEST_CASE("ed25519: one bit anywhere makes a signature invalid") {
  const auto random = seededRandom(1);
  const Ed25519Key key = Ed25519Key::generate(*random);
  const std::string message = "spawner.dev/admin/v1\nuid\nPOST\n/_sweep\n";
  const Ed25519Signature signature = key.sign(message);
  REQUIRE(ed25519Verify(key.publicKey(), message, signature));
  for (std::size_t i = 0; i < signature.size() * 8; ++i) {
    Ed25519Signature changed = signature;
    changed[i / 8] ^= static_cast<std::uint8_t>(1u << (i % 8));
    REQUIRE_FALSE(ed25519Verify(key.publicKey(), message, changed));
  }
  for (std::size_t i = 0; i < message.size() * 8; ++i) {
    std::string changed = message;
    changed[i / 8] = static_cast<char>(changed[i / 8] ^ (1 << (i % 8)));
    REQUIRE_FALSE(ed25519Verify(key.publicKey(), changed, signature));
  }
  for (std::size_t i = 0; i < 256; ++i) {
    Ed25519PublicKey changed = key.publicKey();
    changed[i / 8] ^= static_cast<std::uint8_t>(1u << (i % 8));
    REQUIRE_FALSE(ed25519Verify(changed, message, signature));
  }
  CHECK_FALSE(ed25519Verify(Ed25519Key::generate(*random).publicKey(), message, signature));
  Ed25519PublicKey noPoint;
  noPoint.fill(0xFF);
  CHECK_FALSE(ed25519Verify(noPoint, message, signature));
}

TEST_CASE("random: a seed gives the same numbers, another seed others") {
  const auto a = seededRandom(42), b = seededRandom(42), c = seededRandom(43);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = a->next();
    CHECK(value == b->next());
    CHECK(value != c->next());
    seen.insert(value);
  }
  CHECK(seen.size() == 1000);
}

TEST_CASE("random: the generator is xoshiro256** seeded by splitmix64") {
  // From the authors' reference code with the state splitmix64 gives for the seed 0.
  const auto random = seededRandom(0);
  CHECK(random->next() == 0x99EC5F36CB75F2B4u);
  CHECK(random->next() == 0xBF6E1F784956452Au);
}

TEST_CASE("random: fill takes every byte, below stays below and reaches all") {
  const auto random = GENERATE(0, 1) == 0 ? systemRandom() : seededRandom(7);
  for (std::size_t size : {0u, 1u, 7u, 8u, 9u, 300u}) {
    std::vector<std::uint8_t> seen(size, 0);
    for (int round = 0; round < 64; ++round) {
      std::vector<std::uint8_t> buffer(size, 0);
      random->fill(buffer);
      for (std::size_t i = 0; i < size; ++i) seen[i] |= buffer[i];
    }
    for (std::uint8_t byte : seen) CHECK(byte != 0);
  }
  std::set<std::uint64_t> values;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = random->below(5);
    CHECK(value < 5);
    values.insert(value);
  }
  CHECK(values.size() == 5);
  CHECK(random->below(1) == 0);
}

TEST_CASE("random: the kernel gives different keys") {
  const auto random = systemRandom();
  CHECK(Ed25519Key::generate(*random).seed() != Ed25519Key::generate(*random).seed());
}
