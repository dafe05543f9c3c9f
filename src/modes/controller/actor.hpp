#pragma once
// Actor: carries the decided actions out: one request each, its answer learned by the informers, so that nothing is read that was told.

#include <memory>
#include <string>
#include <vector>

#include "backend/decide.hpp"
#include "k8s/client.hpp"
#include "k8s/events.hpp"
#include "modes/controller/metrics.hpp"
#include "modes/controller/settings.hpp"
#include "modes/controller/track.hpp"
#include "modes/controller/views.hpp"
#include "modes/role/role.hpp"

namespace spawner::controller {

/// What an action's end asks for.
enum class Outcome {
  Wait,   // nothing: what it changed will be seen
  Again,  // look again at once: something was learned that no informer tells
  Retry,  // look again after a backoff
};
/// … and, for Retry, not before the server wants to be asked again (Retry-After).
struct End {
  Outcome outcome = Outcome::Wait;
  Duration notBefore = Duration::zero();
};

/// The object that an action is for, as it was when it was decided.
struct Subject {
  std::string key;
  std::shared_ptr<const Slab> slab;
  std::shared_ptr<Track> track;
};

/// Owner: Controller. Thread: the loop's. All that it refers to outlives it.
class Actor {
 public:
  using Done = UniqueFunction<void(End)>;
  Actor(role::Context& context, k8s::Client& client, Views& views, k8s::EventRecorder& events, ControllerMetrics& metrics,
        const Settings& settings)
      : context_(context), client_(client), views_(views), events_(events), metrics_(metrics), settings_(settings) {}

  /// `pending` owns what is under way; it must live until `done` was called, or nothing more happens. `done` may be called inside the call
  /// and inside a call-back of what `pending` owns: it must destroy neither.
  void perform(const backend::Action& action, const Subject& subject, std::vector<Pending>& pending, Done done);

 private:
  struct Job;
  using JobPtr = std::shared_ptr<Job>;
  using Answer = Result<std::string>;
  void run(const JobPtr& job, const backend::CreateService& action);
  void run(const JobPtr& job, const backend::CreatePod& action);
  void run(const JobPtr& job, const backend::ReadSlab& action);
  void run(const JobPtr& job, const backend::ReadPod& action);
  void run(const JobPtr& job, const backend::PatchStatus& action);
  void run(const JobPtr& job, const backend::PatchPod& action);
  void run(const JobPtr& job, const backend::DeletePod& action);
  void run(const JobPtr& job, const backend::DeleteService& action);
  void run(const JobPtr& job, const backend::DeleteSlab& action);

  void createFailed(const JobPtr& job, const Error& error);
  void learnPod(const JobPtr& job, const std::string& json);
  void learnService(const JobPtr& job, const std::string& json);
  void statusWritten(const JobPtr& job, const SlabStatus& after, const std::string& json);
  void remove(const JobPtr& job, const k8s::Resource& resource, const std::string& uid);
  void finish(const JobPtr& job, Outcome outcome, const Error* error = nullptr);
  [[nodiscard]] k8s::ObjectReference reference(const Slab& slab) const;

  role::Context& context_;
  k8s::Client& client_;
  Views& views_;
  k8s::EventRecorder& events_;
  ControllerMetrics& metrics_;
  const Settings& settings_;
};

}  // namespace spawner::controller
