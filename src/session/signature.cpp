#include "session/signature.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "spawner/names.hpp"

namespace spawner::session {
namespace {

template <std::size_t size>
std::optional<std::array<std::uint8_t, size>> bytesOf(const std::optional<std::string>& text) {
  if (!text || text->size() != size) return std::nullopt;
  std::array<std::uint8_t, size> bytes;
  std::copy(text->begin(), text->end(), bytes.begin());
  return bytes;
}

template <std::size_t size>
std::string_view viewOf(const std::array<std::uint8_t, size>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), size};
}

Error refused(std::string_view why) { return Error{ErrorKind::Unauthorized, std::string(why), {}}; }

}  // namespace

std::string keyId(const Ed25519PublicKey& key) { return sha256Hex(viewOf(key)).substr(0, 8); }

std::string adminKeyArgument(const Ed25519PublicKey& key) { return keyId(key) + ":" + base64Encode(viewOf(key)); }

std::string encodePrivateKey(const Ed25519Key& key) { return base64Encode(viewOf(key.seed())); }

Result<std::vector<Ed25519Key>> decodePrivateKeys(std::string_view text) {
  std::vector<Ed25519Key> keys;
  for (std::string_view line : split(text, '\n')) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    line = trim(line);
    if (line.empty()) continue;
    const auto seed = bytesOf<32>(base64Decode(line));
    if (!seed) return Error{ErrorKind::InvalidArgument, "admin key: a line is not the base64 of 32 bytes", {}};
    keys.push_back(Ed25519Key::fromSeed(*seed));
  }
  if (keys.empty() || keys.size() > 2)
    return Error{ErrorKind::InvalidArgument, fmt::format("admin key: {} keys, one or two expected", keys.size()), {}};
  return keys;
}

std::string signingInput(std::string_view podUid, std::string_view method, std::string_view target, std::string_view body) {
  return fmt::format("{}\n{}\n{}\n{}\n{}", names::signatureContext, podUid, method, target, sha256Hex(body));
}

std::string authorize(const Ed25519Key& key, std::string_view podUid, std::string_view method, std::string_view target,
                      std::string_view body) {
  const Ed25519Signature signature = key.sign(signingInput(podUid, method, target, body));
  return fmt::format("{} {}:{}", names::signatureScheme, keyId(key.publicKey()), base64UrlEncode(viewOf(signature)));
}

Result<Verifier> Verifier::make(const std::vector<std::string>& keys, std::string podUid) {
  const auto invalid = [](std::string why) { return Error{ErrorKind::InvalidArgument, "--admin-key: " + std::move(why), {}}; };
  if (keys.size() > 2) return invalid(fmt::format("{} keys, at most two", keys.size()));
  Verifier verifier;
  verifier.podUid_ = std::move(podUid);
  for (const std::string& argument : keys) {
    const std::size_t colon = argument.find(':');
    if (colon == std::string::npos) return invalid("not of the form <id>:<base64>");
    const auto key = bytesOf<32>(base64Decode(std::string_view(argument).substr(colon + 1)));
    if (!key) return invalid("not the base64 of a 32-byte public key");
    const std::string id = keyId(*key);
    if (argument.substr(0, colon) != id) return invalid("the id is not this key's, which is " + id);
    verifier.keys_.emplace_back(id, *key);
  }
  return verifier;
}

Result<void> Verifier::verify(std::string_view authorization, std::string_view method, std::string_view target,
                              std::string_view body) const {
  if (authorization.empty()) return refused("no Authorization header");
  const std::size_t space = authorization.find(' ');
  if (authorization.substr(0, space) != names::signatureScheme || space == std::string_view::npos)
    return refused("the Authorization scheme is not Spawner1");
  const std::string_view credentials = authorization.substr(space + 1);
  const std::size_t colon = credentials.find(':');
  if (colon == std::string_view::npos) return refused("the Authorization value is not <id>:<signature>");
  const auto signature = bytesOf<64>(base64UrlDecode(credentials.substr(colon + 1)));
  if (!signature) return refused("the signature is not the base64url of 64 bytes");
  const std::string_view id = credentials.substr(0, colon);
  const auto known = std::find_if(keys_.begin(), keys_.end(), [id](const auto& key) { return key.first == id; });
  if (known == keys_.end()) return refused("the key id is not one of this sidecar's");
  if (!ed25519Verify(known->second, signingInput(podUid_, method, target, body), *signature))
    return refused("the signature is not of this request to this pod");
  return {};
}

}  // namespace spawner::session
