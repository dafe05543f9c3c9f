#include "backend/validate.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "backend/derive.hpp"
#include "base/text.hpp"
#include "spawner/names.hpp"
#include "spawner/upstream_protocol.hpp"

namespace spawner::backend {
namespace {

using Json = nlohmann::json;

constexpr std::size_t maxContainers = 32;

/// A field that lets a pod do more than run a program: refused unless allowed by name.
struct Guarded {
  std::string_view name;
  std::string_view why;
};
constexpr Guarded podFields[] = {
    {"serviceAccountName", "it would run with another identity"},
    {"serviceAccount", "it would run with another identity"},
    {"automountServiceAccountToken", "it would hold a credential for the cluster"},
    {"hostPID", "it would see the processes of its node"},
    {"shareProcessNamespace", "it could end or read its own sidecar"},
    {"nodeName", "it would pass by the scheduler"},
    {"priorityClassName", "it could push other sessions off their nodes"},
    {"priority", "it could push other sessions off their nodes"},
};
constexpr Guarded otherFields[] = {
    {"privileged", "it would have all rights on its node"},
    {"capabilities", "it would have more rights than a program needs"},
    {"procMount", "it would see what the container engine hides"},
    {"hostProcess", "it would run on its node, not in a container"},
    {"hostPort", "it would take a port of its node"},
    {"hostPath", "it would read files of its node"},
    {"serviceAccountToken", "it would hold a credential for the cluster"},
    {"sysctls", "it would change settings of the kernel"},
};

std::string_view whyOf(std::string_view name) {
  for (const Guarded& field : podFields)
    if (field.name == name) return field.why;
  for (const Guarded& field : otherFields)
    if (field.name == name) return field.why;
  return {};
}

/// Missing, null, false, "" and [] ask for nothing.
bool asksFor(const Json& object, std::string_view name) {
  const auto it = object.find(std::string(name));
  if (it == object.end() || it->is_null()) return false;
  if (it->is_boolean()) return it->get<bool>();
  if (it->is_string()) return !it->get_ref<const std::string&>().empty();
  if (it->is_array() || it->is_object()) return !it->empty();
  return true;
}

const Json& at(const Json& object, const char* name) {
  static const Json none;
  if (!object.is_object()) return none;
  const auto it = object.find(name);
  return it == object.end() ? none : *it;
}

class Checker {
 public:
  Checker(const Slab& slab, const ValidationOptions& options) : slab_(slab), options_(options) {}

  std::optional<Refusal> run() {
    if (auto refusal = validateName(slab_.meta.name)) return refusal;
    if (slab_.spec.httpPort == 0) return invalid("spec.httpPort is 0: give the port that the application listens on, 1 to 65535");
    if (slab_.spec.httpPort == names::servePort)
      return invalid("spec.httpPort is 9090, which is the sidecar's: let the application listen on another port");
    const auto protocol = slab_.meta.annotations.find(std::string(names::upstreamProtocolAnnotation));
    if (protocol != slab_.meta.annotations.end() && protocol->second != names::http1Protocol && protocol->second != names::h2cProtocol)
      return invalid("the annotation " + std::string(names::upstreamProtocolAnnotation) + " must be http1 or h2c");
    spec_ = Json::parse(slab_.spec.templateJson, nullptr, /*allow_exceptions=*/false);
    if (!spec_.is_object()) return invalid("spec.template is missing or not an object: give a part of a pod spec with containers");
    if (auto refusal = checkContainers()) return refusal;
    if (at(spec_, "hostNetwork") == true)
      return Refusal{std::string(reasons::fieldNotAllowed),
                     "spec.template.hostNetwork is refused: sessions on one node would fight for the sidecar's ports. Remove it."};
    if (at(spec_, "hostIPC") == true)
      return Refusal{std::string(reasons::fieldNotAllowed),
                     "spec.template.hostIPC is refused: sessions on one node would fight for the sidecar's session file in /dev/shm. "
                     "Remove it."};
    checkPodFields();
    checkVolumes();
    for (const char* list : {"containers", "initContainers"}) {
      const Json& containers = at(spec_, list);
      if (!containers.is_array()) continue;
      for (std::size_t i = 0; i < containers.size(); ++i)
        if (containers[i].is_object()) checkContainerFields(containers[i], std::string(list) + "[" + std::to_string(i) + "]");
    }
    return refusal_;
  }

 private:
  static Refusal invalid(std::string message) { return Refusal{std::string(reasons::invalidSpec), std::move(message)}; }

