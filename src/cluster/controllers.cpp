#include "cluster/controllers.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "cluster/collector.hpp"
#include "cluster/scheduler.hpp"

namespace spawner::cluster {

namespace {

constexpr Duration expiryInterval = std::chrono::minutes(1);

}  // namespace

struct Controllers::Impl {
  Impl(Loop& givenLoop, ApiServer& givenServer, ControllersOptions givenOptions)
      : loop(givenLoop), server(givenServer), options(std::move(givenOptions)), scheduler(server, options), collector(server) {
    for (const ResourceType* type : allTypes())
      for (const auto& [key, object] : server.store().objects(*type)) observe(*type, key, nullptr, object);
    hook = server.store().onCommit([this](const Commit& commit) { observe(commit.type, commit.key, commit.before, commit.after); });
    expire();
  }

  [[nodiscard]] Now now() const { return {loop.now(), loop.wallNow()}; }

  /// Runs inside a write: notes what there is to do and asks for a turn.
  void observe(const ResourceType& type, const std::string& key, const ObjectPtr& before, const ObjectPtr& after) {
    if (scheduler.observe(type, key, before, after) && !schedulerTimer.active())
      schedulerTimer = loop.after(options.schedulerDelay, [this] { schedule(); });
    if (collector.observe(type, key, before, after) && !collectorTimer.active())
      collectorTimer = loop.after(options.collectorDelay, [this] { collector.run(now()); });
  }
  void schedule() {
    scheduler.run(now());
    retryTimer = scheduler.waiting() ? loop.after(options.retryUnschedulable, [this] { schedule(); }) : Timer();
  }
  void expire() {
    server.expireEvents(now());
    expiryTimer = loop.after(expiryInterval, [this] { expire(); });
  }

  Loop& loop;
  ApiServer& server;
  ControllersOptions options;
  Scheduler scheduler;
  Collector collector;
  Timer schedulerTimer, collectorTimer, retryTimer, expiryTimer;
  std::shared_ptr<void> hook;  // last: no call-back after the others are gone
};

Controllers::Controllers(Loop& loop, ApiServer& server, ControllersOptions options)
    : impl_(std::make_unique<Impl>(loop, server, std::move(options))) {}
Controllers::~Controllers() = default;

Controllers::Counts Controllers::counts() const {
  return {impl_->scheduler.bound(), impl_->collector.collected(), impl_->scheduler.refused()};
}

void registerNode(ApiServer& server, const std::string& name, const std::string& address, int pods, Now now) {
  const std::string time = toRfc3339(now.wall);
  const Json capacity = Json::object({{"pods", std::to_string(pods)}, {"cpu", "8"}, {"memory", "16Gi"}});
  const Json ready = Json::object({{"type", "Ready"},
                                   {"status", "True"},
                                   {"reason", "KubeletReady"},
                                   {"message", "the node agent is at work"},
                                   {"lastHeartbeatTime", time},
                                   {"lastTransitionTime", time}});
  const Json status = Json::object({{"addresses", Json::array({Json::object({{"type", "InternalIP"}, {"address", address}}),
                                                               Json::object({{"type", "Hostname"}, {"address", name}})})},
                                    {"capacity", capacity},
                                    {"allocatable", capacity},
                                    {"conditions", Json::array({ready})},
                                    {"nodeInfo", Json::object({{"kubeletVersion", server.options().gitVersion},
                                                               {"kubeProxyVersion", ""},
                                                               {"osImage", "Linux"},
                                                               {"operatingSystem", "linux"},
                                                               {"architecture", "amd64"},
                                                               {"containerRuntimeVersion", "spawner://processes"},
                                                               {"kernelVersion", ""},
                                                               {"machineID", ""},
                                                               {"systemUUID", ""},
                                                               {"bootID", ""}})}});
  const Json labels = Json::object({{"kubernetes.io/hostname", name}, {"kubernetes.io/os", "linux"}});
  const Json node = Json::object({{"metadata", Json::object({{"name", name}, {"labels", labels}})}, {"status", status}});
  if (server.call("POST", "/api/v1/nodes", node.dump(), now).status == 201) return;
  (void)server.call("PATCH", fmt::format("/api/v1/nodes/{}/status", name), Json::object({{"status", status}}).dump(), now);
}

}  // namespace spawner::cluster
