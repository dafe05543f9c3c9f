#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "backend/quantity.hpp"
#include "cluster/meta.hpp"
#include "cluster/strategy.hpp"

namespace spawner::cluster::podStrategy {

namespace {

void fallback(Json& object, std::string_view field, const Json& value) {
  if (const Json* present = object.find(field); present == nullptr || present->isNull()) object.set(field, value);
}

/// Always for an image without a tag or with "latest", as the API server defaults it.
std::string_view pullPolicy(std::string_view image) {
  if (image.find('@') != std::string_view::npos) return "IfNotPresent";
  const std::size_t colon = image.rfind(':');
  const std::size_t slash = image.rfind('/');
  const bool tagged = colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash);
  return tagged && image.substr(colon + 1) != "latest" ? "IfNotPresent" : "Always";
}

void containerDefaults(Json& container) {
  if (!container.isObject()) return;
  fallback(container, "imagePullPolicy", pullPolicy(container.textAt({"image"})));
  fallback(container, "resources", Json::object());
  fallback(container, "terminationMessagePath", "/dev/termination-log");
  fallback(container, "terminationMessagePolicy", "File");
  if (container.find("ports") != nullptr && container.find("ports")->isArray())
    for (Json& port : container.edit("ports").editItems()) fallback(port, "protocol", "TCP");
}

/// limits or requests of a container; a number is written as text.
backend::Quantities quantities(const Json& container, std::string_view part) {
  backend::Quantities result;
  if (const Json* list = container.find({"resources", part}); list != nullptr && list->isObject())
    for (const auto& [name, value] : list->members())
      result.emplace_back(std::string(name), value.isString() ? std::string(value.text()) : value.dump());
  return result;
}

std::string_view qosClass(const Json& pod) {
  bool any = false;
  bool guaranteed = true;
  for (const std::string_view list : {"containers", "initContainers"}) {
    const Json* containers = pod.find({"spec", list});
    if (containers == nullptr) continue;
    for (const Json& container : containers->items()) {
      const Json* limits = container.find({"resources", "limits"});
      const Json* requests = container.find({"resources", "requests"});
      any = any || (limits != nullptr && limits->size() > 0) || (requests != nullptr && requests->size() > 0);
      for (const std::string_view resource : {"cpu", "memory"}) {
        const Json* limit = limits != nullptr ? limits->find(resource) : nullptr;
        const Json* request = requests != nullptr ? requests->find(resource) : nullptr;
        guaranteed = guaranteed && limit != nullptr && (request == nullptr || *request == *limit);
      }
    }
  }
  return !any ? "BestEffort" : guaranteed ? "Guaranteed" : "Burstable";
}

/// Of a container's resources, in a real API server's words. (Text that is no quantity it refuses while decoding: undecodable.)
void validateResources(const Json& container, const std::string& here, FieldErrors& errors) {
  const auto problem = backend::resourceProblem(quantities(container, "limits"), quantities(container, "requests"));
  if (!problem) return;
  using Kind = backend::ResourceProblem::Kind;
  std::string field = fmt::format("{}.resources.{}", here, problem->part);
  if (problem->kind != Kind::AboveLimit) field += "[" + problem->name + "]";
  errors.push_back(FieldError::invalid(field, Json(problem->kind == Kind::UnknownName ? problem->name : problem->value), problem->detail));
}

void validateContainers(const Json& containers, const std::string& path, std::set<std::string, std::less<>>& names, FieldErrors& errors) {
  std::size_t index = 0;
  for (const Json& container : containers.items()) {
    const std::string here = fmt::format("{}[{}]", path, index++);
    const std::string_view name = container.textAt({"name"});
    if (name.empty())
      errors.push_back(FieldError::required(here + ".name"));
    else if (!isDns1123Label(name))
      errors.push_back(FieldError::invalid(
          here + ".name", Json(name),
          "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
          "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
          "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"));
    else if (!names.emplace(name).second)
      errors.push_back({FieldError::Kind::Duplicate, here + ".name", Json(name).dump(), {}});
    if (container.textAt({"image"}).empty()) errors.push_back(FieldError::required(here + ".image"));
    if (const Json* policy = container.find("imagePullPolicy");
        policy != nullptr && policy->text() != "Always" && policy->text() != "IfNotPresent" && policy->text() != "Never")
      errors.push_back(FieldError::notSupported(here + ".imagePullPolicy", *policy, {"Always", "IfNotPresent", "Never"}));
    const Json* ports = container.find("ports");
    for (std::size_t i = 0; ports != nullptr && i < ports->items().size(); ++i) {
      const Json* number = ports->items()[i].find("containerPort");
      const std::string field = fmt::format("{}.ports[{}].containerPort", here, i);
      if (number == nullptr)
        errors.push_back(FieldError::required(field));
      else if (number->integer() < 1 || number->integer() > 65535)
        errors.push_back(FieldError::invalid(field, *number, "must be between 1 and 65535, inclusive"));
    }
    validateResources(container, here, errors);
    const Json* env = container.find("env");
    for (std::size_t i = 0; env != nullptr && i < env->items().size(); ++i)
      if (env->items()[i].textAt({"name"}).empty()) errors.push_back(FieldError::required(fmt::format("{}.env[{}].name", here, i)));
  }
}

/// The spec without what may change.
Json fixedPart(const Json& pod) {
  Json spec = pod.find("spec") != nullptr ? *pod.find("spec") : Json();
  for (const std::string_view field : {"activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"}) spec.remove(field);
  for (const std::string_view list : {"containers", "initContainers"})
    if (spec.find(list) != nullptr && spec.find(list)->isArray())
      for (Json& container : spec.edit(list).editItems()) {
        container.remove("image");
        container.remove("imagePullPolicy");  // its default follows the image
      }
  return spec;
}

}  // namespace

