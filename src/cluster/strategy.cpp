#include "cluster/strategy.hpp"

#include <fmt/format.h>

#include "cluster/meta.hpp"

namespace spawner::cluster {

namespace {

/// metadata and status left out: what generation counts.
bool sameButMetaAndStatus(const Json& a, const Json& b) {
  const auto rest = [](const Json& json) {
    Json copy = json;
    copy.remove("metadata");
    copy.remove("status");
    return copy;
  };
  return rest(a) == rest(b);
}

void restore(Json& object, const Json& old, std::string_view field) {
  if (const Json* value = old.find(field))
    object.set(field, *value);
  else
    object.remove(field);
}

void validateLease(const Json& lease, FieldErrors& errors) {
  const Json* seconds = lease.find({"spec", "leaseDurationSeconds"});
  if (seconds != nullptr && !seconds->isNull() && seconds->integer() <= 0)
    errors.push_back(FieldError::invalid("spec.leaseDurationSeconds", *seconds, "must be greater than 0"));
  const Json* transitions = lease.find({"spec", "leaseTransitions"});
  if (transitions != nullptr && !transitions->isNull() && transitions->integer() < 0)
    errors.push_back(FieldError::invalid("spec.leaseTransitions", *transitions, "must be greater than or equal to 0"));
}

}  // namespace

void Strategies::decode(const ResourceType& type, Json& object, const Json* current, std::vector<std::string>& unknown) const {
  if (&type == &types::slabs) {
    slabs_.prune(object, unknown);
    slabs_.applyDefaults(object);
    return;
  }
  const Json *spec = object.find("spec"), *before = current != nullptr ? current->find("spec") : nullptr;
  if (spec == nullptr || (before != nullptr && *spec == *before)) return;
  if (&type == &types::pods) podStrategy::setDefaults(object);
  if (&type == &types::services) serviceStrategy::setDefaults(object);
}

void Strategies::prepareCreate(const ResourceType& type, Json& object) const {
  if (type.hasGeneration) object.edit("metadata").set("generation", 1);
  if (type.custom) {
    object.remove("status");
    std::vector<std::string> none;
    decode(type, object, nullptr, none);  // a default for status itself, if the schema has one
  }
  if (&type == &types::pods) podStrategy::prepareCreate(object);
  if (&type == &types::services) object.set("status", Json::object({{"loadBalancer", Json::object()}}));
  if (&type == &types::namespaces) {
    object.edit("spec").set("finalizers", Json::array({"kubernetes"}));
    object.set("status", Json::object({{"phase", "Active"}}));
    object.edit("metadata").edit("labels").set("kubernetes.io/metadata.name", object.textAt({"metadata", "name"}));
  }
  if (&type == &types::secrets) {
    if (object.find("type") == nullptr) object.set("type", "Opaque");
    object.remove("stringData");  // Writer has merged it into data
  }
}

void Strategies::prepareUpdate(const ResourceType& type, Json& object, const Json& old, bool status) const {
  if (status && type.custom) {
    // As a real server: the whole old object with the new status. So a foreign metadata.uid is ignored here (docs/decisions/0021).
    Json kept = old;
    if (const Json* value = object.find("status"))
      kept.set("status", *value);
    else
      kept.remove("status");
    object = std::move(kept);
    return;
  }
  Json& meta = object.edit("metadata");
  for (const std::string_view field : {"generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"})
    if (const Json* value = old.find({"metadata", field}))
      meta.set(field, *value);
    else
      meta.remove(field);
  if (meta.textAt({"uid"}).empty()) meta.set("uid", old.textAt({"metadata", "uid"}));
  if (status) {
    restore(object, old, "spec");
    if (const Json* owners = old.find({"metadata", "ownerReferences"})) object.edit("metadata").set("ownerReferences", *owners);
    return;
  }
  if (type.hasStatus) restore(object, old, "status");
  if (type.hasGeneration && !sameButMetaAndStatus(object, old))
    object.edit("metadata").set("generation", old.integerAt({"metadata", "generation"}) + 1);
}

void Strategies::validate(const ResourceType& type, const Json& object, const Json* old, bool status, FieldErrors& errors) const {
  validateMeta(type, object, errors);
  if (old != nullptr) validateMetaUpdate(object, *old, errors);
  if (&type == &types::slabs) {
    slabs_.validate(object, old, errors);
  } else if (&type == &types::pods) {
    if (status) return;
    podStrategy::validate(object, errors);
    if (old != nullptr) podStrategy::validateUpdate(object, *old, errors);
  } else if (&type == &types::services) {
    serviceStrategy::validate(object, old, errors);
  } else if (&type == &types::events) {
    eventStrategy::validate(object, errors);
  } else if (&type == &types::leases) {
    validateLease(object, errors);
  }
}

}  // namespace spawner::cluster
