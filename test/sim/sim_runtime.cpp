#include "sim/sim_runtime.hpp"

#include "spawner/names.hpp"

namespace spawner::sim {

using namespace std::chrono_literals;

namespace {

/// The value of "--name=value" among the arguments, each time it is given.
std::vector<std::string> argumentsOf(const cluster::ContainerStart& what, const std::string& name) {
  std::vector<std::string> values;
  for (const std::string& argument : what.args)
    if (argument.starts_with(name + "=")) values.push_back(argument.substr(name.size() + 1));
  return values;
}

}  // namespace

/// A program that listens after a while, or never; that ends by itself, or when it is asked.
class SimApplication final : public cluster::Container {
 public:
  SimApplication(SimRuntime& runtime, std::shared_ptr<SimPod> pod, UniqueFunction<void(ExitStatus)> onExit)
      : runtime_(runtime), pod_(std::move(pod)), onExit_(std::move(onExit)) {
    Random& random = runtime_.random_;
    pod_->applicationRuns = true;
    const std::uint64_t fate = random.below(100);
    const Duration start = std::chrono::milliseconds(1 + random.below(random.below(10) == 0 ? 5000 : 300));
    if (fate < 2) {
      exit_ = runtime_.loop_.after(start, [this] { end(3); });
    } else if (fate != 2) {  // of a hundred, one never listens
      listen_ = runtime_.loop_.after(start, [this] {
        pod_->listening = true;
        runtime_.probe(*pod_);
      });
      if (fate < 5) exit_ = runtime_.loop_.after(start + std::chrono::seconds(random.below(60)), [this] { end(fateCode_); });
      fateCode_ = fate == 3 ? 0 : 1;
    }
  }
  ~SimApplication() override { gone(); }
  void terminate() override {
    exit_ = runtime_.loop_.after(std::chrono::milliseconds(runtime_.random_.below(300)), [this] { end(0); });
  }
  void kill() override {
    exit_ = runtime_.loop_.after(0s, [this] { end(-9); });
  }
  [[nodiscard]] std::string id() const override { return "sim://application"; }
  [[nodiscard]] std::string portProblem(std::uint16_t) const override { return {}; }

 private:
  void gone() {
    pod_->applicationRuns = pod_->listening = false;
    listen_.cancel();
  }
  void end(int code) {
    gone();
    auto onExit = std::exchange(onExit_, nullptr);  // may destroy this
    if (onExit) onExit(code < 0 ? ExitStatus{std::nullopt, -code} : ExitStatus{code, std::nullopt});
  }
  SimRuntime& runtime_;
  std::shared_ptr<SimPod> pod_;
  UniqueFunction<void(ExitStatus)> onExit_;
  Timer listen_, exit_;
  int fateCode_ = 1;
};

class SimSidecar final : public cluster::Container {
 public:
  SimSidecar(SimRuntime& runtime, std::shared_ptr<SimPod> pod, UniqueFunction<void(ExitStatus)> onExit)
      : runtime_(runtime), pod_(std::move(pod)), onExit_(std::move(onExit)) {
    runtime_.sidecarStarted(*pod_);
    runtime_.killers_[pod_->uid] = [this] { kill(); };
  }
  ~SimSidecar() override { gone(); }
  void terminate() override {
    exit_ = runtime_.loop_.after(std::chrono::milliseconds(runtime_.random_.below(50)), [this] { end({0, std::nullopt}); });
  }
  void kill() override {
    gone();  // at once: a killed process serves nobody
    exit_ = runtime_.loop_.after(0s, [this] { end({std::nullopt, 9}); });
  }
  [[nodiscard]] std::string id() const override { return "sim://sidecar"; }
  [[nodiscard]] std::string portProblem(std::uint16_t) const override { return {}; }

 private:
  void gone() {
    if (std::exchange(over_, true)) return;
    runtime_.killers_.erase(pod_->uid);
    runtime_.sidecarEnded(*pod_);
  }
  void end(ExitStatus status) {
    gone();
    auto onExit = std::exchange(onExit_, nullptr);
    if (onExit) onExit(status);
  }
  SimRuntime& runtime_;
  std::shared_ptr<SimPod> pod_;
  UniqueFunction<void(ExitStatus)> onExit_;
  Timer exit_;
  bool over_ = false;
};

std::shared_ptr<SimPod> SimRuntime::podOf(const cluster::ContainerStart& what) {
  std::shared_ptr<SimPod>& pod = pods_[what.podUid];
  if (!pod) {
    pod = std::make_shared<SimPod>();
    pod->uid = what.podUid;
  }
  return pod;
}

Result<std::unique_ptr<cluster::Container>> SimRuntime::start(const cluster::ContainerStart& what,
                                                              UniqueFunction<void(ExitStatus)> onExit) {
  const std::shared_ptr<SimPod> pod = podOf(what);
  if (what.container == names::sidecarContainer) {
    if (!pod->sidecar) {
      pod->sidecar = std::make_shared<test::FakeSidecar>(loop_, what.podUid, argumentsOf(what, "--admin-key"));
      const auto ports = argumentsOf(what, "--admin-port");
      pod->address = what.podIp + ":" + (ports.empty() ? std::to_string(names::adminPort) : ports[0]);
    }
    network_.at[pod->address] = pod->sidecar;
    return std::unique_ptr<cluster::Container>(std::make_unique<SimSidecar>(*this, pod, std::move(onExit)));
  }
  if (what.image == "nowhere") return Error{ErrorKind::NotFound, "no image \"nowhere\" here", {}};
  if (what.image == "broken") return Error{ErrorKind::System, "cannot run /no/such/program", {}};
  return std::unique_ptr<cluster::Container>(std::make_unique<SimApplication>(*this, pod, std::move(onExit)));
}

void SimRuntime::forgetPod(const std::string& podUid) {
  const auto it = pods_.find(podUid);
  if (it == pods_.end()) return;
  const auto at = network_.at.find(it->second->address);
  if (at != network_.at.end() && at->second == it->second->sidecar) network_.at.erase(at);
  pods_.erase(it);
}

void SimRuntime::killSidecar(const std::string& podUid) {
  const auto it = killers_.find(podUid);
  if (it != killers_.end()) it->second();
}

void SimRuntime::probe(SimPod& pod) {
  if (!pod.listening || !pod.sidecar || !pod.sidecar->up()) return;
  pod.sidecar->core->setReady();
  PodTruth& truth = truth_.pods[pod.uid];
  if (!truth.readyAt) truth.readyAt = loop_.now();
}

void SimRuntime::sidecarStarted(SimPod& pod) {
  pod.sidecar->start();
  PodTruth& truth = truth_.pods[pod.uid];
  truth.sidecarUp = true;
  if (std::exchange(truth.cutInUse, false)) truth.lastUse = loop_.now();
  probe(pod);
}

void SimRuntime::sidecarEnded(SimPod& pod) {
  PodTruth& truth = truth_.pods[pod.uid];
  truth.sidecarUp = false;
  if (!truth.uses.empty()) {  // its connections are gone with it
    truth.uses.clear();
    truth.lastUse = loop_.now();
    truth.cutInUse = true;
  }
  if (pod.sidecar->up()) {
    if (pod.sidecar->core->swept() && !truth.sweptAt) truth.sweptAt = loop_.now();
    pod.sidecar->crash();
  }
}

}  // namespace spawner::sim
