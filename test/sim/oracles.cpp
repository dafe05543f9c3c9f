#include "sim/oracles.hpp"

#include <array>

namespace spawner::sim {

using cluster::Commit;
using cluster::Json;
using namespace std::chrono_literals;

namespace {

constexpr std::array<std::string_view, 7> factFields = {"submitted", "constructed", "scheduled", "running", "ready", "swept", "failed"};

std::string textOf(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) + " ms";
}

/// The uid of the controlling owner; empty without one.
std::string ownerOf(const Json& object) {
  const Json* owners = object.find({"metadata", "ownerReferences"});
  return owners == nullptr || owners->items().empty() ? std::string() : std::string(owners->items()[0].textAt({"uid"}));
}

bool isTerminal(const Json& slab) { return slab.truthAt({"status", "swept"}) || slab.truthAt({"status", "failed"}); }

constexpr Duration lateLimit = 75s;  // the longest time-out and back-off of a controller, and the collector

}  // namespace

Oracles::Oracles(Loop& loop, cluster::ApiServer& api, Truth& truth) : loop_(loop), api_(api), truth_(truth) {
  hook_ = api.store().onCommit([this](const Commit& commit) { seen(commit); });
}

void Oracles::broken(const std::string& what) {
  if (broken_.empty()) broken_ = what;
}

void Oracles::throwIfBroken() const {
  if (!broken_.empty()) throw Broken(broken_);
  for (const auto& [uid, since] : latePods_)
    if (loop_.now() - since > lateLimit) throw Broken("P4: the pod " + uid + " was made after the end of its object and is still there");
}

