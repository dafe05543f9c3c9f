#include "cluster/writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "cluster/meta.hpp"
#include "cluster/patch.hpp"

namespace spawner::cluster {

namespace {

constexpr int generateTries = 8;

std::string keyOf(const ResourceType& type, std::string_view ns, std::string_view name) {
  return type.namespaced ? fmt::format("{}/{}", ns, name) : std::string(name);
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

/// Fields of metadata that only the server writes are taken out of a new object.
void wipeSystemFields(Json& object) {
  Json& meta = object.edit("metadata");
  for (const std::string_view field : {"uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation",
                                       "managedFields", "selfLink", "resourceVersion"})
    meta.remove(field);
}

/// Removes what metadata does not know and nulls; gives the paths of the unknown.
void pruneMeta(Json& object, std::vector<std::string>& unknown) {
  constexpr std::array<std::string_view, 15> known = {"annotations",
                                                      "creationTimestamp",
                                                      "deletionGracePeriodSeconds",
                                                      "deletionTimestamp",
                                                      "finalizers",
                                                      "generateName",
                                                      "generation",
                                                      "labels",
                                                      "managedFields",
                                                      "name",
                                                      "namespace",
                                                      "ownerReferences",
                                                      "resourceVersion",
                                                      "selfLink",
                                                      "uid"};
  const Json* meta = object.find("metadata");
  if (meta == nullptr) return;
  const Json before = *meta;  // editing copies what this still holds
  for (const auto& [name, value] : before.members()) {
    const bool foreign = std::find(known.begin(), known.end(), name) == known.end();
    if (foreign) unknown.push_back("metadata." + name);
    if (foreign || value.isNull() || name == "managedFields" || name == "selfLink") object.edit("metadata").remove(name);
  }
}

void mergeStringData(Json& secret) {
  const Json* plain = secret.find("stringData");
  if (plain == nullptr) return;
  const Json before = *plain;
  for (const auto& [key, value] : before.members()) secret.edit("data").set(key, base64Encode(value.text()));
  secret.remove("stringData");
}

bool hasFinalizers(const Json& object) {
  const Json* finalizers = object.find({"metadata", "finalizers"});
  return finalizers != nullptr && finalizers->size() > 0;
}

}  // namespace

Writer::Writer(Store& store, Strategies strategies, AddressPool addresses, Random& random, WriterLimits limits)
    : store_(store), strategies_(std::move(strategies)), addresses_(std::move(addresses)), random_(random), limits_(limits) {
  hook_ = store_.onCommit([this](const Commit& commit) {
    if (&commit.type == &types::services && !commit.after) addresses_.release(commit.before->json().textAt({"spec", "clusterIP"}));
  });
}

std::optional<Failure> Writer::checkBody(const ResourceType& type, std::string_view ns, Json& body) const {
  if (!body.isObject()) return failures::badRequest(fmt::format("the body is no JSON object but {}", body.dump().substr(0, 40)));
  for (const std::string_view field : {"kind", "apiVersion"}) {
    const std::string wanted = field == "kind" ? std::string(type.kind) : type.apiVersion();
    const std::string_view given = body.textAt({field});
    if (given == wanted) continue;
    // A typed decoder fills these in; the one for custom resources does not.
    if (!given.empty() || type.custom) {
      if (given.empty())
        return failures::badRequest(
            fmt::format("Object '{}' is missing in '{}'", field == "kind" ? "Kind" : "apiVersion", body.dump().substr(0, 200)));
      return failures::badRequest(
          field == "kind" ? fmt::format("{} in version \"{}\" cannot be handled as a {}: the kind in the body does not match the URL",
                                        given, type.version, type.kind)
                          : fmt::format("the API version in the data ({}) does not match the expected API version ({})", given, wanted));
    }
    body.set(field, wanted);
  }
  if (auto failure = checkMetaTypes(body)) return failure;
  if (&type == &types::pods)
    if (const auto why = podStrategy::undecodable(body))
      return failures::badRequest(fmt::format("{0} in version \"{1}\" cannot be handled as a {0}: {2}", type.kind, type.version, *why));
  if (!type.namespaced) {
    body.edit("metadata").remove("namespace");
    return std::nullopt;
  }
  const std::string_view given = body.textAt({"metadata", "namespace"});
  if (!given.empty() && given != ns)
    return failures::badRequest("the namespace of the provided object does not match the namespace sent on the request");
  body.edit("metadata").set("namespace", ns);
  return std::nullopt;
}

std::optional<Failure> Writer::checkNamespace(const ResourceType& type, std::string_view ns, std::string_view name) const {
  if (!type.namespaced) return std::nullopt;
  const ObjectPtr found = store_.find(types::namespaces, ns);
  if (!found) return failures::notFound(types::namespaces, ns);
  if (!found->deleting()) return std::nullopt;
  Failure failure =
      failures::forbidden(type, name, fmt::format("unable to create new content in namespace {} because it is being terminated", ns));
  failure.details.set("causes", Json::array({Json::object({{"reason", "NamespaceTerminating"},
                                                           {"message", fmt::format("namespace {} is being terminated", ns)},
                                                           {"field", "metadata.namespace"}})}));
  return failure;
}

std::vector<std::string> Writer::decode(const ResourceType& type, Json& object, const Json* current,
                                        const std::vector<std::string>& repeated) const {
  std::vector<std::string> unknown;
  pruneMeta(object, unknown);
  if (&type == &types::secrets) mergeStringData(object);
  strategies_.decode(type, object, current, unknown);
  std::vector<std::string> words;
  for (const std::string& path : repeated) words.push_back(fmt::format("duplicate field \"{}\"", path));
  for (const std::string& path : unknown) words.push_back(fmt::format("unknown field \"{}\"", path));
  return words;
}

Outcome<Written> Writer::create(const ResourceType& type, std::string_view ns, Json body, std::vector<std::string> repeated,
                                const WriteOptions& options) {
  if (auto failure = checkBody(type, ns, body)) return *failure;
  if (auto failure = checkNamespace(type, ns, body.textAt({"metadata", "name"}))) return *failure;
  std::vector<std::string> warnings = decode(type, body, nullptr, repeated);
  if (options.validation == FieldValidation::Strict && !warnings.empty())
    return failures::badRequest(fmt::format("{0} in version \"{1}\" cannot be handled as a {0}: strict decoding error: {2}", type.kind,
                                            type.version, joined(warnings)));
  if (options.validation == FieldValidation::Ignore) warnings.clear();
  if (const std::string_view version = body.textAt({"metadata", "resourceVersion"}); !version.empty() && version != "0")
    return Failure{500, "", "resourceVersion should not be set on objects to be created", Json::object(), {}};
  return insert(type, ns, std::move(body), std::move(warnings), options);
}

Outcome<Written> Writer::insert(const ResourceType& type, std::string_view ns, Json object, std::vector<std::string> warnings,
                                const WriteOptions& options) {
  if (store_.full())
    return failures::forbidden(type, object.textAt({"metadata", "name"}),
                               fmt::format("the embedded cluster is full: it holds {} objects", store_.size()));
  wipeSystemFields(object);
  const std::string base(object.textAt({"metadata", "generateName"}));
  const bool generated = object.textAt({"metadata", "name"}).empty() && !base.empty();
  Json& meta = object.edit("metadata");
  meta.set("uid", makeUid(random_));
  meta.set("creationTimestamp", toRfc3339(options.now.wall));
  std::string name;
  for (int tries = 0; tries < generateTries; ++tries) {
    if (generated) object.edit("metadata").set("name", generateName(base, random_));
    name = object.textAt({"metadata", "name"});
    if (!generated || !store_.find(type, keyOf(type, ns, name))) break;
  }
  strategies_.prepareCreate(type, object);
  FieldErrors errors;
  strategies_.validate(type, object, nullptr, false, errors);
  if (!errors.empty()) return failures::invalid(type, name, errors);
  if (store_.find(type, keyOf(type, ns, name))) return failures::alreadyExists(type, name);
  if (&type == &types::services)
    if (auto failure = allocate(object, options)) return *failure;
  Written written{commit(type, std::move(object), options), true, std::move(warnings)};
  if (&type == &types::events && !options.dryRun) {
    eventAges_.push_back({options.now.mono, written.object->key(), std::string(written.object->uid())});
    expireEvents(options.now);
  }
  return written;
}

Outcome<Written> Writer::replace(const ResourceType& type, std::string_view ns, std::string_view name, bool status, Json body,
                                 std::vector<std::string> repeated, const WriteOptions& options) {
  if (auto failure = checkBody(type, ns, body)) return *failure;
  const std::string_view given = body.textAt({"metadata", "name"});
  if (given.empty()) return failures::badRequest("the name of the object must be set: it is empty in the body");
  if (given != name)
    return failures::badRequest(fmt::format("the name of the object ({}) does not match the name on the URL ({})", given, name));
  std::vector<std::string> warnings = decode(type, body, nullptr, repeated);
  if (options.validation == FieldValidation::Strict && !warnings.empty())
    return failures::badRequest(fmt::format("{0} in version \"{1}\" cannot be handled as a {0}: strict decoding error: {2}", type.kind,
                                            type.version, joined(warnings)));
  if (options.validation == FieldValidation::Ignore) warnings.clear();
  const ObjectPtr current = store_.find(type, keyOf(type, ns, name));
  const std::string_view uid = body.textAt({"metadata", "uid"});
  if (!current && (!type.createOnUpdate || status)) return failures::notFound(type, name);
  // The uid of a PUT is a precondition; where a PUT may create, it fails on an object that does not exist, too.
  if (!uid.empty() && (!current || uid != current->uid()))
    return failures::conflict(
        type, name,
        fmt::format("StorageError: invalid object, Code: 4, Key: /registry/{}/{}, ResourceVersion: 0, AdditionalErrorMsg: "
                    "Precondition failed: UID in precondition: {}, UID in object meta: {}",
                    type.plural, keyOf(type, ns, name), uid, current ? current->uid() : ""));
  if (!current) {
    if (auto failure = checkNamespace(type, ns, name)) return *failure;
    return insert(type, ns, std::move(body), std::move(warnings), options);
  }
  return update(current, status, std::move(body), false, std::move(warnings), options);
}

Outcome<Written> Writer::patch(const ResourceType& type, std::string_view ns, std::string_view name, bool status, PatchKind kind,
                               const Json& body, const WriteOptions& options) {
  const ObjectPtr current = store_.find(type, keyOf(type, ns, name));
  if (!current) return failures::notFound(type, name);
  Json changed = current->json();
  std::optional<Failure> failure;
  if (kind == PatchKind::Merge) {
    if (!body.isObject()) return failures::badRequest("a merge patch must be an object");
    mergePatch(changed, body);
  } else {
    failure = kind == PatchKind::Json ? jsonPatch(changed, body) : strategicMergePatch(changed, body);
  }
  if (failure) return *failure;
  if (!changed.isObject()) return failures::badRequest("the patched object is no object");
  if (auto wrong = checkBody(type, ns, changed)) return *wrong;
  if (changed.textAt({"metadata", "name"}) != name)
    return failures::badRequest(
        fmt::format("the name of the object ({}) does not match the name on the URL ({})", changed.textAt({"metadata", "name"}), name));
  std::vector<std::string> warnings = decode(type, changed, &current->json(), {});
  if (options.validation == FieldValidation::Strict && !warnings.empty())
    return failures::invalidKind(
        "", "", "", {{FieldError::Kind::Invalid, "patch", Json(changed.dump()).dump(), "strict decoding error: " + joined(warnings)}});
  if (options.validation == FieldValidation::Ignore) warnings.clear();
  return update(current, status, std::move(changed), true, std::move(warnings), options);
}

Outcome<Written> Writer::update(const ObjectPtr& current, bool status, Json changed, bool isPatch, std::vector<std::string> warnings,
                                const WriteOptions& options) {
  const ResourceType& type = current->type();
  const std::string_view version = changed.textAt({"metadata", "resourceVersion"});
  const bool unset = version.empty() || version == "0";
  if (unset && !type.unconditionalUpdate && !isPatch)
    return failures::invalidKind(type.group, type.plural, current->name(),
                                 {{FieldError::Kind::Invalid, "metadata.resourceVersion", "0", "must be specified for an update"}});
  if (!unset && version != current->json().textAt({"metadata", "resourceVersion"})) return failures::modified(type, current->name());
  strategies_.prepareUpdate(type, changed, current->json(), status);
  FieldErrors errors;
  strategies_.validate(type, changed, &current->json(), status, errors);
  if (!errors.empty()) return failures::invalid(type, current->name(), errors);
  changed.edit("metadata").set("resourceVersion", current->json().textAt({"metadata", "resourceVersion"}));
  const std::int64_t grace = current->json().integerAt({"metadata", "deletionGracePeriodSeconds"});
  if (current->deleting() && !hasFinalizers(changed) && grace == 0 && &type != &types::namespaces) {  // the last finalizer is gone
    if (!options.dryRun) store_.erase(type, current->key());
    return Written{std::make_shared<Object>(type, std::move(changed), current->revision()), false, std::move(warnings)};
  }
  if (changed == current->json()) return Written{current, false, std::move(warnings)};  // nothing changes: no write, no event
  return Written{commit(type, std::move(changed), options), false, std::move(warnings)};
}

ObjectPtr Writer::commit(const ResourceType& type, Json object, const WriteOptions& options) {
  if (options.dryRun) return std::make_shared<Object>(type, std::move(object), store_.revision());
  return store_.put(type, std::move(object));
}

}  // namespace spawner::cluster
