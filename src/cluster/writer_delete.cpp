// Writer's second half: deletion, cluster IPs, the age of Events.

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "cluster/writer.hpp"

namespace spawner::cluster {

namespace {

constexpr std::string_view orphanFinalizer = "orphan";
constexpr std::string_view foregroundFinalizer = "foregroundDeletion";

std::optional<Failure> checkPreconditions(const Object& object, const DeleteOptions& deletion) {
  if (!deletion.uid.empty() && deletion.uid != object.uid())
    return failures::conflict(
        object.type(), object.name(),
        fmt::format(
            "the UID in the precondition ({}) does not match the UID in record ({}). The object might have been deleted and then recreated",
            deletion.uid, object.uid()));
  const std::string_view version = object.json().textAt({"metadata", "resourceVersion"});
  if (!deletion.resourceVersion.empty() && deletion.resourceVersion != version)
    return failures::conflict(object.type(), object.name(),
                              fmt::format("the ResourceVersion in the precondition ({}) does not match the ResourceVersion in record ({}). "
                                          "The object might have been modified",
                                          deletion.resourceVersion, version));
  return std::nullopt;
}

}  // namespace

Outcome<Removed> Writer::remove(const ResourceType& type, std::string_view ns, std::string_view name, const DeleteOptions& deletion,
                                const WriteOptions& options) {
  const std::string key = type.namespaced ? fmt::format("{}/{}", ns, name) : std::string(name);
  const ObjectPtr object = store_.find(type, key);
  if (!object) return failures::notFound(type, name);
  if (auto failure = checkPreconditions(*object, deletion)) return *failure;
  if (&type == &types::namespaces) {
    if (name == "default" || name == "kube-system" || name == "kube-public")
      return failures::forbidden(type, name, "this namespace may not be deleted");
    return object->deleting() ? Removed{object, false} : markDeleted(object, options, {});
  }
  const std::string_view finalizer = deletion.propagation == "Orphan"       ? orphanFinalizer
                                     : deletion.propagation == "Foreground" ? foregroundFinalizer
                                                                            : std::string_view();
  if (&type == &types::pods) {
    if (object->deleting() && !deletion.gracePeriodSeconds) return Removed{object, false};
    const std::int64_t grace =
        object->deleting() ? *deletion.gracePeriodSeconds : podStrategy::gracePeriod(object->json(), deletion.gracePeriodSeconds);
    if (grace > 0) return removeGracefully(object, grace, options);
  }
  const Json* finalizers = object->json().find({"metadata", "finalizers"});
  if (!finalizer.empty() || (finalizers != nullptr && finalizers->size() > 0)) {
    if (object->deleting()) return Removed{object, false};
    return markDeleted(object, options, finalizer);
  }
  if (!options.dryRun) store_.erase(type, key);
  return Removed{object, true};
}

/// Marks a pod; the agent of its node ends it and deletes it with a grace period of 0. A later request can only shorten the time.
Removed Writer::removeGracefully(const ObjectPtr& pod, std::int64_t grace, const WriteOptions& options) {
  Json json = pod->json();
  Json& meta = json.edit("metadata");
  WallTime start = options.now.wall;
  if (pod->deleting()) {
    const std::int64_t before = meta.integerAt({"deletionGracePeriodSeconds"});
    if (grace >= before) return {pod, false};
    start = parseRfc3339(meta.textAt({"deletionTimestamp"})).value_or(start) - std::chrono::seconds(before);
  } else {
    meta.set("generation", meta.integerAt({"generation"}) + 1);
  }
  meta.set("deletionTimestamp", toRfc3339(start + std::chrono::seconds(grace)));
  meta.set("deletionGracePeriodSeconds", grace);
  return {commit(pod->type(), std::move(json), options), false};
}

Removed Writer::markDeleted(const ObjectPtr& object, const WriteOptions& options, std::string_view finalizer) {
  Json json = object->json();
  Json& meta = json.edit("metadata");
  meta.set("deletionTimestamp", toRfc3339(options.now.wall));
  if (&object->type() == &types::namespaces)
    json.edit("status").set("phase", "Terminating");
  else
    meta.set("deletionGracePeriodSeconds", 0);
  if (const std::int64_t generation = json.integerAt({"metadata", "generation"}); generation > 0)
    json.edit("metadata").set("generation", generation + 1);
  if (!finalizer.empty()) json.edit("metadata").edit("finalizers").editItems().emplace_back(finalizer);
  return {commit(object->type(), std::move(json), options), false};
}

std::optional<Failure> Writer::allocate(Json& service, const WriteOptions& options) {
  const std::string wanted(service.textAt({"spec", "clusterIP"}));
  if (wanted == "None" || service.textAt({"spec", "type"}) == "ExternalName" || options.dryRun) {
    if (wanted == "None") service.edit("spec").set("clusterIPs", Json::array({"None"}));
    return std::nullopt;
  }
  std::string address = wanted;
  if (wanted.empty()) {
    const std::optional<std::string> free = addresses_.take();
    if (!free) return failures::internal("failed to allocate a serviceIP: range is full");
    address = *free;
  } else if (!addresses_.take(wanted)) {
    return failures::invalid(
        types::services, service.textAt({"metadata", "name"}),
        {FieldError::invalid(
            "spec.clusterIPs", Json::array({wanted}),
            fmt::format("failed to allocate IP {}: it is outside of the range of this cluster or already allocated", wanted))});
  }
  Json& spec = service.edit("spec");
  spec.set("clusterIP", address);
  spec.set("clusterIPs", Json::array({address}));
  spec.set("ipFamilies", Json::array({"IPv4"}));
  spec.set("ipFamilyPolicy", "SingleStack");
  return std::nullopt;
}

void Writer::expireEvents(Now now) {
  while (!eventAges_.empty() && (eventAges_.size() > limits_.maxEvents || now.mono - eventAges_.front().made >= limits_.eventTtl)) {
    const EventAge age = std::move(eventAges_.front());
    eventAges_.pop_front();
    const ObjectPtr event = store_.find(types::events, age.key);
    if (event && event->uid() == age.uid) store_.erase(types::events, age.key);
  }
}

}  // namespace spawner::cluster
