#pragma once
// spawnSlab: creates one SessionLivedBackend, once, whatever answers get lost. The same POST (same name, same spawn-id) is repeated until
// an answer comes; an object with our spawn-id is success, whatever the last answer was.

#include <string>

#include "backend/spawn.hpp"
#include "base/backoff.hpp"
#include "k8s/client.hpp"
#include "spawner/backend.hpp"
#include "spawner/loop.hpp"
#include "spawner/random.hpp"

namespace spawner::api {

struct SpawnPlan {
  backend::SpawnParameters parameters;  // without name and spawn annotations
  std::string prefix;
  std::string bodyHash;
  std::string idempotencyKey;                   // empty: a random name
  Duration timeout = std::chrono::seconds(20);  // repeats included
  BackoffOptions backoff{std::chrono::milliseconds(100), std::chrono::seconds(2), 2.0, 0.2};
};

/// Gets the object, or an error and whether the session may have been made nevertheless.
using SpawnDone = UniqueFunction<void(Result<Slab> slab, bool mayBeMade)>;

/// Errors: Conflict (the key was used with another body, or the name belongs to somebody else); Invalid, Forbidden, … as Kubernetes said; a
/// retriable kind when the time was up. Destroying the Pending stops repeating; what was sent may still be done.
Pending spawnSlab(Loop& loop, k8s::Client& client, Random& random, SpawnPlan plan, SpawnDone done);

/// prefix + 12 of [a-z0-9]: a name is a capability, so it must not be guessable (62 bits).
std::string randomName(std::string_view prefix, Random& random);
/// The same from an Idempotency-Key: as hard to guess as the key.
std::string keyedName(std::string_view prefix, std::string_view key);

}  // namespace spawner::api
