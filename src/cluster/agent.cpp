#include "cluster/agent.hpp"

#include <arpa/inet.h>

#include "base/text.hpp"
#include "cluster/agent_status.hpp"
#include "cluster/controllers.hpp"
#include "spawner/names.hpp"

namespace spawner::cluster {
namespace {

std::string podPath(const PodPlan& plan) { return "/api/v1/namespaces/" + plan.ns + "/pods/" + plan.name; }

std::string dotted(std::uint32_t address) {
  const in_addr network{htonl(address)};
  char text[INET_ADDRSTRLEN] = {};
  ::inet_ntop(AF_INET, &network, text, sizeof text);
  return text;
}

}  // namespace

NodeAgent::NodeAgent(Loop& loop, ApiServer& server, ContainerRuntime& runtime, Transport* hooks, Logger log, NodeAgentOptions options)
    : loop_(loop), server_(server), runtime_(runtime), hooks_(hooks), log_(std::move(log)), options_(std::move(options)) {
  registerNode(server_, options_.nodeName, options_.nodeIp, static_cast<int>(options_.maxPods), now());
  hook_ = server_.store().onCommit([this](const Commit& commit) { seen(commit); });
  for (const auto& [key, object] : server_.store().objects(types::pods))
    if (object->json().textAt({"spec", "nodeName"}) == options_.nodeName) changedKeys_.insert(key);
  if (!changedKeys_.empty()) work();
}

NodeAgent::~NodeAgent() = default;

const AgentPod* NodeAgent::find(const std::string& podUid) const {
  const auto it = pods_.find(podUid);
  return it == pods_.end() ? nullptr : it->second.get();
}

void NodeAgent::stopAll(std::uint32_t graceSeconds) {
  for (const auto& [uid, pod] : pods_)
    server_.call("DELETE", podPath(pod->plan()), R"({"gracePeriodSeconds":)" + std::to_string(graceSeconds) + "}", now());
}

/// Runs inside the write: notes what to look at.
void NodeAgent::seen(const Commit& commit) {
  const bool awaited = &commit.type == &types::services && waiting_.contains(commit.key);
  if (&commit.type != &types::pods && !awaited) return;
  const Object& object = commit.after ? *commit.after : *commit.before;
  if (!awaited && object.json().textAt({"spec", "nodeName"}) != options_.nodeName) return;
  if (commit.after) {
    changedKeys_.insert(commit.key);
  } else {
    goneUids_.insert(std::string(object.uid()));
    if (!awaited) waiting_.erase(commit.key);
  }
  if (workPosted_) return;
  workPosted_ = true;
  const std::weak_ptr<int> alive = alive_;
  loop_.post([this, alive] {
    if (alive.lock()) work();
  });
}

void NodeAgent::work() {
  workPosted_ = false;
  for (const std::string& uid : std::exchange(goneUids_, {})) forget(uid);
  for (const std::string& key : std::exchange(changedKeys_, {}))
    if (const ObjectPtr object = server_.store().find(types::pods, key)) takeUp(object);
}

void NodeAgent::takeUp(const ObjectPtr& object) {
  const std::string uid(object->uid());
  const auto known = pods_.find(uid);
  if (known != pods_.end()) {
    if (!object->deleting()) return;  // nothing else in a pod can change what runs
    const auto grace = object->json().integerAt({"metadata", "deletionGracePeriodSeconds"}, 30);
    known->second->beginDeletion(static_cast<std::uint32_t>(grace < 0 ? 0 : grace));
    return;
  }
  Result<PodPlan> plan = parsePodPlan(object->text());
  if (!plan) {
    log_.error("pod cannot be run", {{"pod", object->key()}, {"error", plan.error()}});
    return;
  }
  if (plan->phase == "Succeeded" || plan->phase == "Failed") return;
  if (plan->deleting) {  // never started here
    server_.call("DELETE", podPath(*plan), R"({"gracePeriodSeconds":0,"preconditions":{"uid":")" + uid + "\"}}", now());
    return;
  }
  if (waitsForService(*plan)) return;
  const std::string address = addressFor(*plan);
  addresses_[address] = uid;
  AgentPodHost& host = *this;
  const Logger log = log_.with("pod", plan->name);
  auto pod = std::make_unique<AgentPod>(loop_, runtime_, hooks_, host, log, std::move(*plan), address, options_.pod);
  AgentPod& started = *pod;
  pods_[uid] = std::move(pod);
  started.start();
}

