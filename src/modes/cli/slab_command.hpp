#pragma once
// print-slab and create-slab: an object from flags, as YAML. Owner: command.cpp. Thread: one.

#include <optional>
#include <string>

#include "k8s/client.hpp"
#include "spawner/names.hpp"
#include "spawner/result.hpp"

namespace spawner::cli {

/// The original's flags.
struct SlabFlags {
  std::string image;                                       // --image
  std::string imagePullPolicy;                             // --image-pull-policy
  std::string imagePullSecret;                             // --image-pull-secret
  std::string name;                                        // --name: the whole name; or
  std::string prefix = std::string(names::defaultPrefix);  // --prefix: the server adds the rest
  std::string ns = std::string(names::defaultNamespace);   // --namespace
  std::optional<std::uint32_t> gracePeriodSeconds;         // --grace-period-seconds
  std::optional<std::uint16_t> port;                       // --port
};

/// Where create-slab goes, and how long it waits.
struct ClusterFlags {
  std::string kubeconfig;             // --kubeconfig
  std::string context;                // --context
  std::uint32_t timeoutSeconds = 30;  // --timeout-seconds
};

/// The object as JSON. InvalidArgument names the flag.
Result<std::string> slabFromFlags(const SlabFlags& flags);
/// The object as YAML.
Result<std::string> printSlab(const SlabFlags& flags);
/// Creates it and gives what the server made of it, as YAML. The call-back runs in a later turn. REQUIRES: flags that slabFromFlags()
/// takes.
Pending createSlab(k8s::Client& client, const SlabFlags& flags, k8s::Client::Done done);
/// The same with a loop of its own, through the kubeconfig.
Result<std::string> createSlabNow(const SlabFlags& flags, const ClusterFlags& cluster);

}  // namespace spawner::cli
