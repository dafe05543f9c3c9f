#include "sim/visitors.hpp"

namespace spawner::sim {

using namespace std::chrono_literals;

SimPod* Visitors::podOf(const std::string& podUid) {
  SimRuntime* runtime = runtimeOf_(podUid);
  if (runtime == nullptr) return nullptr;
  const auto it = runtime->pods().find(podUid);
  return it == runtime->pods().end() ? nullptr : it->second.get();
}

Duration Visitors::around(std::chrono::seconds grace) {
  const Duration base = std::max<Duration>(grace, 500ms);
  switch (random_.below(5)) {
    case 0: return std::chrono::milliseconds(random_.below(200));
    case 1: return base / 2;
    case 2: return base - std::chrono::milliseconds(random_.below(100));
    case 3: return base + std::chrono::milliseconds(random_.below(1500));
    default: return base * static_cast<int>(1 + random_.below(3));
  }
}

void Visitors::look() {
  for (auto it = visitors_.begin(); it != visitors_.end();) {
    if (podOf(it->first) == nullptr) {
      leave(it->first);
      it = visitors_.erase(it);
    } else {
      ++it;
    }
  }
  for (const auto& [uid, pod] : truth_.pods) {
    if (visitors_.contains(uid) || podOf(uid) == nullptr) continue;
    Visitor& visitor = visitors_[uid];
    if (random_.below(10) == 0) continue;  // nobody ever comes
    visitor.visitsLeft = static_cast<int>(random_.below(4));
    visitor.next = loop_.after(std::chrono::milliseconds(random_.below(4000)), [this, podUid = uid] { come(podUid); });
  }
}

void Visitors::come(const std::string& podUid) {
  Visitor& visitor = visitors_[podUid];
  SimPod* pod = podOf(podUid);
  if (pod == nullptr) return;
  if (!pod->sidecar || !pod->sidecar->up()) {  // connection refused: tries again, as people do
    visitor.next = loop_.after(300ms, [this, podUid] { come(podUid); });
    return;
  }
  auto guard = pod->sidecar->core->admit();
  if (!guard) {
    if (!pod->sidecar->core->swept()) throw Broken("P1: a request to a session that is not swept was refused");
    return;
  }
  PodTruth& truth = truth_.pods[podUid];
  if (truth.sweptAt) throw Broken("P2: a request was admitted after the sweep was decided");
  ++visits_;
  visitor.guard = std::move(*guard);
  visitor.use = truth_.nextUse++;
  truth.uses.insert(visitor.use);
  truth.usedOnce = truth.usedOnce || truth.readyAt.has_value();
  if (random_.below(50) == 0) pod->sidecar->core->requestShutdown();
  visitor.next = loop_.after(around(truth.grace), [this, podUid] { leave(podUid); });
}

void Visitors::leave(const std::string& podUid) {
  Visitor& visitor = visitors_[podUid];
  PodTruth& truth = truth_.pods[podUid];
  visitor.guard.end();
  if (truth.uses.erase(visitor.use) > 0) {
    truth.lastUse = loop_.now();
    truth.usedOnce = truth.usedOnce || truth.readyAt.has_value();
  }
  if (visitor.visitsLeft-- > 0) visitor.next = loop_.after(around(truth.grace), [this, podUid] { come(podUid); });
}

}  // namespace spawner::sim
