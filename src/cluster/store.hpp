#pragma once
// Store: the objects of the embedded cluster, versioned: one resourceVersion that grows with every write, a bounded log of writes per type
// to resume watches and lists from, and hooks that see every write. Owner: ApiServer. Thread: one.

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/json.hpp"
#include "cluster/resource.hpp"

namespace spawner::cluster {

/// One version of one object; never changes. The text is made once, at first need.
class Object {
 public:
  Object(const ResourceType& type, Json json, std::uint64_t revision);
  [[nodiscard]] const ResourceType& type() const { return type_; }
  [[nodiscard]] const Json& json() const { return json_; }
  [[nodiscard]] std::uint64_t revision() const { return revision_; }
  [[nodiscard]] std::string_view ns() const { return ns_; }
  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] std::string_view uid() const { return json_.textAt({"metadata", "uid"}); }
  [[nodiscard]] bool deleting() const { return json_.find({"metadata", "deletionTimestamp"}) != nullptr; }
  /// "namespace/name"; the name alone for a cluster-scoped object.
  [[nodiscard]] const std::string& key() const { return key_; }
  /// "/api/v1/namespaces/x/pods/y".
  [[nodiscard]] std::string path() const;
  /// JSON; kind and apiVersion come first.
  [[nodiscard]] const std::string& text() const;
  /// The text without apiVersion and kind: how items of built-in types stand in lists. Starts with a comma-free "{".
  void appendListItem(std::string& out) const;

 private:
  const ResourceType& type_;
  Json json_;
  std::uint64_t revision_;
  std::string ns_, name_, key_;
  mutable std::string text_;
  mutable std::size_t bodyOffset_ = 0;
};
using ObjectPtr = std::shared_ptr<const Object>;

/// How a write looks to one watcher.
enum class EventType { Added, Modified, Deleted };
std::string_view toString(EventType type);  // "ADDED"

/// One write. before null: created. after null: deleted, and `last` is the object as it was, with the revision of its deletion.
struct Commit {
  explicit Commit(const ResourceType& t) : type(t) {}
  const ResourceType& type;
  std::uint64_t revision = 0;
  std::string key;
  ObjectPtr before;
  ObjectPtr after;
  ObjectPtr last;

  /// The watch event as a line, made once and shared by all watchers. For Deleted of an object that goes on (it left a selection) too.
  [[nodiscard]] std::shared_ptr<const std::string> line(EventType type) const;

 private:
  mutable std::array<std::shared_ptr<const std::string>, 3> lines_;
};
using CommitPtr = std::shared_ptr<const Commit>;

struct StoreLimits {
  std::size_t maxObjects = 200'000;  // over all types; creates are refused (403) beyond
  std::size_t maxLog = 4'096;        // writes kept per type; who resumes from before gets 410
};

class Store {
 public:
  using Hook = std::function<void(const Commit&)>;
  explicit Store(StoreLimits limits = {});

  /// The newest revision.
  [[nodiscard]] std::uint64_t revision() const { return revision_; }
  [[nodiscard]] ObjectPtr find(const ResourceType& type, std::string_view key) const;
  using Table = std::map<std::string, ObjectPtr, std::less<>>;
  /// The present objects of a type by key.
  [[nodiscard]] const Table& objects(const ResourceType& type) const { return tables_[type.index].objects; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool full() const { return size_ >= limits_.maxObjects; }

  /// Creates or replaces; writes metadata.resourceVersion. The json has metadata.name (and namespace). Hooks run before it returns.
  ObjectPtr put(const ResourceType& type, Json json);
  /// Deletes. REQUIRES: it exists.
  void erase(const ResourceType& type, std::string_view key);

  /// The table as it was at the revision; nullopt when the log does not reach back that far. REQUIRES: revision <= revision().
  [[nodiscard]] std::optional<Table> at(const ResourceType& type, std::uint64_t revision) const;
  /// True when every write of the type after the revision is still in the log.
  [[nodiscard]] bool remembers(const ResourceType& type, std::uint64_t revision) const { return revision >= tables_[type.index].compacted; }
  /// The first write of the type after the revision; null when there is none. REQUIRES: remembers().
  [[nodiscard]] CommitPtr nextAfter(const ResourceType& type, std::uint64_t revision) const;
  /// Forgets the log of every type up to the revision (default: all): older watches and lists get 410 from now on.
  void compact(std::optional<std::uint64_t> revision = std::nullopt);

  /// Called at every write, inside it, in order of adding: for oracles, indexes and watchers. A hook must not write. Lives until its handle
  /// is reset.
  [[nodiscard]] std::shared_ptr<void> onCommit(Hook hook);

 private:
  struct TypeTable {
    Table objects;
    std::deque<CommitPtr> log;
    std::uint64_t compacted = 0;  // the newest revision that is no longer in the log
  };
  void commit(std::shared_ptr<Commit> commit);
  StoreLimits limits_;
  std::uint64_t revision_ = 1;
  std::size_t size_ = 0;
  std::vector<TypeTable> tables_;
  std::vector<std::weak_ptr<Hook>> hooks_;
};

}  // namespace spawner::cluster
