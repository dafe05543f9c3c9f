// Where a configuration is found: files, the pod, the environment.
#include "k8s/config.hpp"

#include <unistd.h>

#include "base/text.hpp"
#include "k8s/files.hpp"

namespace spawner::k8s {
namespace {

std::string valueOf(const std::map<std::string, std::string>& env, const std::string& name) {
  const auto it = env.find(name);
  return it == env.end() ? std::string() : it->second;
}

}  // namespace

Result<ClusterConfig> loadKubeconfig(std::string_view paths, std::string_view context) {
  std::vector<std::string_view> names;
  for (const std::string_view path : split(paths, ':'))
    if (!path.empty()) names.push_back(path);
  std::vector<KubeconfigFile> files;
  for (const std::string_view name : names) {
    const std::string path(name);
    Result<std::string> text = readFile(path);
    if (!text && text.error().kind == ErrorKind::NotFound && names.size() > 1) continue;
    if (!text) return text.error().in("kubeconfig");
    files.push_back({path, std::move(*text)});
  }
  if (files.empty()) return Error{ErrorKind::NotFound, "kubeconfig: none of these files exists: " + std::string(paths), {}};
  return kubeconfigFrom(files, context);
}

Result<ClusterConfig> inClusterConfig(const std::map<std::string, std::string>& env, const std::string& accountDirectory) {
  const std::string host = valueOf(env, "KUBERNETES_SERVICE_HOST");
  const std::string port = valueOf(env, "KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty())
    return Error{ErrorKind::NotFound, "not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set", {}};
  ClusterConfig config;
  config.origin = "in-cluster";
  config.server = "https://" + (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port;
  config.tokenFile = accountDirectory + "/token";
  config.tls.caFile = accountDirectory + "/ca.crt";
  for (const std::string& file : {config.tokenFile, config.tls.caFile})
    if (!fileExists(file))
      return Error{ErrorKind::NotFound, "in-cluster: " + file + " does not exist; does the pod mount its service account's token?", {}};
  if (Result<std::string> ns = readFile(accountDirectory + "/namespace"); ns.ok()) config.ns = *ns;
  return config;
}

Result<ClusterConfig> findConfig(const std::string& kubeconfig, const std::string& context, const std::map<std::string, std::string>& env) {
  if (!kubeconfig.empty()) return loadKubeconfig(kubeconfig, context);
  if (const std::string paths = valueOf(env, "KUBECONFIG"); !paths.empty()) return loadKubeconfig(paths, context);
  if (!valueOf(env, "KUBERNETES_SERVICE_HOST").empty()) return inClusterConfig(env);
  if (const std::string home = valueOf(env, "HOME"); !home.empty())
    if (const std::string path = home + "/.kube/config"; fileExists(path)) return loadKubeconfig(path, context);
  return Error{
      ErrorKind::NotFound,
      "no Kubernetes configuration: give --kubeconfig or $KUBECONFIG (this is no pod of a cluster, and there is no ~/.kube/config)",
      {}};
}

std::map<std::string, std::string> environment() {
  std::map<std::string, std::string> variables;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view entry(*variable);
    const std::size_t equals = entry.find('=');
    if (equals != std::string_view::npos) variables.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return variables;
}

}  // namespace spawner::k8s
