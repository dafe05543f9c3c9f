#include "backend/builders.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "spawner/names.hpp"
#include "spawner/upstream_protocol.hpp"

namespace spawner::backend {
namespace {

using Json = nlohmann::json;

constexpr int sidecarUser = 65532;  // any number that is not root; the image has no file that must be owned by it

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json parseTemplate(const SlabSpec& spec) { return Json::parse(spec.templateJson, nullptr, /*allow_exceptions=*/false); }

/// The list under `name`, made empty when it is missing or null.
Json& listAt(Json& object, const char* name) {
  Json& list = object[name];
  if (!list.is_array()) list = Json::array();
  return list;
}

Json ownerReferences(const ObjectMeta& meta) {
  return Json::array(
      {{{"apiVersion", names::apiVersion}, {"kind", names::kind}, {"name", meta.name}, {"uid", meta.uid}, {"controller", true}}});
}

Json labels(const ObjectMeta& meta) {
  Json result = meta.labels;
  if (!result.is_object()) result = Json::object();
  result[std::string(names::runLabel)] = meta.name;
  result[std::string(names::managedByLabel)] = names::managedByValue;
  return result;
}

/// What changes with the spec while the pod lives; null: absent.
Json specAnnotations(const SlabSpec& spec) {
  Json result;
  result[std::string(names::graceAnnotation)] = std::to_string(spec.gracePeriodSeconds);
  result[std::string(names::startupTimeoutAnnotation)] = std::to_string(spec.startupTimeoutSeconds);
  result[std::string(names::maxLifetimeAnnotation)] =
      spec.maxLifetimeSeconds ? Json(std::to_string(*spec.maxLifetimeSeconds)) : Json(nullptr);
  return result;
}

Json annotations(const Slab& slab, const PodOptions& options) {
  Json result = Json::object();
  const Json ofSpec = specAnnotations(slab.spec);
  for (const auto& [name, value] : ofSpec.items())
    if (!value.is_null()) result[name] = value;
  result[std::string(names::slabUidAnnotation)] = slab.meta.uid;
  result[std::string(names::adminPortAnnotation)] = std::to_string(sidecarPorts(slab.spec).admin);
  result[std::string(names::templateHashAnnotation)] = templateHash(slab.spec);
  if (options.serviceMode == ServiceMode::ClusterIp) result[std::string(names::clusterIpAnnotation)] = "true";
  return result;
}

std::string shortName(const ObjectMeta& meta, std::string_view prefix) {
  return meta.name.size() > prefix.size() && meta.name.starts_with(prefix) ? meta.name.substr(prefix.size()) : meta.name;
}

/// Ours go first, so that the template's own values may refer to them: $(PORT).
void setEnv(Json& container, const std::vector<std::pair<std::string, std::string>>& ours) {
  Json env = Json::array();
  for (const auto& [name, value] : ours) env.push_back({{"name", name}, {"value", value}});
  for (Json& item : listAt(container, "env")) {
    const auto name = item.is_object() ? item.find("name") : item.end();
    const bool isOurs = item.is_object() && name != item.end() &&
                        std::any_of(ours.begin(), ours.end(), [&](const auto& pair) { return *name == pair.first; });
    if (!isOurs) env.push_back(std::move(item));
  }
  container["env"] = std::move(env);
}

void setIfAbsent(Json& object, const char* name, Json value) {
  if (!object.contains(name) || object[name].is_null()) object[name] = std::move(value);
}

void prepareApplication(Json& container, const Slab& slab, const PodOptions& options) {
  const SidecarPorts ports = sidecarPorts(slab.spec);
  std::vector<std::pair<std::string, std::string>> env = {
      {std::string(names::portEnv), std::to_string(slab.spec.httpPort)},
      {std::string(names::nameEnv), shortName(slab.meta, options.prefix)},
      {std::string(names::localUrlEnv), "http://127.0.0.1:" + std::to_string(ports.local)}};
  if (std::string url = outsideUrl(slab.meta, options.urlTemplate, options.prefix); !url.empty())
    env.emplace_back(names::urlEnv, std::move(url));
  setEnv(container, env);
  // How it failed outlives its pod: the end of its log goes into status.end.log. "File" in the template keeps it out.
  setIfAbsent(container, "terminationMessagePolicy", "FallbackToLogsOnError");
  // The kubelet calls this on the pod's address before it ends the application: it returns when nothing is in flight.
  Json& lifecycle = container["lifecycle"];
  if (!lifecycle.is_object()) lifecycle = Json::object();
  if (!lifecycle.contains("preStop") || lifecycle["preStop"].is_null())
    lifecycle["preStop"] = {{"httpGet", {{"path", "/_hold"}, {"port", ports.admin}, {"scheme", "HTTP"}}}};
}

Json sidecarContainer(const Slab& slab, const PodOptions& options) {
  const SidecarPorts ports = sidecarPorts(slab.spec);
  Json args = {"--serve-port=" + std::to_string(ports.serve), "--upstream-port=" + std::to_string(slab.spec.httpPort),
               "--admin-port=" + std::to_string(ports.admin), "--local-port=" + std::to_string(ports.local)};
  if (const auto it = slab.meta.annotations.find(std::string(names::upstreamProtocolAnnotation)); it != slab.meta.annotations.end())
    args.push_back("--upstream-protocol=" + it->second);
  for (const std::string& key : options.adminKeys) args.push_back("--admin-key=" + key);
  Json env = Json::array();
  for (const auto& [name, value] : options.sidecarEnv) env.push_back({{"name", name}, {"value", value}});
  env.push_back({{"name", names::podUidEnv}, {"valueFrom", {{"fieldRef", {{"fieldPath", "metadata.uid"}}}}}});
  Json container = {
      {"name", names::sidecarContainer},
      {"image", options.sidecarImage},
      {"command", {"spawner", "sidecar"}},
      {"args", std::move(args)},
      {"env", std::move(env)},
      {"ports", Json::array({{{"name", names::servicePortName}, {"containerPort", ports.serve}, {"protocol", "TCP"}}})},
      {"resources", {{"requests", {{"cpu", "5m"}, {"memory", "16Mi"}}}}},
      {"securityContext",
       {{"runAsNonRoot", true},
        {"runAsUser", sidecarUser},
        {"runAsGroup", sidecarUser},
        {"readOnlyRootFilesystem", true},
        {"allowPrivilegeEscalation", false},
        {"capabilities", {{"drop", {"ALL"}}}},
        {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
  };
  if (!options.sidecarPullPolicy.empty()) container["imagePullPolicy"] = options.sidecarPullPolicy;
  if (options.sidecarMode == SidecarMode::Native) container["restartPolicy"] = "Always";
  return container;
}

void addPullSecret(Json& spec, const std::string& name) {
  if (name.empty()) return;
  Json& secrets = listAt(spec, "imagePullSecrets");
  const Json secret = {{"name", name}};
  if (std::find(secrets.begin(), secrets.end(), secret) == secrets.end()) secrets.push_back(secret);
}

/// Half a SHA-256, as 16 hex digits, of the value with sorted keys: how the server orders them does not matter.
std::string halfHash(const Json& value) { return sha256Hex(dump(value)).substr(0, 16); }

std::string templatePart(const SlabSpec& spec) {
  const Json json = parseTemplate(spec);
  return json.is_discarded() ? sha256Hex(spec.templateJson).substr(0, 16) : halfHash(json);
}

std::string portPart(const SlabSpec& spec) { return halfHash(spec.httpPort); }

}  // namespace

SidecarPorts sidecarPorts(const SlabSpec& spec) {
  std::set<std::uint64_t> taken = {spec.httpPort, names::servePort};
  const Json json = parseTemplate(spec);
  if (json.is_object() && json.contains("containers") && json["containers"].is_array()) {
    for (const Json& container : json["containers"]) {
      if (!container.is_object() || !container.contains("ports") || !container["ports"].is_array()) continue;
      for (const Json& port : container["ports"])
        if (port.is_object() && port.contains("containerPort") && port["containerPort"].is_number_unsigned())
          taken.insert(port["containerPort"].get<std::uint64_t>());
    }
  }
  const auto free = [&](std::uint16_t wanted) {
    while (taken.contains(wanted)) wanted = wanted == 65535 ? std::uint16_t{10000} : static_cast<std::uint16_t>(wanted + 1);
    taken.insert(wanted);
    return wanted;
  };
  SidecarPorts ports;
  ports.serve = names::servePort;
  ports.admin = free(names::adminPort);
  ports.local = free(names::localPort);
  return ports;
}

Result<std::string> podJson(const Slab& slab, const PodOptions& options) {
  Json spec = parseTemplate(slab.spec);
  if (!spec.is_object() || !spec.contains("containers") || !spec["containers"].is_array() || spec["containers"].empty() ||
      !spec["containers"][0].is_object())
    return Error{ErrorKind::InvalidArgument, "spec.template of " + slab.meta.key() + " is not an object with at least one container", {}};
  prepareApplication(spec["containers"][0], slab, options);
  if (options.sidecarMode == SidecarMode::Native) {
    Json& inits = listAt(spec, "initContainers");  // first of them: it answers while the others still run
    inits.insert(inits.begin(), sidecarContainer(slab, options));
  } else {
    spec["containers"].push_back(sidecarContainer(slab, options));
  }
  addPullSecret(spec, options.imagePullSecret);
  for (const char* nullable : {"imagePullSecrets", "volumes"})
    if (spec.contains(nullable) && spec[nullable].is_null()) spec.erase(nullable);
  spec["restartPolicy"] = "Never";
  setIfAbsent(spec, "automountServiceAccountToken", false);
  setIfAbsent(spec, "enableServiceLinks", false);
  return dump(Json{{"apiVersion", "v1"},
                   {"kind", "Pod"},
                   {"metadata",
                    {{"name", slab.meta.name},
                     {"namespace", slab.meta.ns},
                     {"labels", labels(slab.meta)},
                     {"annotations", annotations(slab, options)},
                     {"ownerReferences", ownerReferences(slab.meta)}}},
                   {"spec", std::move(spec)}});
}

std::string serviceJson(const Slab& slab, ServiceMode mode) {
  Json spec = {
      {"type", "ClusterIP"},
      {"selector", {{std::string(names::runLabel), slab.meta.name}}},
      {"publishNotReadyAddresses", true},
      {"ports",
       Json::array(
           {{{"name", names::servicePortName}, {"port", names::servePort}, {"targetPort", names::servePort}, {"protocol", "TCP"}}})},
  };
  if (mode == ServiceMode::Headless) spec["clusterIP"] = "None";
  return dump(Json{{"apiVersion", "v1"},
                   {"kind", "Service"},
                   {"metadata",
                    {{"name", slab.meta.name},
                     {"namespace", slab.meta.ns},
                     {"labels", labels(slab.meta)},
                     {"ownerReferences", ownerReferences(slab.meta)}}},
                   {"spec", std::move(spec)}});
}

std::string applicationImage(const Slab& slab) {
  const Json pod = parseTemplate(slab.spec);
  const Json::json_pointer image("/containers/0/image");
  return !pod.is_discarded() && pod.contains(image) && pod[image].is_string() ? pod[image].get<std::string>() : std::string();
}

std::string inClusterUrl(const ObjectMeta& meta) {
  return "http://" + meta.name + "." + meta.ns + ":" + std::to_string(names::servePort) + "/";
}

std::string outsideUrl(const ObjectMeta& meta, std::string_view urlTemplate, std::string_view prefix) {
  if (urlTemplate.empty() || meta.name.size() <= prefix.size() || !meta.name.starts_with(prefix)) return {};
  const std::string name = meta.name.substr(prefix.size());
  std::string url(urlTemplate);
  for (std::size_t at = url.find("{}"); at != std::string::npos; at = url.find("{}", at + name.size())) url.replace(at, 2, name);
  return url;
}

std::string templateHash(const SlabSpec& spec) { return templatePart(spec) + "-" + portPart(spec); }

std::string ignoredFields(const Slab& slab, const PodView& pod) {
  const auto it = pod.meta.annotations.find(std::string(names::templateHashAnnotation));
  if (it == pod.meta.annotations.end()) return {};
  const std::vector<std::string_view> madeOf = split(it->second, '-');
  if (madeOf.size() != 2) return {};
  std::string result;
  if (madeOf[0] != templatePart(slab.spec)) result = "template";
  if (madeOf[1] != portPart(slab.spec)) result += result.empty() ? "httpPort" : ", httpPort";
  return result;
}

std::string annotationPatch(const Slab& slab, const PodView& pod) {
  Json changed = Json::object();
  const Json wanted = specAnnotations(slab.spec);
  for (const auto& [name, value] : wanted.items()) {
    const auto it = pod.meta.annotations.find(name);
    const Json present = it == pod.meta.annotations.end() ? Json(nullptr) : Json(it->second);
    if (present != value) changed[name] = value;
  }
  if (changed.empty()) return {};
  return dump(Json{{"metadata", {{"uid", pod.meta.uid}, {"annotations", std::move(changed)}}}});
}

}  // namespace spawner::backend
