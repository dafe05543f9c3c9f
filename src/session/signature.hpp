#pragma once
// The admin protocol's signatures (design §9): Authorization: Spawner1 <key id>:<base64url Ed25519 signature> over
//   spawner.dev/admin/v1\n<pod uid>\n<METHOD>\n<path?query>\n<sha256 hex of body>
// No nonce, clock or expiry: every command is conditional, and its condition is signed. Nothing compared here is secret but the private key
// itself, which only libcrypto touches: there is nothing to compare in constant time.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/crypto.hpp"
#include "spawner/result.hpp"

namespace spawner::session {

/// The field of the Secret names::adminKeySecret that holds encodePrivateKey()'s text; mounted, it is a file of this name.
inline constexpr std::string_view adminKeyField = "admin.key";

/// First 8 hex digits of the public key's SHA-256.
std::string keyId(const Ed25519PublicKey& key);
/// "<id>:<base64>": the value of the sidecar's --admin-key.
std::string adminKeyArgument(const Ed25519PublicKey& key);
/// The private key as text: the seed in base64. A secret.
std::string encodePrivateKey(const Ed25519Key& key);
/// One or two private keys, one a line, the newest first (a rotation keeps the former for the pods that know only that).
Result<std::vector<Ed25519Key>> decodePrivateKeys(std::string_view text);

std::string signingInput(std::string_view podUid, std::string_view method, std::string_view target, std::string_view body);
/// The Authorization header's value. target: path and query as on the request line.
std::string authorize(const Ed25519Key& key, std::string_view podUid, std::string_view method, std::string_view target,
                      std::string_view body);

/// The sidecar's side. Immutable; any thread.
class Verifier {
 public:
  /// keys: --admin-key values, at most two; an id that is not its key's is InvalidArgument. Without keys nothing verifies.
  static Result<Verifier> make(const std::vector<std::string>& keys, std::string podUid);
  /// Unauthorized, and why, unless one of the keys signed exactly this for exactly this pod.
  [[nodiscard]] Result<void> verify(std::string_view authorization, std::string_view method, std::string_view target,
                                    std::string_view body) const;

 private:
  std::vector<std::pair<std::string, Ed25519PublicKey>> keys_;
  std::string podUid_;
};

}  // namespace spawner::session