  std::optional<Refusal> checkContainers() const {
    const Json& containers = at(spec_, "containers");
    if (!containers.is_array() || containers.empty() || containers.size() > maxContainers)
      return invalid("spec.template.containers must be a list of 1 to 32 containers; the first is the application");
    std::set<std::string> seen = {std::string(names::sidecarContainer)};
    for (std::size_t i = 0; i < containers.size(); ++i) {
      const std::string where = "spec.template.containers[" + std::to_string(i) + "]";
      const Json& name = at(containers[i], "name");
      const Json& image = at(containers[i], "image");
      if (!name.is_string() || name.get_ref<const std::string&>().empty())
        return invalid(where + ".name is missing: give the container a name");
      if (!image.is_string() || image.get_ref<const std::string&>().empty())
        return invalid(where + ".image is missing: give the image to run");
      if (name == names::sidecarContainer) return invalid(where + ".name is spawner-sidecar, which is the sidecar's: give it another name");
      if (!seen.insert(name.get<std::string>()).second) return invalid(where + ".name is there twice: give each container its own name");
    }
    return std::nullopt;
  }

  void checkPodFields() {
    for (const Guarded& field : podFields)
      if (asksFor(spec_, field.name)) guard(field.name, "spec.template." + std::string(field.name));
    if (asksFor(at(spec_, "securityContext"), "sysctls")) guard("sysctls", "spec.template.securityContext.sysctls");
    if (at(at(at(spec_, "securityContext"), "windowsOptions"), "hostProcess") == true)
      guard("hostProcess", "spec.template.securityContext.windowsOptions.hostProcess");
  }

  void checkVolumes() {
    const Json& volumes = at(spec_, "volumes");
    if (!volumes.is_array()) return;
    for (std::size_t i = 0; i < volumes.size(); ++i) {
      const std::string where = "spec.template.volumes[" + std::to_string(i) + "]";
      if (asksFor(at(volumes[i], "hostPath"), "path") || !at(volumes[i], "hostPath").is_null()) guard("hostPath", where + ".hostPath");
      const Json& sources = at(at(volumes[i], "projected"), "sources");
      if (!sources.is_array()) continue;
      for (const Json& source : sources)
        if (!at(source, "serviceAccountToken").is_null()) guard("serviceAccountToken", where + ".projected.sources[].serviceAccountToken");
    }
  }

  void checkContainerFields(const Json& container, const std::string& where) {
    const std::string path = "spec.template." + where + ".";
    const Json& context = at(container, "securityContext");
    if (context.is_object()) {
      if (asksFor(context, "privileged")) guard("privileged", path + "securityContext.privileged");
      if (asksFor(at(context, "capabilities").is_object() ? at(context, "capabilities") : Json::object(), "add"))
        guard("capabilities", path + "securityContext.capabilities.add");
      if (asksFor(context, "procMount") && context["procMount"] != "Default") guard("procMount", path + "securityContext.procMount");
      if (at(at(context, "windowsOptions"), "hostProcess") == true)
        guard("hostProcess", path + "securityContext.windowsOptions.hostProcess");
    }
    const Json& ports = at(container, "ports");
    if (!ports.is_array()) return;
    for (const Json& port : ports)
      if (!at(port, "hostPort").is_null() && at(port, "hostPort") != 0) guard("hostPort", path + "ports[].hostPort");
  }

  /// Keeps the first refusal.
  void guard(std::string_view name, const std::string& path) {
    const auto& allowed = options_.allowedPodFields;
    const auto allows = [&](const std::string& word) { return word == name || word == "*"; };
    if (refusal_ || std::any_of(allowed.begin(), allowed.end(), allows)) return;
    refusal_ = Refusal{std::string(reasons::fieldNotAllowed),
                       path + " is refused: " + std::string(whyOf(name)) +
                           ". Remove it, or let the controller allow it: --allow-pod-fields=" + std::string(name) + "."};
  }

  const Slab& slab_;
  const ValidationOptions& options_;
  Json spec_;
  std::optional<Refusal> refusal_;
};

}  // namespace

std::optional<Refusal> validateName(std::string_view name) {
  if (isDns1035Label(name)) return std::nullopt;
  return Refusal{std::string(reasons::invalidName),
                 "The name \"" + std::string(name) +
                     "\" cannot be a Service's: use at most 63 lower-case letters, digits and hyphens, a letter first and no hyphen last."};
}

std::optional<Refusal> validate(const Slab& slab, const ValidationOptions& options) { return Checker(slab, options).run(); }

const std::vector<std::string>& guardedPodFields() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> result;
    for (const Guarded& field : podFields) result.emplace_back(field.name);
    for (const Guarded& field : otherFields) result.emplace_back(field.name);
    return result;
  }();
  return names;
}

}  // namespace spawner::backend
