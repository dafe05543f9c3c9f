#include "modes/controller/settings.hpp"

#include <unistd.h>
#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

extern char** environ;  // POSIX: unistd.h declares it only with _GNU_SOURCE

namespace spawner::controller {
namespace {

Error bad(std::string message) { return Error{ErrorKind::InvalidArgument, std::move(message), {}}; }

template <class T>
struct Choice {
  std::string_view word;
  T value;
};

template <class T, std::size_t n>
Result<T> choose(std::string_view flag, const std::string& word, const Choice<T> (&choices)[n]) {
  std::string words;
  for (const Choice<T>& choice : choices) {
    if (choice.word == word) return choice.value;
    words += (words.empty() ? "" : ", ") + std::string(choice.word);
  }
  return bad(std::string(flag) + " is \"" + word + "\", but takes one of: " + words);
}

std::string hostName() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "spawner-controller";
}

/// The controller's own SPAWNER_SIDECAR_* variables without that prefix, in order of name.
std::vector<std::pair<std::string, std::string>> sidecarVariables() {
  std::vector<std::pair<std::string, std::string>> result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    std::string_view text = *entry;
    if (!text.starts_with(names::sidecarEnvPrefix)) continue;
    text.remove_prefix(names::sidecarEnvPrefix.size());
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    result.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  std::sort(result.begin(), result.end());
  return result;
}

Result<void> checkPodFields(const std::vector<std::string>& fields) {
  const auto& known = backend::guardedPodFields();
  for (const std::string& field : fields) {
    if (field == "*" || std::find(known.begin(), known.end(), field) != known.end()) continue;
    std::string words;
    for (const std::string& name : known) words += (words.empty() ? "" : ", ") + name;
    return bad("--allow-pod-fields names \"" + field + "\", which is not guarded; guarded are: " + words + ", or * for all");
  }
  return {};
}

Result<void> checkTexts(const Options& o) {
  if (!isDns1035Label(o.ns)) return bad("--namespace is \"" + o.ns + "\", which is not the name of a namespace");
  if (!isDns1035Label(o.systemNamespace))
    return bad("--system-namespace is \"" + o.systemNamespace + "\", which is not the name of a namespace");
  if (o.sidecarImage.empty()) return bad("--sidecar is empty: give the image that holds spawner");
  if (!o.urlTemplate.empty() && o.urlTemplate.find("{}") == std::string::npos)
    return bad("--url-template is \"" + o.urlTemplate + "\", but needs {} where the name goes");
  if (o.concurrency == 0) return bad("--concurrency is 0: nothing would ever be done");
  if (o.kubeTimeoutSeconds == 0) return bad("--kube-timeout-seconds is 0: give at least 1");
  if (o.maxBackoffSeconds == 0) return bad("--max-backoff-seconds is 0: give at least 1");
  return checkPodFields(o.allowPodFields);
}

Result<void> checkElection(const Options& o) {
  const auto max = static_cast<std::uint32_t>(k8s::LeaderElector::maxLeaseDuration.count());
  const auto seconds = [](std::uint32_t n) { return std::to_string(n); };
  if (o.leaseName.empty()) return bad("--lease-name is empty: give the name of a Lease");
  if (o.leaseSeconds > max) return bad("--lease-seconds is " + seconds(o.leaseSeconds) + ": give at most " + seconds(max));
  if (o.retrySeconds == 0) return bad("--retry-seconds is 0: give at least 1");
  if (o.retrySeconds >= o.renewSeconds)
    return bad("--retry-seconds is " + seconds(o.retrySeconds) + ", but must be less than --renew-seconds, " + seconds(o.renewSeconds));
  if (o.renewSeconds >= o.leaseSeconds)
    return bad("--renew-seconds is " + seconds(o.renewSeconds) + ", but must be less than --lease-seconds, " + seconds(o.leaseSeconds) +
               ": a leader must stop before another starts");
  return {};
}

k8s::ElectorOptions electionOf(const Options& o) {
  k8s::ElectorOptions election;
  election.ns = o.systemNamespace;
  election.name = o.leaseName;
  election.leaseDuration = std::chrono::seconds(o.leaseSeconds);
  election.renewDeadline = std::chrono::seconds(o.renewSeconds);
  election.retryPeriod = std::chrono::seconds(o.retrySeconds);
  return election;
}

constexpr Choice<backend::ServiceMode> serviceModes[] = {
    {"clusterip", backend::ServiceMode::ClusterIp}, {"headless", backend::ServiceMode::Headless}, {"none", backend::ServiceMode::None}};
constexpr Choice<int> sidecarModes[] = {{"auto", 0}, {"native", 1}, {"container", 2}};
constexpr Choice<int> pullPolicies[] = {{"", 0}, {"Always", 0}, {"IfNotPresent", 0}, {"Never", 0}};

}  // namespace

