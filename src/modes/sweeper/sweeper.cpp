#include "modes/sweeper/sweeper.hpp"

#include <unistd.h>

#include <map>
#include <set>
#include <string>
#include <utility>

#include "backend/decode.hpp"
#include "fetch/fetcher.hpp"
#include "k8s/informer.hpp"
#include "modes/sweeper/follower.hpp"
#include "spawner/names.hpp"

namespace spawner::sweeper {
namespace {

std::string hostName() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "sweeper";
}

k8s::EventRecorderOptions recorderOptions(const Options& options) {
  k8s::EventRecorderOptions made;
  made.component = std::string(names::reportingComponent);
  made.instance = options.instance;
  made.maxQueued = options.maxQueuedEvents;
  made.hold = std::chrono::milliseconds(options.eventHoldMs);
  return made;
}

k8s::ReflectorOptions podsOf(const Options& options) {
  k8s::ReflectorOptions made;
  made.resource = k8s::pods;
  made.ns = options.ns;
  made.labelSelector = std::string(names::managedByLabel) + "=" + std::string(names::managedByValue);
  made.fieldSelector = "spec.nodeName=" + options.nodeName;
  return made;
}

/// All of the namespace: nobody knows before which node a Service's pod will be on.
k8s::ReflectorOptions servicesOf(const Options& options) {
  k8s::ReflectorOptions made;
  made.resource = k8s::services;
  made.ns = options.ns;
  made.labelSelector = std::string(names::managedByLabel) + "=" + std::string(names::managedByValue);
  return made;
}

/// Owner and address: there may be thousands of them.
Result<ServiceView> decodeAddress(std::string_view json) {
  Result<ServiceView> service = backend::decodeService(json);
  if (service) service->meta.labels = service->meta.annotations = {};
  return service;
}

/// What the process form makes and a simulation brings.
struct Outside {
  std::unique_ptr<fetch::HttpTransport> transport;
  std::unique_ptr<ServiceProbe> probe;
};

/// The role: pods of the node in, one Follower each.
class Sweeper final : public role::Role {
 public:
  Sweeper(role::Context context, Options options, backend::EventMode eventMode, Outside outside, Transport& sidecars, ServiceProbe* probe)
      : loop_(context.loop),
        log_(context.log),
        options_(std::move(options)),
        outside_(std::move(outside)),
        metrics_(context.metrics),
        client_(context.kube, std::chrono::seconds(options_.kubeTimeoutSeconds)),
        events_(loop_, client_, context.random, recorderOptions(options_), log_),
        keys_(loop_, context.random, client_,
              {options_.adminKeyFile, options_.systemNamespace, std::chrono::seconds(options_.keyReloadSeconds)}, log_),
        checksServices_(options_.serviceCheck && probe != nullptr),
        environment_{loop_, context.random, log_,     sidecars, checksServices_ ? probe : nullptr, services_, client_, events_,
                     keys_, metrics_,       options_, eventMode},
        services_(loop_, client_, context.random, servicesOf(options_), decodeAddress, log_),
        pods_(loop_, client_, context.random, podsOf(options_), backend::decodePod, log_) {
    pods_.onChange([this](const std::string& key, const auto&, const auto& after) { onPod(key, after.get()); });
    services_.onChange([this](const std::string& key, const auto&, const auto&) { onService(key); });
    // Without a key nothing can be asked: first the key, then the pods.
    keys_.start([this] {
      pods_.start();
      if (checksServices_) services_.start();
    });
  }

  /// What is under way is repeated by the next sweeper; only what was to be told is told before.
  void stop(Task done) override {
    followers_.clear();
    stopped_ = true;
    events_.flush(std::move(done));
  }

  [[nodiscard]] bool ready() const override { return pods_.synced() && (!checksServices_ || services_.synced()); }

 private:
  void onPod(const std::string& key, const PodView* pod) {
    if (stopped_) return;
    auto target = pod == nullptr ? Result<Target>(Error{ErrorKind::NotFound, "the pod is gone", std::nullopt}) : targetOf(*pod);
    const auto it = followers_.find(key);
    // The same name with another uid is another pod (the original's fault 15).
    const bool same = target && it != followers_.end() && it->second->podUid() == target->pod.podUid;
    if (same) return it->second->update(*std::move(target));
    if (it != followers_.end()) followers_.erase(it);
    waiting_.erase(key);
    if (!target) {
      if (pod != nullptr) log_.warn("pod left alone", {{"error", target.error()}});
      admitWaiting();
    } else {
      follow(key, *std::move(target));
    }
    count();
  }

