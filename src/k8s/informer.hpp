#pragma once
// Informer<T>: a local, typed copy of a list of objects, kept current by list + watch. Reflector does the protocol; this keeps the values.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "k8s/reflector.hpp"

namespace spawner::k8s {

/// T has a member `meta` of type ObjectMeta. Owner: the role. Thread: the loop's. An object that cannot be decoded is logged, counted and
/// left out (its older value too), never fatal. A call-back may destroy the informer.
template <class T>
class Informer {
 public:
  using Decode = std::function<Result<T>(std::string_view json)>;
  using Ptr = std::shared_ptr<const T>;
  /// before null: added; after null: deleted. Called after the copy has changed.
  using OnChange = std::function<void(const std::string& key, const Ptr& before, const Ptr& after)>;

  Informer(Loop& loop, Client& client, Random& random, ReflectorOptions options, Decode decode, Logger log)
      : decode_(std::move(decode)), log_(std::move(log)), reflector_(loop, client, random, std::move(options), handlers(), log_) {}

  void onChange(OnChange callback) { callbacks_.push_back(std::make_shared<const OnChange>(std::move(callback))); }
  /// Called once, when the first list is complete.
  void onSynced(Task callback) { onSynced_ = std::move(callback); }
  void start() { reflector_.start(); }
  [[nodiscard]] bool synced() const { return reflector_.synced(); }
  [[nodiscard]] Ptr find(const std::string& key) const {
    const auto it = items_.find(key);
    return it == items_.end() ? nullptr : it->second;
  }
  /// All values by key ("namespace/name").
  [[nodiscard]] const std::map<std::string, Ptr>& items() const { return items_; }
  [[nodiscard]] const Reflector& reflector() const { return reflector_; }
  [[nodiscard]] std::uint64_t undecodable() const { return undecodable_; }
  /// Puts the answer of a write of ours into the copy, unless the copy is newer: what a POST told needs no GET.
  void learn(T value) {
    const std::string key = value.meta.key();
    const auto it = items_.find(key);
    if (it != items_.end() && !newerThan(value.meta.resourceVersion, it->second->meta.resourceVersion)) return;
    if (it == items_.end() && reflector_.deletedAfter(key, value.meta.resourceVersion)) return;
    reflector_.learned(key, value.meta.resourceVersion);
    put(key, std::make_shared<const T>(std::move(value)));
  }

 private:
  ReflectorHandlers handlers() {
    return ReflectorHandlers{
        [this](const std::string& key, std::string_view json) { upsert(key, json); },
        [this](const std::string& key) { erase(key); },
        [this] {
          if (onSynced_) std::exchange(onSynced_, nullptr)();
        },
    };
  }
  void upsert(const std::string& key, std::string_view json) {
    Result<T> value = decode_(json);
    if (!value) {
      ++undecodable_;
      log_.warn("object cannot be decoded", {{"key", key}, {"error", value.error()}});
      erase(key);
      return;
    }
    // Nothing old comes here: the reflector knows the versions, those of learn() too.
    put(key, std::make_shared<const T>(std::move(*value)));
  }
  void put(const std::string& key, Ptr after) {
    Ptr before = std::exchange(items_[key], after);
    tell(key, before, after);
  }
  void erase(const std::string& key) {
    const auto it = items_.find(key);
    if (it == items_.end()) return;
    Ptr before = it->second;
    items_.erase(it);
    tell(key, before, nullptr);
  }
  void tell(const std::string& key, const Ptr& before, const Ptr& after) {
    const std::weak_ptr<bool> alive = life_;
    // By index: a call-back may add another one.
    for (std::size_t i = 0; i < callbacks_.size(); ++i) {
      const std::shared_ptr<const OnChange> callback = callbacks_[i];
      (*callback)(key, before, after);
      if (alive.expired()) return;
    }
  }

  Decode decode_;
  Logger log_;
  std::map<std::string, Ptr> items_;
  std::vector<std::shared_ptr<const OnChange>> callbacks_;
  Task onSynced_;
  std::uint64_t undecodable_ = 0;
  std::shared_ptr<bool> life_ = std::make_shared<bool>();  // expired: destroyed by a call-back
  Reflector reflector_;                                    // last: its call-backs use the members above
};

}  // namespace spawner::k8s
