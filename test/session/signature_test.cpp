#include "session/signature.hpp"

#include <catch2/catch.hpp>

#include "base/text.hpp"

using spawner::Ed25519Key;
using spawner::ErrorKind;
using namespace spawner::session;

namespace {

Ed25519Key key(std::uint8_t n) {
  std::array<std::uint8_t, 32> seed{};
  seed.fill(n);
  return Ed25519Key::fromSeed(seed);
}

Verifier verifier(const std::vector<std::string>& keys, std::string podUid = "uid-1") {
  auto made = Verifier::make(keys, std::move(podUid));
  REQUIRE(made);
  return *made;
}

}  // namespace

TEST_CASE("what is signed is exactly what the design says", "[session]") {
  CHECK(signingInput("uid-1", "POST", "/_sweep?a=b", "") ==
        "spawner.dev/admin/v1\nuid-1\nPOST\n/_sweep?a=b\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const Ed25519Key one = key(1);
  CHECK(keyId(one.publicKey()) == spawner::sha256Hex({reinterpret_cast<const char*>(one.publicKey().data()), 32}).substr(0, 8));
  const std::string header = authorize(one, "uid-1", "POST", "/_sweep", "{}");
  CHECK(header.substr(0, 18) == "Spawner1 " + keyId(one.publicKey()) + ":");
  CHECK(header.size() == 18 + 86);  // base64url of 64 bytes without padding
}

TEST_CASE("a signature is good for this key, pod, method, target and body only", "[session]") {
  const Ed25519Key one = key(1);
  const Verifier mine = verifier({adminKeyArgument(one.publicKey())});
  const std::string header = authorize(one, "uid-1", "POST", "/_sweep", R"({"idle_at_least_ms":1})");
  CHECK(mine.verify(header, "POST", "/_sweep", R"({"idle_at_least_ms":1})"));
  CHECK_FALSE(mine.verify(header, "GET", "/_sweep", R"({"idle_at_least_ms":1})"));
  CHECK_FALSE(mine.verify(header, "POST", "/_sweep?", R"({"idle_at_least_ms":1})"));
  CHECK_FALSE(mine.verify(header, "POST", "/_drain", R"({"idle_at_least_ms":1})"));
  CHECK_FALSE(mine.verify(header, "POST", "/_sweep", R"({"idle_at_least_ms":0})"));
  CHECK_FALSE(verifier({adminKeyArgument(one.publicKey())}, "uid-2").verify(header, "POST", "/_sweep", R"({"idle_at_least_ms":1})"));
  CHECK_FALSE(verifier({adminKeyArgument(key(2).publicKey())}).verify(header, "POST", "/_sweep", R"({"idle_at_least_ms":1})"));
  CHECK_FALSE(verifier({}).verify(header, "POST", "/_sweep", R"({"idle_at_least_ms":1})"));
}

TEST_CASE("any changed character of the header is refused", "[session]") {
  const Ed25519Key one = key(1);
  const Verifier mine = verifier({adminKeyArgument(one.publicKey())});
  const std::string header = authorize(one, "uid-1", "POST", "/_sweep", "{}");
  REQUIRE(mine.verify(header, "POST", "/_sweep", "{}"));
  for (std::size_t at = 0; at < header.size(); ++at) {
    std::string changed = header;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    CAPTURE(at);
    const auto refused = mine.verify(changed, "POST", "/_sweep", "{}");
    REQUIRE_FALSE(refused);
    REQUIRE(refused.error().kind == ErrorKind::Unauthorized);
    REQUIRE_FALSE(mine.verify(header.substr(0, at), "POST", "/_sweep", "{}"));
  }
  CHECK_FALSE(mine.verify(header + "=", "POST", "/_sweep", "{}"));
}

TEST_CASE("two keys are accepted during a rotation, a third is a mistake", "[session]") {
  const std::vector<std::string> two = {adminKeyArgument(key(1).publicKey()), adminKeyArgument(key(2).publicKey())};
  const Verifier both = verifier(two);
  CHECK(both.verify(authorize(key(1), "uid-1", "GET", "/_events", ""), "GET", "/_events", ""));
  CHECK(both.verify(authorize(key(2), "uid-1", "GET", "/_events", ""), "GET", "/_events", ""));
  CHECK_FALSE(both.verify(authorize(key(3), "uid-1", "GET", "/_events", ""), "GET", "/_events", ""));
  CHECK_FALSE(Verifier::make({two[0], two[1], adminKeyArgument(key(3).publicKey())}, "u"));
  CHECK_FALSE(Verifier::make({"deadbeef:" + adminKeyArgument(key(1).publicKey()).substr(9)}, "u"));
  CHECK_FALSE(Verifier::make({adminKeyArgument(key(1).publicKey()).substr(9)}, "u"));
  CHECK_FALSE(Verifier::make({"abc:AAAA"}, "u"));
}

TEST_CASE("private keys as text", "[session]") {
  const auto one = decodePrivateKeys(encodePrivateKey(key(1)) + "\n");
  REQUIRE(one);
  REQUIRE(one->size() == 1);
  CHECK(one->front().publicKey() == key(1).publicKey());
  const auto two = decodePrivateKeys(encodePrivateKey(key(1)) + "\r\n" + encodePrivateKey(key(2)));
  REQUIRE(two);
  REQUIRE(two->size() == 2);
  CHECK(two->at(1).publicKey() == key(2).publicKey());
  CHECK_FALSE(decodePrivateKeys(""));
  CHECK_FALSE(decodePrivateKeys("AAAA"));
  const std::string secret = encodePrivateKey(key(9)).substr(0, 40);
  const auto bad = decodePrivateKeys(secret);
  REQUIRE_FALSE(bad);
  CHECK(bad.error().message.find(secret) == std::string::npos);
}
