// How a session ended, as its pod tells: a chain of small functions, the most telling first.

#include <algorithm>

#include "backend/decide.hpp"
#include "backend/derive.hpp"
#include "base/text.hpp"
#include "spawner/names.hpp"

namespace spawner::backend {
namespace {

const ContainerView* find(const std::vector<ContainerView>& containers, std::string_view name) {
  const auto it = std::find_if(containers.begin(), containers.end(), [&](const ContainerView& c) { return c.name == name; });
  return it == containers.end() ? nullptr : &*it;
}

/// containers[0] of the spec, by its name, whatever that is; statuses may come in any order.
const ContainerView* application(const PodView& pod) {
  return pod.containerNames.empty() ? nullptr : find(pod.containers, pod.containerNames[0]);
}

Ending failed(std::string_view reason, std::string message) {
  return Ending{State::Failed, std::string(reason), std::move(message), {}, {}};
}

/// " (what Kubernetes said)", or nothing.
std::string told(const std::string& message) { return message.empty() ? "" : " (" + message + ")"; }

void setExit(Ending& ending, const ContainerView& container) {
  ending.exitCode = container.exitCode;
  // The kubelet leaves `signal` at 0; shells and runtimes tell it as 128 + signal.
  if (container.signal != 0)
    ending.signal = container.signal;
  else if (container.exitCode > 128 && container.exitCode <= 128 + 64)
    ending.signal = container.exitCode - 128;
}

std::string exitText(const Ending& ending) {
  std::string text = "code " + std::to_string(*ending.exitCode);
  if (ending.signal) text += ", signal " + std::to_string(*ending.signal);
  return text;
}

/// Words of status.reason that a kubelet or the control plane puts on a pod that it fails.
std::optional<Ending> failedByKubernetes(const PodView& pod) {
  if (pod.phase != "Failed") return std::nullopt;
  if (pod.reason == "Evicted") return failed(reasons::evicted, "Its node evicted it" + told(pod.message) + ".");
  if (pod.reason == "NodeLost") return failed(reasons::nodeLost, "Its node was lost" + told(pod.message) + ".");
  if (pod.reason == "Preempting") return failed(reasons::preempted, "Something more important took its place" + told(pod.message) + ".");
  if (pod.reason == "Terminated" || pod.reason == "Shutdown" || pod.reason == "NodeShutdown")
    return failed(reasons::nodeShutdown, "Its node was shut down" + told(pod.message) + ".");
  if (pod.reason == "DeadlineExceeded")
    return failed(reasons::deadlineExceeded, "The activeDeadlineSeconds of its template passed" + told(pod.message) + ".");
  return std::nullopt;
}

/// The condition DisruptionTarget comes before the deletion that it explains; until that, nothing has ended.
std::optional<Ending> disrupted(const PodView& pod) {
  if (pod.disruptionReason.empty() || !(pod.meta.deleting || pod.phase == "Failed")) return std::nullopt;
  if (pod.disruptionReason == "PreemptionByScheduler") return failed(reasons::preempted, "A pod of higher priority took its place.");
  if (pod.disruptionReason == "DeletionByTaintManager" || pod.disruptionReason == "DeletionByPodGC")
    return failed(reasons::nodeLost, "Its node was lost, and Kubernetes gave its pod up (" + pod.disruptionReason + ").");
  if (pod.disruptionReason == "TerminationByKubelet")
    return failed(reasons::evicted, "Its node ended it (" + pod.disruptionReason + told(pod.message) + ").");
  return failed(reasons::evicted, "It was evicted from its node (" + pod.disruptionReason + ").");
}

std::optional<Ending> applicationEnded(const PodView& pod) {
  const ContainerView* app = application(pod);
  if (!app || !app->terminated) return std::nullopt;
  Ending ending;
  setExit(ending, *app);
  if (!neverStarted(*app)) ending.log = app->message;
  if (app->reason == "OOMKilled") {
    ending.reason = reasons::oomKilled;
    ending.message = "The application used more memory than it may (" + exitText(ending) + ").";
  } else if (app->exitCode == 0) {
    ending.state = State::Swept;
    ending.reason = reasons::completed;
    ending.message = "The application exited normally (code 0).";
  } else {
    // "StartError", "ContainerCannotRun", "DeadlineExceeded", … are Kubernetes' own words; Error is the plain one.
    ending.reason = app->reason.empty() || app->reason == "Completed" ? std::string(reasons::error) : app->reason;
    ending.message = neverStarted(*app) ? "The application could not be started: " + app->message
                                        : "The application ended with an error (" + exitText(ending) + ")";
    if (ending.message.back() != '.') ending.message += '.';
  }
  return ending;
}

/// In container mode nothing restarts the sidecar, and without it nobody can reach the session or know whether it is in use.
std::optional<Ending> sidecarEnded(const PodView& pod) {
  const ContainerView* sidecar = find(pod.containers, names::sidecarContainer);
  if (!sidecar || !sidecar->terminated) return std::nullopt;
  Ending ending = failed(reasons::sidecarFailed, {});
  setExit(ending, *sidecar);
  ending.message = "The sidecar ended (" + exitText(ending) + (sidecar->reason.empty() ? "" : ", " + sidecar->reason) + ").";
  return ending;
}

std::optional<Ending> beingDeleted(const PodView& pod) {
  if (!pod.meta.deleting) return std::nullopt;
  Ending ending = pod.reason == "NodeLost" ? failed(reasons::nodeLost, "Its node was lost, and Kubernetes gave its pod up.")
                                           : failed(reasons::podDeleted, "Its pod was deleted by someone else than Spawner.");
  if (const ContainerView* app = application(pod); app && app->terminated) setExit(ending, *app);
  return ending;
}

std::optional<Ending> phaseIsFinal(const PodView& pod) {
  if (pod.phase == "Succeeded") return Ending{State::Swept, std::string(reasons::completed), "All its containers exited normally.", {}, {}};
  if (pod.phase != "Failed") return std::nullopt;
  for (const ContainerView& init : pod.initContainers) {
    if (!init.terminated || init.exitCode == 0) continue;
    Ending ending = failed(reasons::podFailed, {});
    setExit(ending, init);
    ending.message = "Its init container " + init.name + " failed (" + exitText(ending) + ").";
    return ending;
  }
  return failed(reasons::podFailed,
                "Kubernetes failed its pod: " + (pod.reason.empty() ? "no reason given" : pod.reason) + told(pod.message) + ".");
}

}  // namespace

bool neverStarted(const ContainerView& container) {
  return container.terminated && (container.reason == "StartError" || container.reason == "ContainerCannotRun");
}

std::optional<Ending> endingOf(const PodView& pod) {
  if (auto ending = failedByKubernetes(pod)) return ending;
  if (auto ending = disrupted(pod)) return ending;
  if (auto ending = beingDeleted(pod)) return ending;  // before the application's end, which it causes
  if (auto ending = applicationEnded(pod)) return ending;
  if (auto ending = sidecarEnded(pod)) return ending;
  return phaseIsFinal(pod);
}

}  // namespace spawner::backend
