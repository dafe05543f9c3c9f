#include "cluster/agent_pod.hpp"

#include <algorithm>

#include "spawner/names.hpp"

namespace spawner::cluster {

namespace {

std::string lastLines(std::string text, std::size_t count) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::size_t begin = text.size();
  for (std::size_t lines = 0; lines < count && begin != std::string::npos && begin > 0; ++lines) begin = text.rfind('\n', begin - 1);
  return begin == std::string::npos || begin == 0 ? text : text.substr(begin + 1);
}

}  // namespace

AgentPod::AgentPod(Loop& loop, ContainerRuntime& runtime, Transport* hooks, AgentPodHost& host, Logger log, PodPlan plan, std::string ip,
                   AgentPodOptions options)
    : loop_(loop),
      runtime_(runtime),
      hooks_(hooks),
      host_(host),
      log_(std::move(log)),
      plan_(std::move(plan)),
      options_(std::move(options)) {
  facts_.ip = std::move(ip);
  facts_.startedAt = loop_.wallNow();
  for (const ContainerPlan& container : plan_.initContainers) {
    init_.emplace_back();
    init_.back().plan = container;
  }
  for (const ContainerPlan& container : plan_.containers) {
    main_.emplace_back();
    main_.back().plan = container;
  }
}

AgentPod::~AgentPod() {
  if (facts_.movedPort != 0) runtime_.releasePort(facts_.movedPort);
}

void AgentPod::start() {
  movePort();
  advance();
  changed();
  if (!options_.portChecks.empty() && facts_.movedPort != 0) portTimer_ = loop_.after(options_.portChecks[0], [this] { checkPort(0); });
}

/// All pods share the machine's network: the application's PORT becomes a free one, and the sidecar's --upstream-port follows it.
void AgentPod::movePort() {
  ContainerPlan& application = main_.front().plan;
  const auto port = std::find_if(application.env.begin(), application.env.end(), [](const EnvPlan& e) { return e.name == names::portEnv; });
  if (port == application.env.end()) return;
  const Result<std::uint16_t> free = runtime_.allocatePort();
  if (!free) {
    main_.front().state.reason = "NoFreePort";
    main_.front().state.message = free.error().message;
    log_.error("no free port for the application", {{"pod", plan_.name}, {"error", free.error()}});
    return;
  }
  if (*free == 0) return;
  facts_.movedPort = *free;
  for (EnvPlan& variable : application.env)  // the sidecar's local port is at the pod's own address here
    if (const std::size_t at = variable.value.find("127.0.0.1"); variable.name == names::localUrlEnv && at != std::string::npos)
      variable.value.replace(at, std::string_view("127.0.0.1").size(), facts_.ip);
  const std::string from = "--upstream-port=" + port->value;
  port->value = std::to_string(*free);
  for (std::vector<Slot>* group : {&init_, &main_})
    for (Slot& slot : *group) std::replace(slot.plan.args.begin(), slot.plan.args.end(), from, "--upstream-port=" + std::to_string(*free));
}

/// Starts whatever may start now.
void AgentPod::advance() {
  if (deleting_ || initFailed_) return;
  if (!advanceInit()) return;
  facts_.initialized = true;
  for (Slot& slot : main_)
    if (!slot.everStarted) launch(slot);
}

/// True when all init containers are done (sidecars: started).
bool AgentPod::advanceInit() {
  for (Slot& slot : init_) {
    if (!slot.everStarted) launch(slot);
    if (!slot.everStarted) return false;
    if (slot.plan.sidecar) continue;
    if (slot.state.kind != ContainerState::Kind::Terminated) return false;
    if (slot.state.exitCode != 0) return false;
  }
  return true;
}

void AgentPod::launch(Slot& slot) {
  auto env = environment(slot);
  if (!env) return;  // said in the slot's state
  ContainerStart what{plan_.uid, plan_.ns, plan_.name, slot.plan.name,      slot.plan.image, facts_.ip, slot.restarts,
                      {},        {},       {},         slot.plan.workingDir};
  for (const std::string& word : slot.plan.command) what.command.push_back(expandVariables(word, *env));
  for (const std::string& word : slot.plan.args) what.args.push_back(expandVariables(word, *env));
  what.env = std::move(*env);

  const std::weak_ptr<int> alive = alive_;
  Slot* const where = &slot;
  auto started = runtime_.start(what, [this, alive, where](ExitStatus status) {
    if (alive.lock()) ended(*where, status);
  });
  if (started) {
    slot.running = std::move(*started);
    slot.everStarted = true;
    slot.state = ContainerState{ContainerState::Kind::Running, {}, {}, 0, {}, loop_.wallNow(), {}};
  } else if (started.error().kind == ErrorKind::NotFound) {
    // Nothing pulls here: an image that is not there never comes.
    slot.state = ContainerState{ContainerState::Kind::Waiting, "ErrImageNeverPull", started.error().message, 0, {}, {}, {}};
    log_.warn("image is not known", {{"pod", plan_.name}, {"container", slot.plan.name}, {"error", started.error()}});
  } else {
    log_.warn("container cannot be started", {{"pod", plan_.name}, {"container", slot.plan.name}, {"error", started.error()}});
    slot.everStarted = true;
    const WallTime now = loop_.wallNow();
    slot.state = ContainerState{ContainerState::Kind::Terminated, "StartError", started.error().message, 128, {}, now, now};
    if (!scheduleRestart(slot, true))
      loop_.post([this, alive] {
        if (alive.lock()) stopSidecarsIfDone();
      });
  }
  changed();
}

