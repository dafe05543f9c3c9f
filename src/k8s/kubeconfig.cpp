// Reading kubeconfig files (kind Config, v1): pure.
#include <array>

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "base/yaml.hpp"
#include "k8s/config.hpp"

namespace spawner::k8s {
namespace {

using nlohmann::json;

Error refused(std::string message, ErrorKind kind = ErrorKind::InvalidArgument) {
  return Error{kind, "kubeconfig " + std::move(message), {}};
}

/// A scalar as text; empty when absent. A token of digits only, unquoted, is a number to YAML and text to us.
std::string text(const json& object, const char* name) {
  const auto it = object.find(name);
  if (it == object.end() || it->is_null() || it->is_structured()) return {};
  return it->is_string() ? it->get<std::string>() : it->dump();
}

bool flag(const json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_boolean() && it->get<bool>();
}

/// A path relative to the kubeconfig's folder.
std::string resolved(const std::string& file, const std::string& path) {
  if (path.empty() || path.starts_with('/')) return path;
  const std::size_t slash = file.rfind('/');
  return slash == std::string::npos ? path : file.substr(0, slash + 1) + path;
}

/// A named entry and the file that it is in.
struct Entry {
  json value;
  std::string file;
};

/// Looks for the entry through the files in order. InvalidArgument when none has it.
Result<Entry> findEntry(const std::vector<std::pair<std::string, json>>& documents, const char* list, const char* inner,
                        const std::string& name) {
  for (const auto& [file, document] : documents) {
    const auto entries = document.find(list);
    if (entries == document.end() || !entries->is_array()) continue;
    for (const json& entry : *entries) {
      if (!entry.is_object() || text(entry, "name") != name) continue;
      const auto value = entry.find(inner);
      if (value == entry.end() || !value->is_object()) return refused(file + ": " + inner + " " + name + " has no content");
      return Entry{*value, file};
    }
  }
  return refused((documents.empty() ? std::string() : documents.front().first) + ": there is no " + inner + " " + name);
}

/// One thing that is given as a file or as base64 data (the data wins).
Result<void> readPem(const Entry& entry, const char* name, std::string& file, std::string& pem) {
  file = resolved(entry.file, text(entry.value, name));
  const std::string field = std::string(name) + "-data";
  const std::string data = text(entry.value, field.c_str());
  if (data.empty()) return {};
  std::optional<std::string> decoded = base64Decode(data);
  if (!decoded) return refused(entry.file + ": " + field + " is not base64");
  pem = std::move(*decoded);
  file.clear();
  return {};
}

/// Cuts "user:password@" off a URL; true when it had some. It is a credential, and must not stand in logs, where the server does.
bool cutUserInfo(std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  const std::size_t at = url.substr(0, url.find('/', begin)).rfind('@');
  if (at == std::string::npos || at < begin) return false;
  url.erase(begin, at + 1 - begin);
  return true;
}

bool hasCredentials(const ClusterConfig& config) {
  return !config.token.empty() || !config.tokenFile.empty() || config.exec || !config.tls.clientCertFile.empty() ||
         !config.tls.clientCertPem.empty();
}

Result<void> readCluster(const Entry& entry, const std::string& name, ClusterConfig& config) {
  config.server = text(entry.value, "server");
  if (config.server.empty()) return refused(entry.file + ": cluster " + name + " has no server");
  if (!text(entry.value, "proxy-url").empty())
    return refused(entry.file + ": cluster " + name + ": proxy-url is not supported", ErrorKind::Unsupported);
  if (flag(entry.value, "insecure-skip-tls-verify") && !config.server.starts_with("http://"))
    return refused(entry.file + ": cluster " + name +
                   ": insecure-skip-tls-verify is refused, TLS is always verified; give certificate-authority(-data) instead");
  config.tls.serverName = text(entry.value, "tls-server-name");
  return readPem(entry, "certificate-authority", config.tls.caFile, config.tls.caPem);
}

Result<ExecPlugin> readExec(const Entry& entry, const std::string& user, const json& exec) {
  const std::string where = entry.file + ": user " + user + ": exec";
  ExecPlugin plugin;
  const std::string command = text(exec, "command");
  if (command.empty()) return refused(where + " has no command");
  // A bare name is looked up in PATH.
  plugin.argv.push_back(command.find('/') == std::string::npos ? command : resolved(entry.file, command));
  if (const auto args = exec.find("args"); args != exec.end() && args->is_array())
    for (const json& argument : *args) plugin.argv.push_back(argument.is_string() ? argument.get<std::string>() : argument.dump());
  if (const auto env = exec.find("env"); env != exec.end() && env->is_array())
    for (const json& variable : *env)
      if (variable.is_object()) plugin.env.emplace_back(text(variable, "name"), text(variable, "value"));
  plugin.apiVersion = text(exec, "apiVersion");
  if (plugin.apiVersion != "client.authentication.k8s.io/v1" && plugin.apiVersion != "client.authentication.k8s.io/v1beta1")
    return refused(where + ": apiVersion " + plugin.apiVersion + " is not supported (v1 and v1beta1 of client.authentication.k8s.io are)",
                   ErrorKind::Unsupported);
  if (text(exec, "interactiveMode") == "Always")
    return refused(where + " needs a terminal (interactiveMode: Always)", ErrorKind::Unsupported);
  plugin.installHint = text(exec, "installHint");
  plugin.provideClusterInfo = flag(exec, "provideClusterInfo");
  return plugin;
}

Result<void> readUser(const Entry& entry, const std::string& name, ClusterConfig& config) {
  // What would make us somebody else than the file says must not be passed over in silence.
  for (const char* field : {"username", "password", "auth-provider", "as", "as-uid", "as-groups", "as-user-extra"})
    if (entry.value.contains(field))
      return refused(entry.file + ": user " + name + ": " + field + " is not supported", ErrorKind::Unsupported);
  config.token = text(entry.value, "token");
  config.tokenFile = resolved(entry.file, text(entry.value, "tokenFile"));
  if (Result<void> read = readPem(entry, "client-certificate", config.tls.clientCertFile, config.tls.clientCertPem); !read)
    return read.error();
  if (Result<void> read = readPem(entry, "client-key", config.tls.clientKeyFile, config.tls.clientKeyPem); !read) return read.error();
  const bool certificate = !config.tls.clientCertFile.empty() || !config.tls.clientCertPem.empty();
  const bool key = !config.tls.clientKeyFile.empty() || !config.tls.clientKeyPem.empty();
  if (certificate != key) return refused(entry.file + ": user " + name + ": client certificate and key come together or not at all");
  if (const auto exec = entry.value.find("exec"); exec != entry.value.end() && exec->is_object()) {
    Result<ExecPlugin> plugin = readExec(entry, name, *exec);
    if (!plugin) return plugin.error();
    config.exec = std::move(*plugin);
  }
  return {};
}

}  // namespace

Result<ClusterConfig> kubeconfigFrom(const std::vector<KubeconfigFile>& files, std::string_view context) {
  std::vector<std::pair<std::string, json>> documents;
  std::string current(context);
  for (const KubeconfigFile& file : files) {
    Result<std::vector<std::string>> texts = yamlToJson(file.text);
    if (!texts) return refused(file.path + ": " + texts.error().message);
    if (texts->empty()) continue;
    json document = json::parse(texts->front(), nullptr, false);
    if (document.is_null()) continue;
    if (!document.is_object()) return refused(file.path + ": not a mapping");
    if (current.empty()) current = text(document, "current-context");
    documents.emplace_back(file.path, std::move(document));
  }
  const std::string firstFile = files.empty() ? std::string() : files.front().path;
  if (current.empty()) return refused(firstFile + ": no current-context is set; name one with --context");
  const Result<Entry> chosen = findEntry(documents, "contexts", "context", current);
  if (!chosen) return chosen.error();
  ClusterConfig config;
  config.origin = "kubeconfig " + chosen->file + ", context " + current;
  config.ns = text(chosen->value, "namespace");
  const std::string cluster = text(chosen->value, "cluster");
  const std::string user = text(chosen->value, "user");
  const Result<Entry> clusterEntry = findEntry(documents, "clusters", "cluster", cluster);
  if (!clusterEntry) return clusterEntry.error();
  if (Result<void> read = readCluster(*clusterEntry, cluster, config); !read) return read.error();
  const bool hadUserInfo = cutUserInfo(config.server);
  if (!user.empty()) {
    const Result<Entry> userEntry = findEntry(documents, "users", "user", user);
    if (!userEntry) return userEntry.error();
    if (Result<void> read = readUser(*userEntry, user, config); !read) return read.error();
  }
  if (hadUserInfo && !hasCredentials(config))
    return refused(clusterEntry->file + ": cluster " + cluster +
                       ": the user information in its server's URL is not used; give the context a user with a token",
                   ErrorKind::Unsupported);
  return config;
}

}  // namespace spawner::k8s