Result<Settings> makeSettings(const Options& o) {
  if (auto texts = checkTexts(o); !texts) return texts.error();
  if (auto election = checkElection(o); !election) return election.error();
  if (auto policy = choose("--sidecar-pull-policy", o.sidecarPullPolicy, pullPolicies); !policy) return policy.error();
  const auto service = choose("--service", o.service, serviceModes);
  if (!service) return service.error();
  const auto sidecar = choose("--sidecar-mode", o.sidecarMode, sidecarModes);
  if (!sidecar) return sidecar.error();
  const auto events = backend::parseEventMode(o.events);
  if (!events) return bad("--events is \"" + o.events + "\", but takes one of: write, state, none");

  Settings s;
  s.ns = o.ns;
  s.systemNamespace = o.systemNamespace;
  s.instance = o.instance.empty() ? hostName() : o.instance;
  s.askServerVersion = *sidecar == 0;
  s.pod.sidecarImage = o.sidecarImage;
  s.pod.sidecarPullPolicy = o.sidecarPullPolicy;
  s.pod.sidecarMode = *sidecar == 2 ? backend::SidecarMode::Container : backend::SidecarMode::Native;
  s.pod.serviceMode = *service;
  s.pod.imagePullSecret = o.imagePullSecret;
  s.pod.sidecarEnv = o.sidecarEnv.empty() ? sidecarVariables() : o.sidecarEnv;
  s.pod.urlTemplate = o.urlTemplate;
  s.pod.prefix = o.servicePrefix;
  s.decide.serviceMode = *service;
  s.decide.validation.allowedPodFields = o.allowPodFields;
  s.decide.patchDelay = std::chrono::milliseconds(o.patchDelayMs);
  s.decide.runningDelay = std::chrono::seconds(o.runningDelaySeconds);
  s.decide.lifetimeSlack = std::chrono::seconds(o.lifetimeSlackSeconds);
  s.decide.keepFinished = std::chrono::seconds(o.keepFinishedSeconds);
  s.events = *events;
  s.kubeTimeout = std::chrono::seconds(o.kubeTimeoutSeconds);
  s.maxBackoff = std::chrono::seconds(o.maxBackoffSeconds);
  s.concurrency = o.concurrency;
  s.maxQueuedEvents = o.maxQueuedEvents;
  s.eventHold = std::chrono::milliseconds(o.eventHoldMs);
  if (o.leaderElection) s.election = electionOf(o);
  return s;
}

Result<backend::SidecarMode> sidecarModeFor(std::string_view json) {
  const auto version = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  const auto number = [&](const char* name) -> std::optional<std::uint64_t> {
    if (!version.is_object() || !version.contains(name) || !version[name].is_string()) return std::nullopt;
    std::string_view text = version[name].get_ref<const std::string&>();
    text = text.substr(0, text.find_first_not_of("0123456789"));  // "32+" on some providers
    return parseUnsigned(text, 100000);
  };
  const auto major = number("major");
  const auto minor = number("minor");
  if (!major || !minor) return Error{ErrorKind::Protocol, "GET /version: no major and minor in the answer", {}};
  return *major > 1 || *minor >= 32 ? backend::SidecarMode::Native : backend::SidecarMode::Container;
}

}  // namespace spawner::controller