void AgentPod::ended(Slot& slot, ExitStatus status) {
  ContainerState& state = slot.state;
  const bool failed = status.signal || status.code.value_or(0) != 0;
  state.message = failed && slot.plan.logTailOnError ? lastLines(slot.running->logTail(), maxLogTailLines) : std::string();
  slot.running.reset();
  state.kind = ContainerState::Kind::Terminated;
  state.finishedAt = loop_.wallNow();
  state.signal = status.signal;
  state.exitCode = status.signal ? 128 + *status.signal : status.code.value_or(0);
  state.reason = state.exitCode == 0 ? "Completed" : "Error";
  log_.info("container ended", {{"pod", plan_.name}, {"container", slot.plan.name}, {"exitCode", state.exitCode}});
  changed();
  if (deleting_) {
    stopSidecarsIfDone();
    finishIfDone();
    return;
  }
  const bool init = slot.plan.sidecar || std::any_of(init_.begin(), init_.end(), [&](const Slot& s) { return &s == &slot; });
  if (scheduleRestart(slot, state.exitCode != 0)) return;
  if (init && !slot.plan.sidecar) {
    if (state.exitCode != 0)
      initFailed_ = true;
    else
      advance();
  }
  stopSidecarsIfDone();
}

/// Restarts by the container's policy, with the kubelet's manner of backing off. False when it stays as it is.
bool AgentPod::scheduleRestart(Slot& slot, bool failed) {
  const bool always = slot.plan.sidecar ? !mainDone() : plan_.restartPolicy == "Always";
  if (deleting_ || !(always || (failed && plan_.restartPolicy == "OnFailure"))) return false;
  Duration delay = Duration::zero();
  if (slot.restarts > 0) {
    delay = options_.firstRestartDelay;
    for (int i = 1; i < slot.restarts && delay < options_.maxRestartDelay; ++i) delay *= 2;
    delay = std::min(delay, options_.maxRestartDelay);
  }
  slot.last = slot.state;
  ++slot.restarts;
  Slot* const where = &slot;
  slot.restart = loop_.after(delay, [this, where] {
    if (!deleting_) launch(*where);
  });
  if (delay > Duration::zero())
    slot.state = ContainerState{ContainerState::Kind::Waiting, "CrashLoopBackOff", "back-off before the next restart", 0, {}, {}, {}};
  return true;
}

bool AgentPod::mainDone() const {
  if (initFailed_) return true;
  return std::all_of(main_.begin(), main_.end(),
                     [](const Slot& slot) { return slot.state.kind == ContainerState::Kind::Terminated && !slot.restart.active(); });
}

bool AgentPod::anyRunning() const {
  const auto running = [](const Slot& slot) { return slot.running != nullptr; };
  return std::any_of(init_.begin(), init_.end(), running) || std::any_of(main_.begin(), main_.end(), running);
}

/// Native sidecars end after the application, in reverse order, within the pod's grace period (KEP-753).
void AgentPod::stopSidecarsIfDone() {
  const bool mainRunning = std::any_of(main_.begin(), main_.end(), [](const Slot& slot) { return slot.running != nullptr; });
  if (mainRunning || hooksRunning_ > 0 || !(deleting_ || mainDone())) return;
  bool any = false;
  for (auto slot = init_.rbegin(); slot != init_.rend(); ++slot) {
    slot->restart.cancel();
    if (slot->running == nullptr) continue;
    slot->running->terminate();
    any = true;
  }
  if (any && !sidecarGrace_.active())
    sidecarGrace_ = loop_.after(std::chrono::seconds(plan_.graceSeconds), [this] {
      for (Slot& slot : init_)
        if (slot.running) slot.running->kill();
    });
}