void NodeAgent::forget(const std::string& uid) {
  const auto it = pods_.find(uid);
  if (it == pods_.end()) return;
  addresses_.erase(it->second->facts().ip);
  pods_.erase(it);  // kills what still runs: the object was deleted without waiting
  runtime_.forgetPod(uid);
}

/// Its address is its Service's: what is started before the Service is there gets one at which nobody asks.
bool NodeAgent::waitsForService(const PodPlan& plan) {
  const std::string key = plan.key();
  const auto since = waiting_.find(key);
  const bool over = since != waiting_.end() && !since->second.active();
  if (over) log_.warn("pod starts without its Service, which will not work", {{"pod", plan.name}});
  if (over || !plan.annotations.contains(std::string(names::clusterIpAnnotation)) || server_.store().find(types::services, key)) {
    waiting_.erase(key);
    return false;
  }
  if (since == waiting_.end())
    waiting_[key] = loop_.after(options_.serviceWait, [this, key] {
      changedKeys_.insert(key);
      work();
    });
  return true;
}

/// The cluster IP of the pod's own Service, so that the Service works without a proxy of its own; else the next free address of the range.
std::string NodeAgent::addressFor(const PodPlan& plan) {
  if (const ObjectPtr service = server_.store().find(types::services, plan.key())) {
    std::string ip(service->json().textAt({"spec", "clusterIP"}));
    const Json* selector = service->json().find({"spec", "selector"});
    bool selects = !ip.empty() && ip != "None" && !addresses_.contains(ip) && selector != nullptr && !selector->members().empty();
    for (const auto& [key, value] : selector != nullptr ? selector->members() : Json::Members{}) {
      const auto label = plan.labels.find(key);
      selects = selects && label != plan.labels.end() && label->second == value.text();
    }
    if (selects) return ip;
  }
  std::string address;
  do {
    // The first and the last of a range are left alone, as people expect.
    address = dotted(options_.podRange + 1 + nextAddress_ % (options_.podRangeSize - 2));
    ++nextAddress_;
  } while (addresses_.contains(address));
  return address;
}

void NodeAgent::publish(AgentPod& pod) {
  const std::string path = podPath(pod.plan());
  const Response response = server_.call("PATCH", path + "/status", podStatusPatch(pod, options_.nodeIp, loop_.wallNow()), now());
  if (response.status != 200 && response.status != 404)
    log_.error("pod status was refused", {{"pod", pod.plan().name}, {"status", response.status}, {"answer", response.body}});
}

void NodeAgent::finished(AgentPod& pod) {
  // The deletion's commit comes back through seen(), which forgets the pod in a later turn.
  const Response response =
      server_.call("DELETE", podPath(pod.plan()), R"({"gracePeriodSeconds":0,"preconditions":{"uid":")" + pod.plan().uid + "\"}}", now());
  if (response.status != 200 && response.status != 404 && response.status != 409)
    log_.error("pod deletion was refused", {{"pod", pod.plan().name}, {"status", response.status}, {"answer", response.body}});
}

std::optional<std::string> NodeAgent::lookUp(bool secret, const std::string& ns, const std::string& name, const std::string& key) {
  const ObjectPtr object = server_.store().find(secret ? types::secrets : types::configMaps, ns + "/" + name);
  if (!object) return std::nullopt;
  const Json* value = object->json().find({"data", key});
  if (value == nullptr || !value->isString()) return std::nullopt;
  return secret ? base64Decode(value->text()) : std::optional<std::string>(value->text());
}

}  // namespace spawner::cluster
