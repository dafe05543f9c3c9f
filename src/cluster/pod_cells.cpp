#include "cluster/pod_cells.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace spawner::cluster {

namespace {

const Json::Array& listAt(const Json& pod, std::initializer_list<std::string_view> path) {
  static const Json::Array none;
  const Json* list = pod.find(path);
  return list != nullptr ? list->items() : none;
}

/// A native sidecar: an init container that is restarted always and counts as a container.
bool isSidecar(const Json& pod, std::string_view name) {
  const Json::Array& init = listAt(pod, {"spec", "initContainers"});
  return std::any_of(init.begin(), init.end(),
                     [name](const Json& one) { return one.textAt({"name"}) == name && one.textAt({"restartPolicy"}) == "Always"; });
}

std::string terminatedWord(const Json& terminated) {
  if (const std::string_view reason = terminated.textAt({"reason"}); !reason.empty()) return std::string(reason);
  if (const std::int64_t signal = terminated.integerAt({"signal"}); signal != 0) return fmt::format("Signal:{}", signal);
  return fmt::format("ExitCode:{}", terminated.integerAt({"exitCode"}));
}

/// "Init:1/2" and the like; empty when initialization is over.
std::string initWord(const Json& pod) {
  const Json::Array& statuses = listAt(pod, {"status", "initContainerStatuses"});
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    const Json& status = statuses[i];
    const Json* terminated = status.find({"state", "terminated"});
    if (terminated != nullptr && terminated->integerAt({"exitCode"}) == 0) continue;
    if (isSidecar(pod, status.textAt({"name"})) && status.truthAt({"started"})) continue;
    if (terminated != nullptr) return "Init:" + terminatedWord(*terminated);
    const std::string_view waiting = status.textAt({"state", "waiting", "reason"});
    if (!waiting.empty() && waiting != "PodInitializing") return fmt::format("Init:{}", waiting);
    return fmt::format("Init:{}/{}", i, listAt(pod, {"spec", "initContainers"}).size());
  }
  return {};
}

}  // namespace

std::string podStatusWord(const Json& pod) {
  std::string word(pod.textAt({"status", "reason"}));
  if (word.empty()) word = pod.textAt({"status", "phase"});
  std::string init = initWord(pod);
  if (!init.empty() && word != "Failed" && word != "Succeeded") {
    word = std::move(init);
  } else {
    const Json::Array& statuses = listAt(pod, {"status", "containerStatuses"});
    bool running = false;
    for (auto it = statuses.rbegin(); it != statuses.rend(); ++it) {
      const std::string_view waiting = it->textAt({"state", "waiting", "reason"});
      const Json* terminated = it->find({"state", "terminated"});
      if (!waiting.empty())
        word = waiting;
      else if (terminated != nullptr)
        word = terminatedWord(*terminated);
      else if (it->truthAt({"ready"}) && it->find({"state", "running"}) != nullptr)
        running = true;
    }
    if (word == "Completed" && running) word = "Running";
  }
  if (pod.find({"metadata", "deletionTimestamp"}) != nullptr)
    word = pod.textAt({"status", "reason"}) == "NodeLost" ? "Unknown" : "Terminating";
  return word;
}

Json podCells(const Json& pod, const std::string& age) {
  std::size_t total = listAt(pod, {"spec", "containers"}).size();
  std::size_t ready = 0;
  std::int64_t restarts = 0;
  for (const Json& one : listAt(pod, {"spec", "initContainers"})) total += one.textAt({"restartPolicy"}) == "Always" ? 1 : 0;
  for (const std::string_view list : {"containerStatuses", "initContainerStatuses"})
    for (const Json& status : listAt(pod, {"status", list})) {
      const bool counts = list == "containerStatuses" || isSidecar(pod, status.textAt({"name"}));
      if (counts && status.truthAt({"ready"})) ++ready;
      if (counts) restarts += status.integerAt({"restartCount"});
    }
  const auto orNone = [](std::string_view text) { return text.empty() ? std::string("<none>") : std::string(text); };
  return Json::array({pod.textAt({"metadata", "name"}), fmt::format("{}/{}", ready, total), podStatusWord(pod), std::to_string(restarts),
                      age, orNone(pod.textAt({"status", "podIP"})), orNone(pod.textAt({"spec", "nodeName"})), "<none>", "<none>"});
}

}  // namespace spawner::cluster