void Oracles::seen(const Commit& commit) {
  ++counts_.commits;
  for (const char c : commit.key + std::to_string(commit.revision)) digest_ = (digest_ ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  if (&commit.type == &cluster::types::slabs) slab(commit);
  if (&commit.type == &cluster::types::pods) pod(commit);
}

void Oracles::slab(const Commit& commit) {
  if (!commit.before) {
    SlabTruth& slab = truth_.slabs[std::string(commit.after->uid())];
    slab.name = std::string(commit.after->name());
    slab.bornAt = loop_.now();
    return;
  }
  if (!commit.after) {
    const SlabTruth& slab = truth_.slabs[std::string(commit.before->uid())];
    if (!slab.terminal && !slab.userDeleted) broken("P5: " + slab.name + " was deleted without an end and without a user's wish");
    return;
  }
  facts(commit);
}

/// Facts are set once; the end comes once, with a reason, and for idleness only when it was idle.
void Oracles::facts(const Commit& commit) {
  const Json& before = commit.before->json();
  const Json& after = commit.after->json();
  for (const std::string_view field : factFields)
    if (before.truthAt({"status", field}) && !after.truthAt({"status", field}))
      broken("facts: " + commit.key + " lost its fact " + std::string(field));
  const std::string_view pod = before.textAt({"status", "podUID"});
  if (!pod.empty() && pod != after.textAt({"status", "podUID"})) broken("P4: " + commit.key + " changed its pod");
  if (before.truthAt({"status", "swept"}) != after.truthAt({"status", "swept"})) ended(commit, true);
  if (before.truthAt({"status", "failed"}) != after.truthAt({"status", "failed"})) ended(commit, false);
}

void Oracles::ended(const Commit& commit, bool swept) {
  const Json& after = commit.after->json();
  SlabTruth& slab = truth_.slabs[std::string(commit.after->uid())];
  if (slab.terminal) broken("terminal: " + commit.key + " ended twice");
  slab.terminal = true;
  const std::string reason(after.textAt({"status", "end", "reason"}));
  if (reason.empty() || after.textAt({"status", "end", "message"}).empty()) broken("P6: " + commit.key + " ended without saying why");
  ++(swept ? counts_.swept : counts_.failed);
  ++counts_.reasons[reason];
  if (reason != "Idle") return;
  ++counts_.idle;
  const std::string podUid(after.textAt({"status", "podUID"}));
  const auto it = truth_.pods.find(podUid);
  if (it == truth_.pods.end()) return broken("P3: " + commit.key + " was swept, and nobody knows its pod " + podUid);
  const PodTruth& pod = it->second;
  if (truth_.inUse(pod)) broken("P1: " + commit.key + " was swept as idle while in use");
  if (!pod.readyAt) return broken("P1: " + commit.key + " was swept as idle before it was ready");
  if (pod.grace == 0s && !pod.usedOnce) broken("P1: " + commit.key + " has grace 0 and was swept before its first use");
  const Duration idle = loop_.now() - std::max(*pod.readyAt, pod.lastUse.value_or(*pod.readyAt));
  if (idle < pod.grace) broken("P1: " + commit.key + " was swept after " + textOf(idle) + " of its grace of " + textOf(pod.grace));
}

/// At most one pod for an object while it lives (P4). A create that was on its way when the object ended cannot be called back (Kubernetes
/// has no fence for it): such a late pod must be gone within lateLimit, and it never becomes the session's.
void Oracles::pod(const Commit& commit) {
  const std::string uid(commit.after ? commit.after->uid() : commit.before->uid());
  if (!commit.after) {
    latePods_.erase(uid);
    return;
  }
  if (commit.before) return;
  const std::string owner = ownerOf(commit.after->json());
  if (owner.empty()) return;
  SlabTruth& slab = truth_.slabs[owner];
  const cluster::ObjectPtr object = api_.store().find(cluster::types::slabs, commit.key);
  const bool lives = object && object->uid() == owner && !isTerminal(object->json());
  if (!slab.podUids.empty() && lives && !slab.userDeleted)
    broken("P4: " + commit.key + " got a second pod " + textOf(loop_.now() - slab.bornAt) + " after its birth; it is " + object->text());
  if (!slab.podUids.empty() || !lives) {
    ++counts_.latePods;
    latePods_[uid] = loop_.now();
  }
  slab.podUids.insert(uid);
  PodTruth& truth = truth_.pods[uid];
  truth.name = std::string(commit.after->name());
  truth.slabUid = owner;
  truth.bornAt = loop_.now();
  if (const cluster::ObjectPtr object = api_.store().find(cluster::types::slabs, commit.key)) {
    truth.grace = std::chrono::seconds(object->json().integerAt({"spec", "gracePeriodSeconds"}, 300));
    const std::int64_t lifetime = object->json().integerAt({"spec", "maxLifetimeSeconds"}, 0);
    if (lifetime > 0) truth.lifetime = std::chrono::seconds(lifetime);
  }
}

void Oracles::checkUnused(TimePoint calmSince, const std::function<bool(const std::string& podUid)>& isSwept) {
  const TimePoint now = loop_.now();
  for (const auto& [uid, pod] : truth_.pods) {
    if (!pod.readyAt || truth_.inUse(pod) || !pod.sidecarUp || (pod.grace == 0s && !pod.usedOnce)) continue;
    const auto slab = truth_.slabs.find(pod.slabUid);
    if (slab == truth_.slabs.end() || slab->second.terminal || slab->second.userDeleted) continue;
    const TimePoint since = std::max({*pod.readyAt, pod.lastUse.value_or(*pod.readyAt), calmSince});
    if (now - since > pod.grace + 2s && !isSwept(uid))
      throw Broken("P2: " + pod.name + " is unused for " + textOf(now - since) + ", its grace is " + textOf(pod.grace));
  }
}

void Oracles::checkNothingLeft() {
  throwIfBroken();
  for (const cluster::ResourceType* type : {&cluster::types::slabs, &cluster::types::pods, &cluster::types::services})
    if (!api_.store().objects(*type).empty())
      throw Broken("P5: " + std::to_string(api_.store().objects(*type).size()) + " " + std::string(type->plural) +
                   " are left, the first is " + api_.store().objects(*type).begin()->second->text());
}

}  // namespace spawner::sim
