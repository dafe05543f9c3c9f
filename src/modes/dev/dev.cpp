#include "modes/dev/dev.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>

#include <cstdio>
#include <list>

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "cluster/direct_transport.hpp"
#include "loop/reactor.hpp"
#include "loop/signals.hpp"
#include "modes/dev/console.hpp"
#include "modes/dev/dev_cluster.hpp"
#include "modes/dev/dev_roles.hpp"
#include "modes/dev/reaper.hpp"

namespace spawner::dev {
namespace {

/// A session costs about ten descriptors here; shells often allow 1024.
void raiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);  // refused: the old limit stays, and the front answers 503 where it is reached
}

std::string newInstance(Random& random) {
  std::array<std::uint8_t, 12> bytes{};
  random.fill(bytes);
  return base64UrlEncode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

int complain(const Error& error) {
  fmt::print(stderr, "spawner dev: {}\n", error.message);
  return 1;
}

void greet(const Options& options, const StateDir& state, DevCluster& cluster, const DevRoles& roles) {
  const std::string web = roles.gatewayUrl();
  fmt::print("spawner dev {}\n", roles.names().empty() ? "runs the embedded Kubernetes only" : "runs " + roles.names());
  fmt::print("  Kubernetes  {}   kubectl --kubeconfig {} get slabs\n", cluster.url(), cluster.kubeconfig());
  fmt::print("  logs        {}   of backends: kubectl logs, or pods/ beside it; of a failed one: end.log of /api/backend/NAME\n",
             state.logs().string());
  if (!web.empty()) {
    const std::string image = options.images.empty() ? "IMAGE" : options.images[0].substr(0, options.images[0].find('='));
    fmt::print("  web         {}/   API: {}/api/\n", web, web);
    fmt::print("  spawn       curl -H 'content-type: application/json' -d '{{\"image\":\"{}\"}}' {}/api/spawn\n", image, web);
  }
  std::fflush(stdout);
}

/// Everything that lives as long as the run; made in this order, destroyed in the other.
struct Dev {
  Reactor loop;
  std::unique_ptr<Random> random = systemRandom();
  std::unique_ptr<DevCluster> cluster;
  std::unique_ptr<Console> console;
  std::unique_ptr<DevRoles> roles;
};

int serve(Dev& dev, const Options& options, const StateDir& state, const std::string& instance) {
  bool again = false;
  auto signals = SignalWatch::make(dev.loop, {SIGINT, SIGTERM}, [&](int) {
    if (std::exchange(again, true)) ::_exit(130);  // a second Ctrl-C: at once; the reaper ends what runs
    dev.loop.stop();
  });
  if (!signals) return complain(signals.error());
  const LogFiles logs(state, options.logLevel);
  auto cluster = DevCluster::start(dev.loop, *dev.random, state, options, instance, logs.logger("cluster"));
  if (!cluster) return complain(cluster.error());
  dev.cluster = std::move(*cluster);
  dev.console = std::make_unique<Console>(dev.loop, dev.cluster->api().store(), stdout);
  auto roles = DevRoles::start(dev.loop, *dev.random, dev.cluster->api(), state, options, logs);
  if (!roles) return complain(roles.error());
  dev.roles = std::move(*roles);
  greet(options, state, *dev.cluster, *dev.roles);
  dev.loop.run();

  const std::size_t pods = dev.cluster->pods();
  fmt::print("ending {} session{}; logs stay in {}\n", pods, pods == 1 ? "" : "s", state.logs().string());
  std::fflush(stdout);
  dev.console.reset();
  dev.roles.reset();
  dev.cluster->stopPods(options.stopSeconds);
  dev.loop.runUntil([&] { return dev.cluster->pods() == 0; }, std::chrono::seconds(options.stopSeconds + 2));
  return 0;
}

}  // namespace

int run(const Options& options) {
  raiseDescriptorLimit();
  const std::string instance = newInstance(*systemRandom());
  auto reaper = Reaper::start(instance);
  if (!reaper) return complain(reaper.error());
  auto address = SocketAddress::parse(options.listen);
  if (!address) return complain(address.error().in("--listen"));
  auto state =
      StateDir::open(options.stateDir.empty() ? StateDir::defaultPath(address->port()) : std::filesystem::path(options.stateDir), instance);
  if (!state) return complain(state.error());
  Dev dev;
  return serve(dev, options, *state, instance);
}

}  // namespace spawner::dev