void setDefaults(Json& pod) {
  if (pod.find("spec") == nullptr || !pod.find("spec")->isObject()) return;
  Json& spec = pod.edit("spec");
  fallback(spec, "restartPolicy", "Always");
  fallback(spec, "terminationGracePeriodSeconds", 30);
  fallback(spec, "dnsPolicy", "ClusterFirst");
  fallback(spec, "schedulerName", "default-scheduler");
  fallback(spec, "securityContext", Json::object());
  fallback(spec, "enableServiceLinks", true);
  for (const std::string_view list : {"containers", "initContainers"})
    if (spec.find(list) != nullptr && spec.find(list)->isArray())
      for (Json& container : spec.edit(list).editItems()) containerDefaults(container);
}

std::optional<std::string> undecodable(const Json& pod) {
  for (const std::string_view list : {"containers", "initContainers"}) {
    const Json* containers = pod.find({"spec", list});
    if (containers == nullptr || !containers->isArray()) continue;
    for (const Json& container : containers->items())
      for (const std::string_view part : {"limits", "requests"})
        for (const auto& [name, text] : quantities(container, part))
          if (!backend::parseQuantity(text))
            return "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$' (" + name + " is \"" +
                   text + "\")";
  }
  return std::nullopt;
}

void prepareCreate(Json& pod) {
  pod.set("status", Json::object({{"phase", "Pending"}, {"qosClass", qosClass(pod)}}));
  if (pod.find("spec") != nullptr && pod.find("spec")->isObject()) fallback(pod.edit("spec"), "serviceAccountName", "default");
}

void validate(const Json& pod, FieldErrors& errors) {
  const Json* spec = pod.find("spec");
  const Json* containers = spec != nullptr ? spec->find("containers") : nullptr;
  if (containers == nullptr || containers->items().empty()) {
    errors.push_back(FieldError::required("spec.containers"));
    return;
  }
  std::set<std::string, std::less<>> names;
  validateContainers(*containers, "spec.containers", names, errors);
  if (const Json* init = spec->find("initContainers")) validateContainers(*init, "spec.initContainers", names, errors);
  const Json* restart = spec->find("restartPolicy");
  if (restart->text() != "Always" && restart->text() != "OnFailure" && restart->text() != "Never")
    errors.push_back(FieldError::notSupported("spec.restartPolicy", *restart, {"Always", "OnFailure", "Never"}));
  const Json* grace = spec->find("terminationGracePeriodSeconds");
  if (grace->integer() < 0)
    errors.push_back(FieldError::invalid("spec.terminationGracePeriodSeconds", *grace, "must be greater than or equal to 0"));
  if (const Json* node = spec->find("nodeName"); node != nullptr && !node->text().empty() && !isDns1123Subdomain(node->text()))
    errors.push_back(FieldError::invalid("spec.nodeName", *node,
                                         "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'"));
}

void validateUpdate(const Json& pod, const Json& old, FieldErrors& errors) {
  if (fixedPart(pod) == fixedPart(old)) return;
  errors.push_back(FieldError::forbidden(
      "spec",
      "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
      "`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
      "previously "
      "negative)"));
}

std::int64_t gracePeriod(const Json& pod, std::optional<std::int64_t> wanted) {
  const std::int64_t seconds = wanted.value_or(pod.integerAt({"spec", "terminationGracePeriodSeconds"}));
  const std::string_view phase = pod.textAt({"status", "phase"});
  if (pod.textAt({"spec", "nodeName"}).empty() || phase == "Failed" || phase == "Succeeded") return 0;
  return seconds < 0 ? 1 : seconds;
}

}  // namespace spawner::cluster::podStrategy
