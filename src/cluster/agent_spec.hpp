#pragma once
// PodPlan: what the node agent needs of a pod's document, as typed values. Pure.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spawner/result.hpp"

namespace spawner::cluster {

/// One entry of `env`: a value, or where it comes from.
struct EnvPlan {
  std::string name;
  std::string value;
  std::string fieldPath;               // valueFrom.fieldRef, e.g. "metadata.uid"
  std::string secretName, configName;  // valueFrom.secretKeyRef / configMapKeyRef
  std::string key;
  bool optional = false;
};

/// lifecycle.preStop.httpGet.
struct HookPlan {
  std::string path;
  std::uint16_t port = 0;
};

struct ContainerPlan {
  std::string name;
  std::string image;
  std::vector<std::string> command;
  std::vector<std::string> args;
  std::vector<EnvPlan> env;
  std::string workingDir;
  std::optional<HookPlan> preStop;
  bool logTailOnError = false;  // terminationMessagePolicy FallbackToLogsOnError
  bool sidecar = false;         // an init container with restartPolicy Always (KEP-753)
};

struct PodPlan {
  std::string ns, name, uid, nodeName, phase;
  std::string restartPolicy = "Always";
  std::map<std::string, std::string> labels, annotations;
  std::uint32_t graceSeconds = 30;  // terminationGracePeriodSeconds
  std::vector<ContainerPlan> initContainers;
  std::vector<ContainerPlan> containers;
  bool deleting = false;
  std::uint32_t deletionGraceSeconds = 30;

  [[nodiscard]] std::string key() const { return ns + "/" + name; }
};

/// InvalidArgument when the document is not a pod that could run.
Result<PodPlan> parsePodPlan(std::string_view json);

/// Expands "$(NAME)" from the variables given so far; "$$(NAME)" stays "$(NAME)"; an unknown name stays as it is (Kubernetes' rule).
std::string expandVariables(std::string_view text, const std::vector<std::pair<std::string, std::string>>& variables);

}  // namespace spawner::cluster
