#pragma once
// Sessions: what API and gateway know of the slabs of one namespace, by their short names: an informer's copy, the ends of the last
// minutes, and one live GET for a name that is in neither (it may have been spawned a moment ago through another replica).

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "k8s/informer.hpp"
#include "k8s/token_bucket.hpp"
#include "modes/role/role.hpp"
#include "spawner/backend.hpp"

namespace spawner::role {

using SlabPtr = std::shared_ptr<const Slab>;

struct SessionsOptions {
  std::string ns;
  std::string prefix;  // an object's name is prefix + short name; others are not seen
  Duration rememberEnds = std::chrono::minutes(10);
  std::size_t rememberEndsMax = 10'000;  // beyond: the oldest is forgotten
  double lookupsPerSecond = 50;          // live GETs; burst: twice as many; 0: no limit
  std::size_t maxLookups = 100;          // under way at once
  Duration missTtl = std::chrono::seconds(1);
  std::size_t maxMisses = 10'000;
};

/// Owner: the role. Thread: the loop's.
class Sessions {
 public:
  using Decode = k8s::Informer<Slab>::Decode;
  /// Something about the session changed: the slab as it is now, or, when it has ended or its object is gone, as it ended
  /// (isTerminal(state())).
  using OnChange = std::function<void(const std::string& name, const SlabPtr& slab)>;
  using OnForget = std::function<void(const std::string& name)>;
  /// NotFound: there is none. Limit: too many look-ups, try again. Others: Kubernetes could not be asked.
  using Found = UniqueFunction<void(Result<SlabPtr>)>;

  Sessions(Context& context, k8s::Client& client, SessionsOptions options, Decode decode);
  ~Sessions();
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;

  void onChange(OnChange callback) { callbacks_.push_back(std::move(callback)); }
  /// An end is not remembered any more: it was too old, or one too many. With a call-back ends go at their time; without, they are found no
  /// more from then on, and go when the next one comes.
  void onForget(OnForget callback) { forget_ = std::move(callback); }
  void start() { informer_.start(); }
  [[nodiscard]] bool synced() const { return informer_.synced(); }

  /// What is known at once: the living (or not yet deleted) object, else a remembered end; null: not known.
  [[nodiscard]] SlabPtr find(const std::string& name) const;
  /// The same after one live GET. The call-back runs in a later turn.
  [[nodiscard]] Pending lookup(const std::string& name, Found found);
  /// The answer of a write of ours.
  void learn(Slab slab) { informer_.learn(std::move(slab)); }

  /// The session's short name; nullopt for an object without the prefix.
  [[nodiscard]] std::optional<std::string> nameOf(const ObjectMeta& meta) const;
  [[nodiscard]] std::string objectName(const std::string& name) const { return options_.prefix + name; }
  /// All objects of the namespace, by key; those without the prefix too.
  [[nodiscard]] const std::map<std::string, SlabPtr>& objects() const { return informer_.items(); }
  [[nodiscard]] const k8s::Informer<Slab>& informer() const { return informer_; }

  struct Counts {
    std::uint64_t lookups = 0, lookupsRefused = 0, missesCached = 0;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] std::size_t endsRemembered() const { return ends_.size(); }

 private:
  struct Waiter {
    Found found;
    Timer now;  // the answer needs no GET
  };
  struct Lookup {
    Pending get;
    std::vector<std::uint64_t> waiters;
  };
  struct End {
    SlabPtr slab;
    TimePoint until;
    std::list<std::string>::iterator order;
  };
  void changed(const SlabPtr& before, const SlabPtr& after);
  void tell(const std::string& name, const SlabPtr& slab);
  void remember(const std::string& name, SlabPtr slab);
  void expire();
  void expireInTime();
  void get(const std::string& name, std::uint64_t waiter);
  void got(const std::string& name, const Result<std::string>& answer);
  Result<SlabPtr> read(const std::string& name, const Result<std::string>& answer);
  void answer(std::uint64_t waiter, Result<SlabPtr> result);
  void rememberMiss(const std::string& name);

  Context& context_;
  k8s::Client& client_;
  const SessionsOptions options_;
  Decode decode_;
  std::vector<OnChange> callbacks_;
  OnForget forget_;
  std::unordered_map<std::string, End> ends_;
  std::list<std::string> endOrder_;                    // oldest first
  Timer expiry_;                                       // of the oldest; only for forget_
  std::unordered_map<std::string, TimePoint> misses_;  // until when
  std::map<std::uint64_t, Waiter> waiters_;
  std::map<std::string, Lookup> lookups_;
  std::uint64_t nextWaiter_ = 0;
  k8s::TokenBucket budget_;
  Counts counts_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // watched by whoever calls out
  k8s::Informer<Slab> informer_;
};

/// Why and when a session ended, in words for people and programs. REQUIRES: isTerminal(slab.state()).
EndInfo endOf(const Slab& slab);

}  // namespace spawner::role
