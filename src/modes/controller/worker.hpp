#pragma once
// Worker: the controller at work: observe → decide → act, one object at a time, many objects at once. It exists while its controller leads
// and knows what it needs. Destroyed, it acts no more; what was on its way may still arrive, as after a crash.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "k8s/events.hpp"
#include "k8s/work_queue.hpp"
#include "modes/controller/actor.hpp"
#include "modes/controller/metrics.hpp"
#include "modes/controller/settings.hpp"
#include "modes/controller/track.hpp"
#include "modes/controller/views.hpp"
#include "modes/role/role.hpp"

namespace spawner::controller {

/// Owner: Controller; all that it refers to outlives it. Thread: the loop's.
class Worker {
 public:
  /// Looks at every object of `views`, which are synced. `mayAct` is asked before each decision: false for good, then.
  Worker(role::Context& context, k8s::Client& client, Views& views, k8s::EventRecorder& events, ControllerMetrics& metrics,
         const Settings& settings, std::function<bool()> mayAct);

  void slabChanged(const std::string& key, const std::shared_ptr<const Slab>& before, const std::shared_ptr<const Slab>& after);
  void podChanged(const std::string& key, const std::shared_ptr<const PodView>& pod);
  void serviceChanged(const std::string& key) { queue_.add(key); }
  /// Begins nothing more, and calls `done`, in a later turn, when nothing is under way.
  void stop(Task done);

 private:
  /// The actions of one decision.
  struct Round {
    std::vector<Pending> pending;
    std::size_t left = 0;
    End end;  // the worst of them
    std::optional<Duration> requeueAfter;
  };
  std::shared_ptr<Track> trackOf(const std::string& key, const std::string& uid);
  [[nodiscard]] backend::Observed observed(const Slab& slab, const PodView* pod, const ServiceView* service) const;
  void process(const std::string& key);
  void look(const std::string& key, const std::shared_ptr<const Slab>& slab);
  [[nodiscard]] bool wasAsked(const backend::Action& action, const Track& track) const;
  void measureStart(const Slab& slab, Track& track);
  void act(const Subject& subject, backend::Decision decision);
  void endRound(const std::string& key);
  void finishStop();

  role::Context& context_;
  Views& views_;
  ControllerMetrics& metrics_;
  const Settings& settings_;
  std::function<bool()> mayAct_;
  k8s::EventRecorder& events_;
  std::map<std::string, std::shared_ptr<Track>> tracks_;
  std::map<std::string, Round> rounds_;
  k8s::WorkQueue queue_;
  Actor actor_;
  bool stopping_ = false;
  Task stopped_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Timer tellStopped_;
};

}  // namespace spawner::controller
