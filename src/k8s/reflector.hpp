#pragma once
// Reflector: list in pages, then watch with bookmarks, resume by resourceVersion, relist on 410; an explicit state machine that never
// loses an event. It keeps only keys and resourceVersions; values are Informer's.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "k8s/client.hpp"
#include "spawner/random.hpp"

namespace spawner::k8s {

struct ReflectorOptions {
  Resource resource;
  std::string ns;  // empty: all namespaces
  std::string labelSelector;
  std::string fieldSelector;
  int pageSize = 500;
  Duration watchTimeout = std::chrono::minutes(5);  // asked of the server (timeoutSeconds), jittered up to double
  Duration idleTimeout = std::chrono::minutes(3);   // a watch this long without a byte is dead: bookmarks come each minute or so
  Duration firstBackoff = std::chrono::milliseconds(100);
  Duration maxBackoff = std::chrono::seconds(10);
  std::size_t maxEventBytes = 16 * 1024 * 1024;  // one line of a watch; beyond: relist
};

struct ReflectorHandlers {
  /// Added or changed: key "namespace/name", and the object's JSON text (valid during the call).
  std::function<void(const std::string& key, std::string_view json)> upsert;
  /// Gone, by a watch event or by a list that no longer has it.
  std::function<void(const std::string& key)> erase;
  /// The first list is complete (once).
  std::function<void()> synced;
};

/// Compares resourceVersions (opaque by contract; since Kubernetes 1.35 documented as comparable integers). Anything else that differs
/// counts as newer.
bool newerThan(std::string_view a, std::string_view b);

/// Owner: Informer. Thread: the loop's.
class Reflector {
 public:
  Reflector(Loop& loop, Client& client, Random& random, ReflectorOptions options, ReflectorHandlers handlers, Logger log);
  ~Reflector();
  void start();
  [[nodiscard]] bool synced() const;
  /// The owner's copy has this object from the answer of a write: older news of it are dropped from now on, and a list without it erases
  /// it.
  void learned(const std::string& key, const std::string& resourceVersion);
  /// True when the server has told everything up to this resourceVersion or later and the object is not in it: a late answer of a write
  /// must not raise it again. Exact, without a memory of deletes: a list or watch at version R has told of all that happened up to R.
  [[nodiscard]] bool deletedAfter(const std::string& key, std::string_view resourceVersion) const;
  /// Time since the last sign of life of the API server (list page, watch event, bookmark); zero before the first.
  [[nodiscard]] Duration sinceContact() const;
  struct Counts {
    std::uint64_t lists = 0, watches = 0, relists410 = 0, errors = 0, events = 0;
  };
  [[nodiscard]] Counts counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spawner::k8s
