#pragma once
// Settings: the options, checked and in the types of those who use them. Pure. Thread: any.

#include <optional>

#include "backend/builders.hpp"
#include "backend/decide.hpp"
#include "backend/events.hpp"
#include "k8s/leader_elector.hpp"
#include "modes/controller/options.hpp"
#include "spawner/result.hpp"

namespace spawner::controller {

struct Settings {
  std::string ns;
  std::string systemNamespace;
  std::string instance;
  bool askServerVersion = true;  // --sidecar-mode auto: pod.sidecarMode follows from the answer
  backend::PodOptions pod;       // adminKeys are filled by Setup
  backend::DecideOptions decide;
  backend::EventMode events = backend::EventMode::Write;
  Duration kubeTimeout = std::chrono::seconds(10);
  Duration maxBackoff = std::chrono::seconds(30);
  std::size_t concurrency = 64;
  std::size_t maxQueuedEvents = 1000;
  Duration eventHold{};
  std::optional<k8s::ElectorOptions> election;  // null: off. Its identity is filled by Controller
};

/// InvalidArgument names the flag, what is wrong with its value, and what it takes.
Result<Settings> makeSettings(const Options& options);

/// Native sidecars for API servers of 1.32 or later: their version skew allows no kubelet that does not know them. `json`: GET /version.
Result<backend::SidecarMode> sidecarModeFor(std::string_view json);

}  // namespace spawner::controller
