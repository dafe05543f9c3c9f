#pragma once
// Writer: create, replace, patch and delete, with all that a real API server does between the request and the store: decoding, defaults,
// preconditions, validation, generation, graceful deletion. Owner: ApiServer. Thread: one.

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/address_pool.hpp"
#include "cluster/failure.hpp"
#include "cluster/request.hpp"
#include "cluster/store.hpp"
#include "cluster/strategy.hpp"
#include "spawner/random.hpp"

namespace spawner::cluster {

enum class FieldValidation { Ignore, Warn, Strict };
enum class PatchKind { Merge, Json, Strategic };

struct WriteOptions {
  Now now;
  bool dryRun = false;
  FieldValidation validation = FieldValidation::Warn;
};

struct DeleteOptions {
  std::optional<std::int64_t> gracePeriodSeconds;
  std::string uid, resourceVersion;  // preconditions; empty: none
  std::string propagation;           // "", "Background", "Foreground", "Orphan"
};

struct Written {
  ObjectPtr object;
  bool created = false;
  std::vector<std::string> warnings;  // for Warning headers
};
struct Removed {
  ObjectPtr object;
  bool gone = false;  // false: it goes later (grace period, finalizers, namespace)
};

struct WriterLimits {
  std::size_t maxEvents = 20'000;
  Duration eventTtl = std::chrono::hours(1);
};

class Writer {
 public:
  Writer(Store& store, Strategies strategies, AddressPool addresses, Random& random, WriterLimits limits);

  /// `repeated`: keys given twice in the body (for fieldValidation).
  Outcome<Written> create(const ResourceType& type, std::string_view ns, Json body, std::vector<std::string> repeated,
                          const WriteOptions& options);
  Outcome<Written> replace(const ResourceType& type, std::string_view ns, std::string_view name, bool status, Json body,
                           std::vector<std::string> repeated, const WriteOptions& options);
  Outcome<Written> patch(const ResourceType& type, std::string_view ns, std::string_view name, bool status, PatchKind kind,
                         const Json& body, const WriteOptions& options);
  Outcome<Removed> remove(const ResourceType& type, std::string_view ns, std::string_view name, const DeleteOptions& deletion,
                          const WriteOptions& options);
  /// Deletes Events that are past their time or too many.
  void expireEvents(Now now);

 private:
  using Change = std::function<Outcome<Json>(const Object& current)>;
  std::optional<Failure> checkBody(const ResourceType& type, std::string_view ns, Json& body) const;
  std::optional<Failure> checkNamespace(const ResourceType& type, std::string_view ns, std::string_view name) const;
  /// Prunes and defaults; gives the words for what was unknown or repeated.
  std::vector<std::string> decode(const ResourceType& type, Json& object, const Json* current,
                                  const std::vector<std::string>& repeated) const;
  Outcome<Written> insert(const ResourceType& type, std::string_view ns, Json object, std::vector<std::string> warnings,
                          const WriteOptions& options);
  Outcome<Written> update(const ObjectPtr& current, bool status, Json changed, bool isPatch, std::vector<std::string> warnings,
                          const WriteOptions& options);
  std::optional<Failure> allocate(Json& service, const WriteOptions& options);
  ObjectPtr commit(const ResourceType& type, Json object, const WriteOptions& options);
  Removed removeGracefully(const ObjectPtr& pod, std::int64_t grace, const WriteOptions& options);
  Removed markDeleted(const ObjectPtr& object, const WriteOptions& options, std::string_view finalizer);

  Store& store_;
  Strategies strategies_;
  AddressPool addresses_;
  Random& random_;
  WriterLimits limits_;
  struct EventAge {
    TimePoint made;
    std::string key;
    std::string uid;
  };
  std::deque<EventAge> eventAges_;
  std::shared_ptr<void> hook_;
};

}  // namespace spawner::cluster
