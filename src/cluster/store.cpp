#include "cluster/store.hpp"

#include <algorithm>
#include <cassert>

namespace spawner::cluster {

namespace {

std::string keyOf(std::string_view ns, std::string_view name) {
  std::string key;
  key.reserve(ns.size() + 1 + name.size());
  if (!ns.empty()) (key += ns) += '/';
  return key += name;
}

}  // namespace

Object::Object(const ResourceType& type, Json json, std::uint64_t revision)
    : type_(type),
      json_(std::move(json)),
      revision_(revision),
      ns_(type.namespaced ? json_.textAt({"metadata", "namespace"}) : std::string_view()),
      name_(json_.textAt({"metadata", "name"})),
      key_(keyOf(ns_, name_)) {}

std::string Object::path() const {
  std::string out = type_.group.empty() ? "/api/" : "/apis/";
  out += type_.apiVersion();
  if (type_.namespaced) (out += "/namespaces/") += ns_;
  ((out += '/') += type_.plural) += '/';
  return out += name_;
}

const std::string& Object::text() const {
  if (!text_.empty()) return text_;
  text_ = R"({"kind":")";
  ((text_ += type_.kind) += R"(","apiVersion":")") += type_.apiVersion();
  text_ += '"';
  bodyOffset_ = text_.size();
  for (const auto& [key, value] : json_.members()) {
    if (key == "apiVersion" || key == "kind") continue;
    ((text_ += ",\"") += key) += "\":";  // top-level keys of known types need no escape; a foreign one was pruned or refused
    value.dumpTo(text_);
  }
  text_ += '}';
  return text_;
}

void Object::appendListItem(std::string& out) const {
  const std::string& whole = text();
  if (type_.custom) {
    out += whole;
    return;
  }
  out += '{';
  const std::string_view body = std::string_view(whole).substr(bodyOffset_);
  out += body.starts_with(',') ? body.substr(1) : body;
}

std::string_view toString(EventType type) {
  constexpr std::array<std::string_view, 3> names = {"ADDED", "MODIFIED", "DELETED"};
  return names[static_cast<std::size_t>(type)];
}

std::shared_ptr<const std::string> Commit::line(EventType type) const {
  auto& line = lines_[static_cast<std::size_t>(type)];
  if (line) return line;
  std::shared_ptr<const Object> object = type == EventType::Deleted ? last : after;
  if (type == EventType::Deleted && !object) {  // it left a selection: the client is told the version that it knew, dated now
    Json json = before->json();
    json.edit("metadata").set("resourceVersion", std::to_string(revision));
    object = std::make_shared<Object>(this->type, std::move(json), revision);
  }
  assert(object);
  auto made = std::make_shared<std::string>();
  made->reserve(object->text().size() + 40);
  *made += R"({"type":")";
  *made += toString(type);
  *made += R"(","object":)";
  *made += object->text();
  *made += "}\n";
  line = std::move(made);
  return line;
}

Store::Store(StoreLimits limits) : limits_(limits), tables_(allTypes().size()) {}

ObjectPtr Store::find(const ResourceType& type, std::string_view key) const {
  const Table& table = objects(type);
  const auto it = table.find(key);
  return it == table.end() ? nullptr : it->second;
}

ObjectPtr Store::put(const ResourceType& type, Json json) {
  auto commit = std::make_shared<Commit>(type);
  commit->revision = ++revision_;
  json.edit("metadata").set("resourceVersion", std::to_string(revision_));
  commit->after = std::make_shared<Object>(type, std::move(json), revision_);
  commit->key = commit->after->key();
  ObjectPtr& place = tables_[type.index].objects[commit->key];
  commit->before = std::exchange(place, commit->after);
  if (!commit->before) ++size_;
  ObjectPtr made = commit->after;
  this->commit(std::move(commit));
  return made;
}

void Store::erase(const ResourceType& type, std::string_view key) {
  Table& table = tables_[type.index].objects;
  const auto it = table.find(key);
  assert(it != table.end());
  auto commit = std::make_shared<Commit>(type);
  commit->revision = ++revision_;
  commit->key = it->first;
  commit->before = it->second;
  Json json = it->second->json();
  json.edit("metadata").set("resourceVersion", std::to_string(revision_));
  commit->last = std::make_shared<Object>(type, std::move(json), revision_);
  table.erase(it);
  --size_;
  this->commit(std::move(commit));
}

void Store::commit(std::shared_ptr<Commit> commit) {
  TypeTable& table = tables_[commit->type.index];
  table.log.push_back(commit);
  if (table.log.size() > limits_.maxLog) {
    table.compacted = table.log.front()->revision;
    table.log.pop_front();
  }
  for (std::size_t i = 0; i < hooks_.size(); ++i)  // by index: a hook may add another
    if (const std::shared_ptr<Hook> hook = hooks_[i].lock()) (*hook)(*commit);
  std::erase_if(hooks_, [](const std::weak_ptr<Hook>& hook) { return hook.expired(); });
}

CommitPtr Store::nextAfter(const ResourceType& type, std::uint64_t revision) const {
  const std::deque<CommitPtr>& log = tables_[type.index].log;
  const auto it = std::upper_bound(log.begin(), log.end(), revision,
                                   [](std::uint64_t wanted, const CommitPtr& commit) { return wanted < commit->revision; });
  return it == log.end() ? nullptr : *it;
}

std::optional<Store::Table> Store::at(const ResourceType& type, std::uint64_t revision) const {
  if (!remembers(type, revision)) return std::nullopt;
  Table table = objects(type);
  const std::deque<CommitPtr>& log = tables_[type.index].log;
  for (auto it = log.rbegin(); it != log.rend() && (*it)->revision > revision; ++it) {
    if ((*it)->before)
      table[(*it)->key] = (*it)->before;
    else
      table.erase((*it)->key);
  }
  return table;
}

void Store::compact(std::optional<std::uint64_t> revision) {
  const std::uint64_t upTo = revision.value_or(revision_);
  for (TypeTable& table : tables_) {
    while (!table.log.empty() && table.log.front()->revision <= upTo) table.log.pop_front();
    table.compacted = std::max(table.compacted, upTo);
  }
}

std::shared_ptr<void> Store::onCommit(Hook hook) {
  auto held = std::make_shared<Hook>(std::move(hook));
  hooks_.push_back(held);
  return held;
}

}  // namespace spawner::cluster
