#include <fmt/format.h>

#include <algorithm>

#include "cluster/strategy.hpp"

namespace spawner::cluster {

namespace serviceStrategy {

namespace {

void fallback(Json& object, std::string_view field, const Json& value) {
  if (const Json* present = object.find(field); present == nullptr || present->isNull()) object.set(field, value);
}

}  // namespace

void setDefaults(Json& service) {
  if (service.find("spec") == nullptr || !service.find("spec")->isObject()) return;
  Json& spec = service.edit("spec");
  fallback(spec, "type", "ClusterIP");
  fallback(spec, "sessionAffinity", "None");
  if (spec.textAt({"type"}) != "ExternalName") fallback(spec, "internalTrafficPolicy", "Cluster");
  if (spec.find("ports") == nullptr || !spec.find("ports")->isArray()) return;
  for (Json& port : spec.edit("ports").editItems()) {
    fallback(port, "protocol", "TCP");
    if (const Json* number = port.find("port")) fallback(port, "targetPort", Json(*number));
  }
}

void validate(const Json& service, const Json* old, FieldErrors& errors) {
  const Json* spec = service.find("spec");
  const Json* ports = spec != nullptr ? spec->find("ports") : nullptr;
  const std::string_view type = service.textAt({"spec", "type"});
  const bool headless = service.textAt({"spec", "clusterIP"}) == "None";
  if ((ports == nullptr || ports->items().empty()) && !headless && type != "ExternalName")
    errors.push_back(FieldError::required("spec.ports"));
  for (std::size_t i = 0; ports != nullptr && i < ports->items().size(); ++i) {
    const Json& port = ports->items()[i];
    const std::string path = fmt::format("spec.ports[{}]", i);
    const Json* number = port.find("port");
    if (number == nullptr || number->integer() < 1 || number->integer() > 65535)
      errors.push_back(
          FieldError::invalid(path + ".port", number != nullptr ? *number : Json(0), "must be between 1 and 65535, inclusive"));
    if (ports->items().size() > 1 && port.textAt({"name"}).empty()) errors.push_back(FieldError::required(path + ".name"));
  }
  if (type != "ClusterIP" && type != "NodePort" && type != "LoadBalancer" && type != "ExternalName")
    errors.push_back(FieldError::notSupported("spec.type", Json(type), {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"}));
  if (old == nullptr) return;
  const std::string_view before = old->textAt({"spec", "clusterIP"});
  const Json* now = service.find({"spec", "clusterIP"});
  if (!before.empty() && (now == nullptr || now->text() != before))
    errors.push_back(FieldError::invalid("spec.clusterIP", now != nullptr ? *now : Json(), "field is immutable"));
}

}  // namespace serviceStrategy

namespace eventStrategy {

void validate(const Json& event, FieldErrors& errors) {
  const std::string_view ns = event.textAt({"metadata", "namespace"});
  const std::string_view about = event.textAt({"involvedObject", "namespace"});
  const Json* eventTime = event.find("eventTime");
  const bool newStyle = eventTime != nullptr && !eventTime->isNull();
  const bool agree = about.empty() ? ns == "default" || (newStyle && ns == "kube-system") : newStyle || about == ns;
  if (!agree) errors.push_back(FieldError::invalid("involvedObject.namespace", Json(about), "does not match event.namespace"));
  if (!newStyle) return;
  // An Event with eventTime is of the newer kind: who reports must be said, and lengths are bounded.
  const auto check = [&](std::string_view field, std::size_t longest, bool required) {
    const std::string_view text = event.textAt({field});
    if (required && text.empty()) errors.push_back(FieldError::required(std::string(field)));
    if (text.size() > longest)
      errors.push_back(FieldError::invalid(std::string(field), Json(text), fmt::format("can have at most {} characters", longest)));
  };
  check("reportingComponent", 317, true);
  check("reportingInstance", 128, true);
  check("action", 128, true);
  check("reason", 128, true);
  check("message", 1024, false);
}

}  // namespace eventStrategy

}  // namespace spawner::cluster
