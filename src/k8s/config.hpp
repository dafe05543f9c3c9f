#pragma once
// ClusterConfig: where the API server is and who we are, from a kubeconfig or from the pod we run in. And the way from it to a Transport.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "fetch/fetcher.hpp"
#include "spawner/loop.hpp"
#include "spawner/transport.hpp"

namespace spawner::k8s {

/// A credential plugin (client.authentication.k8s.io/v1 or v1beta1): a command that prints an ExecCredential.
struct ExecPlugin {
  std::vector<std::string> argv;  // a relative path with a slash is relative to the kubeconfig's folder and already resolved
  std::vector<std::pair<std::string, std::string>> env;  // added to ours
  std::string apiVersion;
  std::string installHint;  // told when the command does not exist
  bool provideClusterInfo = false;
  Duration timeout = std::chrono::seconds(60);
  std::size_t maxOutputBytes = 1024 * 1024;
  Duration minLifetime = std::chrono::seconds(5);  // of what it printed: one that gives expired credentials is not run for each request
};

/// Secrets inside: never logged. One of tokenFile, token and exec is used, in this order.
struct ClusterConfig {
  std::string origin;  // "kubeconfig /path, context x" or "in-cluster": for messages
  std::string server;  // base URL
  std::string ns;      // the context's or the service account's namespace; may be empty
  fetch::TlsOptions tls;
  std::string token;
  std::string tokenFile;
  std::optional<ExecPlugin> exec;
};

/// One kubeconfig file as read: its path tells what relative paths in it are relative to.
struct KubeconfigFile {
  std::string path;
  std::string text;
};

/// Merges the files (the first to name a cluster, user, context or current-context wins) and resolves one context (empty: current-context).
/// Pure. InvalidArgument tells the file and what is missing; insecure-skip-tls-verify with an https server is refused.
Result<ClusterConfig> kubeconfigFrom(const std::vector<KubeconfigFile>& files, std::string_view context);

/// Reads the files of `paths` ("a:b:c" as in $KUBECONFIG). With several, those that do not exist are skipped; none at all is NotFound.
Result<ClusterConfig> loadKubeconfig(std::string_view paths, std::string_view context);

/// In a pod: KUBERNETES_SERVICE_HOST/PORT and the mounted service account. NotFound outside of a cluster.
Result<ClusterConfig> inClusterConfig(const std::map<std::string, std::string>& env,
                                      const std::string& accountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount");

/// The order of role::CommonOptions: `kubeconfig` if given, else $KUBECONFIG, in-cluster, ~/.kube/config.
Result<ClusterConfig> findConfig(const std::string& kubeconfig, const std::string& context, const std::map<std::string, std::string>& env);

/// The process's environment as a map.
std::map<std::string, std::string> environment();

/// A transport to the server with its credentials: bearer tokens are added to requests, read again before they expire (token files each
/// minute) and after a 401, which is then tried once more. The loop must outlive it.
Result<std::unique_ptr<Transport>> makeTransport(Loop& loop, const ClusterConfig& config, Logger log = {});

}  // namespace spawner::k8s
