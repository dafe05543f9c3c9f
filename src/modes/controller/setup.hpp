#pragma once
// Setup: what must be known before the first pod: the sidecar mode that the server's version allows, and the public half of the admin key,
// whose Secret is made here, once for a cluster. Tries for ever, with backoff, and says what it waits for.

#include <memory>
#include <string>
#include <vector>

#include "backend/builders.hpp"
#include "base/backoff.hpp"
#include "k8s/client.hpp"
#include "modes/controller/settings.hpp"
#include "modes/role/role.hpp"

namespace spawner::controller {

/// Owner: Controller. Thread: the loop's.
class Setup {
 public:
  struct Found {
    backend::SidecarMode sidecarMode = backend::SidecarMode::Native;
    std::vector<std::string> adminKeys;  // values of --admin-key
  };
  /// `done` is called once.
  Setup(role::Context& context, k8s::Client& client, const Settings& settings, UniqueFunction<void(Found)> done);
  void start() { askVersion(); }

 private:
  void askVersion();
  void makeKey();
  void readKey();
  /// The Secret's JSON, as made or read.
  void gotKey(const std::string& secretJson);
  void next(void (Setup::*step)(), Duration delay = Duration::zero());
  void retry(const Error& error, std::string_view what, void (Setup::*step)());

  role::Context& context_;
  k8s::Client& client_;
  const Settings& settings_;
  UniqueFunction<void(Found)> done_;
  Found found_;
  Backoff backoff_;
  Pending call_;
  Timer timer_;
};

}  // namespace spawner::controller
