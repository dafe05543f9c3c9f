#include "modes/cli/slab_command.hpp"

#include "backend/spawn.hpp"
#include "backend/validate.hpp"
#include "base/yaml.hpp"
#include "k8s/client.hpp"
#include "k8s/config.hpp"
#include "loop/reactor.hpp"

namespace spawner::cli {
namespace {

Error bad(std::string message) { return Error{ErrorKind::InvalidArgument, std::move(message), {}}; }

}  // namespace

Result<std::string> slabFromFlags(const SlabFlags& flags) {
  if (flags.image.empty()) return bad("--image is missing: give the image to run");
  if (flags.name.empty() && flags.prefix.empty()) return bad("--prefix is empty: give it or --name a value");
  if (!flags.name.empty())
    if (auto refusal = backend::validateName(flags.name)) return bad("--name: " + refusal->message);
  backend::SpawnParameters p;
  p.ns = flags.ns;
  p.name = flags.name;
  p.generateName = flags.prefix;
  p.image = flags.image;
  p.imagePullPolicy = flags.imagePullPolicy;
  p.imagePullSecret = flags.imagePullSecret;
  p.port = flags.port;
  p.gracePeriodSeconds = flags.gracePeriodSeconds;
  return backend::slabJson(p);
}

Result<std::string> printSlab(const SlabFlags& flags) {
  const auto json = slabFromFlags(flags);
  return json ? jsonToYaml(*json) : json;
}

Pending createSlab(k8s::Client& client, const SlabFlags& flags, k8s::Client::Done done) {
  return client.create(k8s::slabs, flags.ns, slabFromFlags(flags).value(), [done = std::move(done)](Result<std::string> answer) mutable {
    done(answer ? jsonToYaml(*answer) : std::move(answer));
  });
}

Result<std::string> createSlabNow(const SlabFlags& flags, const ClusterFlags& cluster) {
  if (auto json = slabFromFlags(flags); !json) return json.error();
  const auto config = k8s::findConfig(cluster.kubeconfig, cluster.context, k8s::environment());
  if (!config) return config.error();
  Reactor loop;
  auto transport = k8s::makeTransport(loop, *config);
  if (!transport) return transport.error();
  std::optional<Result<std::string>> result;
  const Duration timeout = std::chrono::seconds(cluster.timeoutSeconds);
  k8s::Client client(**transport, timeout);
  Pending pending = createSlab(client, flags, [&](Result<std::string> answer) { result = std::move(answer); });
  // A second more than the call's own limit: its message is the better one.
  if (!loop.runUntil([&] { return result.has_value(); }, timeout + std::chrono::seconds(1)))
    return Error{ErrorKind::Timeout, "no answer from " + config->server + " (" + config->origin + ")", {}};
  return std::move(*result);
}

}  // namespace spawner::cli
