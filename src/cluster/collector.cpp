#include "cluster/collector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace spawner::cluster {

namespace {

constexpr std::string_view orphanFinalizer = "orphan";
constexpr std::string_view foregroundFinalizer = "foregroundDeletion";

const Json::Array& listIn(const Object& object, std::string_view field) {
  static const Json::Array none;
  const Json* list = object.json().find({"metadata", field});
  return list != nullptr ? list->items() : none;
}

bool hasFinalizer(const Object& object, std::string_view name) {
  const Json::Array& list = listIn(object, "finalizers");
  return std::any_of(list.begin(), list.end(), [name](const Json& one) { return one.text() == name; });
}

/// A merge patch that replaces one list of the metadata.
std::string listPatch(std::string_view field, Json::Array items) {
  Json patch = Json::object();
  patch.edit("metadata").set(field, items.empty() ? Json() : Json::array(std::move(items)));
  return patch.dump();
}

}  // namespace

bool Collector::observe(const ResourceType& type, const std::string& key, const ObjectPtr& before, const ObjectPtr& after) {
  const Id id(&type, key);
  if (before && (!after || listIn(*before, "ownerReferences") != listIn(*after, "ownerReferences"))) index(id, before, false);
  if (after && (!before || listIn(*before, "ownerReferences") != listIn(*after, "ownerReferences"))) index(id, after, true);
  if (!after) {
    const std::string uid(before->uid());
    live_.erase(uid);
    if (const auto it = dependents_.find(uid); it != dependents_.end()) suspects_.insert(it->second.begin(), it->second.end());
    finalizing_.erase(id);
    if (&type == &types::namespaces) terminating_.erase(key);
    // One thing less in what is waited for: a namespace that empties, an owner whose dependents go first.
    return !suspects_.empty() || !finalizing_.empty() || (!terminating_.empty() && terminating_.contains(std::string(before->ns())));
  }
  if (!before) live_.emplace(std::string(after->uid()), id);
  if (after->deleting()) {
    if (&type == &types::namespaces)
      terminating_.insert(key);
    else if (hasFinalizer(*after, orphanFinalizer) || hasFinalizer(*after, foregroundFinalizer))
      finalizing_.insert(id);
    return &type == &types::namespaces || finalizing_.contains(id);
  }
  return suspects_.contains(id);
}

void Collector::index(const Id& id, const ObjectPtr& object, bool present) {
  bool orphan = false;
  for (const Json& owner : listIn(*object, "ownerReferences")) {
    const std::string uid(owner.textAt({"uid"}));
    std::set<Id>& named = dependents_[uid];
    if (present)
      named.insert(id);
    else
      named.erase(id);
    if (named.empty()) dependents_.erase(uid);
    orphan = orphan || !alive(owner, object->ns());
  }
  if (present && orphan)
    suspects_.insert(id);
  else
    suspects_.erase(id);
}

/// An owner of a kind that is not served here counts as alive: nothing is known of it.
bool Collector::alive(const Json& owner, std::string_view ns) const {
  const std::string_view kind = owner.textAt({"kind"});
  const auto types = allTypes();
  const auto known = std::find_if(types.begin(), types.end(), [&](const ResourceType* type) { return type->kind == kind; });
  if (known == types.end()) return true;
  const auto it = live_.find(std::string(owner.textAt({"uid"})));
  if (it == live_.end() || it->second.first != *known) return false;
  if (!(*known)->namespaced) return true;
  const std::string& key = it->second.second;
  return std::string_view(key).substr(0, key.find('/')) == ns;
}

std::set<Collector::Id> Collector::dependentsOf(const std::string& uid) const {
  const auto it = dependents_.find(uid);
  return it == dependents_.end() ? std::set<Id>() : it->second;
}

void Collector::run(Now now) {
  for (const Id& id : std::exchange(suspects_, {})) collect(id, now);
  for (const Id& id : std::set<Id>(finalizing_)) finalize(id, now);
  for (const std::string& ns : std::set<std::string>(terminating_)) empty(ns, now);
}

void Collector::collect(const Id& id, Now now) {
  const ObjectPtr object = server_.store().find(*id.first, id.second);
  if (!object || object->deleting()) return;
  const Json::Array& owners = listIn(*object, "ownerReferences");
  const bool owned = std::any_of(owners.begin(), owners.end(), [&](const Json& owner) { return alive(owner, object->ns()); });
  if (!owners.empty() && !owned && remove(*object, now)) ++collected_;
}

void Collector::finalize(const Id& id, Now now) {
  const ObjectPtr object = server_.store().find(*id.first, id.second);
  if (!object) return;
  const std::string uid(object->uid());
  const bool orphans = hasFinalizer(*object, orphanFinalizer);
  for (const Id& dependent : dependentsOf(uid)) {
    const ObjectPtr found = server_.store().find(*dependent.first, dependent.second);
    if (!found) continue;
    if (!orphans) {
      if (!found->deleting()) (void)remove(*found, now);
      continue;
    }
    Json::Array rest = listIn(*found, "ownerReferences");
    std::erase_if(rest, [&uid](const Json& owner) { return owner.textAt({"uid"}) == uid; });
    (void)server_.call("PATCH", found->path(), listPatch("ownerReferences", std::move(rest)), now);
  }
  if (!dependentsOf(uid).empty()) return;  // again when one of them is gone
  Json::Array rest = listIn(*object, "finalizers");
  std::erase_if(rest, [](const Json& one) { return one.text() == orphanFinalizer || one.text() == foregroundFinalizer; });
  (void)server_.call("PATCH", object->path(), listPatch("finalizers", std::move(rest)), now);
}

void Collector::empty(const std::string& ns, Now now) {
  bool left = false;
  for (const ResourceType* type : allTypes()) {
    if (!type->namespaced) continue;
    std::vector<ObjectPtr> content;
    const Store::Table& table = server_.store().objects(*type);
    for (auto it = table.lower_bound(ns + "/"); it != table.end() && it->second->ns() == ns; ++it) content.push_back(it->second);
    for (const ObjectPtr& object : content) {
      if (!object->deleting()) (void)remove(*object, now);
      left = left || server_.store().find(*type, object->key());
    }
  }
  if (!left && server_.store().find(types::namespaces, ns)) server_.store().erase(types::namespaces, ns);
}

bool Collector::remove(const Object& object, Now now) {
  Json options = Json::object({{"propagationPolicy", "Background"}});
  options.edit("preconditions").set("uid", object.uid());
  return server_.call("DELETE", object.path(), options.dump(), now).status == 200;
}

}  // namespace spawner::cluster