void AgentPod::beginDeletion(std::uint32_t graceSeconds) {
  if (deleting_) {
    if (graceSeconds == 0)
      for (std::vector<Slot>* group : {&init_, &main_})
        for (Slot& slot : *group)
          if (slot.running) slot.running->kill();
    return;
  }
  deleting_ = true;
  for (std::vector<Slot>* group : {&init_, &main_})
    for (Slot& slot : *group) slot.restart.cancel();
  const Duration grace = std::chrono::seconds(graceSeconds);
  graceTimer_ = loop_.after(grace, [this] {
    hookCalls_.clear();
    hooksRunning_ = 0;
    for (std::vector<Slot>* group : {&init_, &main_})
      for (Slot& slot : *group)
        if (slot.running) slot.running->kill();
  });
  for (Slot& slot : main_) {
    if (!slot.running || !slot.plan.preStop || hooks_ == nullptr || graceSeconds == 0) continue;
    TransportRequest request;
    request.authority = facts_.ip + ":" + std::to_string(slot.plan.preStop->port);
    request.target = slot.plan.preStop->path.empty() ? "/" : slot.plan.preStop->path;
    request.timeout = grace;
    ++hooksRunning_;
    hookCalls_.push_back(hooks_->call(std::move(request), [this, name = slot.plan.name](Result<TransportResponse> answer) {
      if (!answer) log_.debug("preStop hook failed", {{"pod", plan_.name}, {"container", name}, {"error", answer.error()}});
      if (--hooksRunning_ == 0) terminateMain();
    }));
  }
  if (hooksRunning_ == 0) terminateMain();
}

void AgentPod::terminateMain() {
  for (Slot& slot : main_)
    if (slot.running) slot.running->terminate();
  stopSidecarsIfDone();
  finishIfDone();
}

void AgentPod::finishIfDone() {
  if (!deleting_ || finishedTold_ || anyRunning()) return;
  finishedTold_ = true;
  const std::weak_ptr<int> alive = alive_;
  loop_.post([this, alive] {
    if (alive.lock()) host_.finished(*this);
  });
}

void AgentPod::changed() {
  if (publishPosted_) return;
  publishPosted_ = true;
  const std::weak_ptr<int> alive = alive_;
  loop_.post([this, alive] {
    if (!alive.lock()) return;
    publishPosted_ = false;
    host_.publish(*this);
  });
}

void AgentPod::checkPort(std::size_t attempt) {
  const Slot& application = main_.front();
  if (deleting_ || !application.running) return;
  const std::string problem = application.running->portProblem(facts_.movedPort);
  if (problem != facts_.portProblem) {
    facts_.portProblem = problem;
    if (!problem.empty()) log_.warn("application does not listen on its PORT", {{"pod", plan_.name}, {"problem", problem}});
    changed();
  }
  if (attempt + 1 < options_.portChecks.size())
    portTimer_ = loop_.after(options_.portChecks[attempt + 1] - options_.portChecks[attempt], [this, attempt] { checkPort(attempt + 1); });
}

std::string AgentPod::phase() const {
  if (initFailed_) return anyRunning() ? "Running" : "Failed";
  const bool started = std::any_of(main_.begin(), main_.end(), [](const Slot& slot) { return slot.everStarted; });
  if (!started) return "Pending";
  if (!mainDone() || anyRunning()) return "Running";
  const bool failed = std::any_of(main_.begin(), main_.end(), [](const Slot& slot) { return slot.state.exitCode != 0; });
  return failed ? "Failed" : "Succeeded";
}

std::optional<std::string> AgentPod::fieldValue(const std::string& path) const {
  if (path == "metadata.name") return plan_.name;
  if (path == "metadata.namespace") return plan_.ns;
  if (path == "metadata.uid") return plan_.uid;
  if (path == "spec.nodeName") return plan_.nodeName;
  if (path == "status.podIP" || path == "status.podIPs") return facts_.ip;
  if (path == "status.hostIP") return host_.nodeIp();
  for (const auto& [prefix, map] :
       {std::pair{std::string("metadata.labels['"), &plan_.labels}, std::pair{std::string("metadata.annotations['"), &plan_.annotations}}) {
    if (!path.starts_with(prefix) || !path.ends_with("']")) continue;
    const auto it = map->find(path.substr(prefix.size(), path.size() - prefix.size() - 2));
    return it == map->end() ? std::string() : it->second;
  }
  return std::nullopt;
}

std::optional<std::vector<std::pair<std::string, std::string>>> AgentPod::environment(Slot& slot) {
  std::vector<std::pair<std::string, std::string>> env;
  const auto refuse = [&](std::string message) {
    slot.state = ContainerState{ContainerState::Kind::Waiting, "CreateContainerConfigError", std::move(message), 0, {}, {}, {}};
    changed();
    return std::nullopt;
  };
  for (const EnvPlan& variable : slot.plan.env) {
    if (!variable.fieldPath.empty()) {
      const auto value = fieldValue(variable.fieldPath);
      if (!value) return refuse("env " + variable.name + ": field " + variable.fieldPath + " is not offered here");
      env.emplace_back(variable.name, *value);
    } else if (!variable.secretName.empty() || !variable.configName.empty()) {
      const bool secret = !variable.secretName.empty();
      const std::string& from = secret ? variable.secretName : variable.configName;
      const auto value = host_.lookUp(secret, plan_.ns, from, variable.key);
      if (value)
        env.emplace_back(variable.name, *value);
      else if (!variable.optional)
        return refuse("env " + variable.name + ": " + (secret ? "secret " : "configmap ") + from + " has no key " + variable.key);
    } else {
      env.emplace_back(variable.name, expandVariables(variable.value, env));
    }
  }
  return env;
}

}  // namespace spawner::cluster