  /// A session's pod and Service have one name.
  void onService(const std::string& key) {
    const auto it = followers_.find(key);
    if (!stopped_ && it != followers_.end()) it->second->onService();
  }

  void follow(const std::string& key, Target target) {
    if (followers_.size() < options_.maxFollowed) {
      followers_.emplace(key, std::make_unique<Follower>(environment_, std::move(target), !pods_.synced()));
      return;
    }
    waiting_.insert(key);
    log_.error("too many pods on this node: one is not followed, and will not be swept", {{"pod", key}, {"limit", options_.maxFollowed}});
  }

  void admitWaiting() {
    while (!waiting_.empty() && followers_.size() < options_.maxFollowed) {
      const std::string key = *waiting_.begin();
      waiting_.erase(waiting_.begin());
      const auto pod = pods_.find(key);
      auto target = pod ? targetOf(*pod) : Result<Target>(Error{});
      if (target) followers_.emplace(key, std::make_unique<Follower>(environment_, *std::move(target), true));
    }
  }

  void count() {
    metrics_.followed.set(static_cast<double>(followers_.size()));
    metrics_.unfollowed.set(static_cast<double>(waiting_.size()));
  }

  Loop& loop_;
  Logger log_;
  Options options_;
  Outside outside_;
  SweeperMetrics metrics_;
  k8s::Client client_;
  k8s::EventRecorder events_;
  AdminKeys keys_;
  const bool checksServices_;
  Environment environment_;
  std::map<std::string, std::unique_ptr<Follower>> followers_;  // by the pod's "namespace/name"
  std::set<std::string> waiting_;                               // beyond --max-followed
  bool stopped_ = false;
  k8s::Informer<ServiceView> services_;  // the informers last: their call-backs use the members above
  k8s::Informer<PodView> pods_;
};

Result<std::unique_ptr<role::Role>> make(role::Context context, Options options, Outside outside, Transport& sidecars,
                                         ServiceProbe* probe) {
  const auto bad = [](std::string why) { return Error{ErrorKind::InvalidArgument, std::move(why), std::nullopt}; };
  if (options.nodeName.empty()) return bad("--node-name (or NODE_NAME) is required: the sweeper follows the pods of one node");
  const auto eventMode = backend::parseEventMode(options.events);
  if (!eventMode) return bad("--events must be write, state or none, not \"" + options.events + "\"");
  if (options.freshSeconds == 0 || options.commandTimeoutSeconds == 0 || options.kubeTimeoutSeconds == 0 || options.firstTimeoutMs == 0 ||
      options.keyReloadSeconds == 0 || options.retryFirstMs == 0)
    return bad("--fresh-seconds, --key-reload-seconds, --retry-first-ms and all timeouts must be greater than 0");
  if (options.instance.empty()) options.instance = hostName();
  return std::unique_ptr<role::Role>(
      std::make_unique<Sweeper>(context, std::move(options), *eventMode, std::move(outside), sidecars, probe));
}

}  // namespace

Result<std::unique_ptr<role::Role>> start(role::Context context, Options options, Transport* sidecars, ServiceProbe* probe) {
  return make(context, std::move(options), {}, *sidecars, probe);
}

Result<std::unique_ptr<role::Role>> start(role::Context context, Options options) {
  fetch::HttpTransportOptions http;
  http.userAgent = "spawner-sweeper";
  http.maxResponseBytes = 64 * 1024;  // sidecars are believed, but not with our memory
  auto transport = fetch::HttpTransport::make(context.loop, std::move(http));
  if (!transport) return transport.error();
  Outside outside{*std::move(transport), socketServiceProbe(context.loop)};
  Transport& sidecars = *outside.transport;
  ServiceProbe* probe = outside.probe.get();
  return make(context, std::move(options), std::move(outside), sidecars, probe);
}

}  // namespace spawner::sweeper
