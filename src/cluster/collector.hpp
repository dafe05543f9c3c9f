#pragma once
// Collector: the garbage collector: what has owner references goes when none of its owners is left; foreground and orphan deletion; and the
// content of namespaces that are deleted. Owner: Controllers. Thread: one.

#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "cluster/api_server.hpp"

namespace spawner::cluster {

class Collector {
 public:
  explicit Collector(ApiServer& server) : server_(server) {}
  /// One write (or, at first, one present object). True when there is something to collect now.
  bool observe(const ResourceType& type, const std::string& key, const ObjectPtr& before, const ObjectPtr& after);
  void run(Now now);
  [[nodiscard]] std::uint64_t collected() const { return collected_; }

 private:
  using Id = std::pair<const ResourceType*, std::string>;  // type and key
  void index(const Id& id, const ObjectPtr& object, bool present);
  [[nodiscard]] bool alive(const Json& ownerReference, std::string_view ns) const;
  [[nodiscard]] std::set<Id> dependentsOf(const std::string& uid) const;
  void collect(const Id& id, Now now);
  void finalize(const Id& id, Now now);
  void empty(const std::string& ns, Now now);
  bool remove(const Object& object, Now now);

  ApiServer& server_;
  std::unordered_map<std::string, Id> live_;                  // uid → object
  std::unordered_map<std::string, std::set<Id>> dependents_;  // owner's uid → objects that name it
  std::set<Id> suspects_;                                     // may have lost their last owner
  std::set<Id> finalizing_;                                   // carry one of the collector's finalizers and are being deleted
  std::set<std::string> terminating_;                         // namespaces
  std::uint64_t collected_ = 0;
};

}  // namespace spawner::cluster
