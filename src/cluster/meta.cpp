#include "cluster/meta.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace spawner::cluster {

namespace {

constexpr std::size_t maxGeneratedBase = 58;
constexpr std::size_t maxAnnotationBytes = 256 * 1024;
constexpr std::string_view labelRule =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric "
    "character "
    "(e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
constexpr std::string_view subdomainRule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
    "alphanumeric "
    "character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
constexpr std::string_view labelValueRule =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric "
    "character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
constexpr std::string_view labelKeyRule =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. "
    "'MyName',  or "
    "'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

bool alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }
bool lowerAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool isLabelText(std::string_view text) {
  return !text.empty() && text.size() <= 63 && alnum(text.front()) && alnum(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return alnum(c) || c == '-' || c == '_' || c == '.'; });
}

bool isQualifiedName(std::string_view key) {
  const std::size_t slash = key.find('/');
  if (slash == std::string_view::npos) return isLabelText(key);
  return isDns1123Subdomain(key.substr(0, slash)) && isLabelText(key.substr(slash + 1));
}

void validateName(const ResourceType& type, const Json& name, FieldErrors& errors) {
  const std::string_view text = name.text();
  const auto invalid = [&](std::string_view rule) { errors.push_back(FieldError::invalid("metadata.name", name, std::string(rule))); };
  const bool label = &type == &types::namespaces || &type == &types::services;
  const std::size_t longest = label ? 63 : 253;
  if (text.size() > longest) return invalid(fmt::format("must be no more than {} characters", longest));
  if (label && !isDns1123Label(text)) return invalid(labelRule);
  if (!label && !isDns1123Subdomain(text)) return invalid(subdomainRule);
}

void validateLabels(const Json& labels, FieldErrors& errors) {
  for (const auto& [key, value] : labels.members()) {
    if (!isQualifiedName(key)) errors.push_back(FieldError::invalid("metadata.labels", Json(key), std::string(labelKeyRule)));
    if (value.text().size() > 63)
      errors.push_back(FieldError::invalid("metadata.labels", value, "must be no more than 63 bytes"));
    else if (!value.text().empty() && !isLabelText(value.text()))
      errors.push_back(FieldError::invalid("metadata.labels", value, std::string(labelValueRule)));
  }
}

void validateAnnotations(const Json& annotations, FieldErrors& errors) {
  std::size_t total = 0;
  for (const auto& [key, value] : annotations.members()) {
    if (!isQualifiedName(toLower(key))) errors.push_back(FieldError::invalid("metadata.annotations", Json(key), std::string(labelKeyRule)));
    total += key.size() + value.text().size();
  }
  if (total > maxAnnotationBytes)
    errors.push_back(
        {FieldError::Kind::TooLong, "metadata.annotations", {}, fmt::format("may not be more than {} bytes", maxAnnotationBytes)});
}

void validateOwners(const Json& owners, FieldErrors& errors) {
  std::size_t index = 0;
  int controllers = 0;
  for (const Json& owner : owners.items()) {
    const std::string path = fmt::format("metadata.ownerReferences[{}]", index++);
    for (const std::string_view field : {"apiVersion", "kind", "name", "uid"})
      if (owner.textAt({field}).empty())
        errors.push_back(
            FieldError::invalid(fmt::format("{}.{}", path, field), Json(""),
                                field == "apiVersion" ? "version must not be empty" : fmt::format("{} must not be empty", field)));
    if (owner.truthAt({"controller"})) ++controllers;
  }
  if (controllers > 1)
    errors.push_back(FieldError::invalid("metadata.ownerReferences", owners, "Only one reference can have Controller set to true."));
}

}  // namespace

std::string makeUid(Random& random) {
  std::array<std::uint8_t, 16> bytes{};
  random.fill(bytes);
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3F) | 0x80);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    (out += digits[bytes[i] >> 4]) += digits[bytes[i] & 15];
  }
  return out;
}

std::string generateName(std::string_view base, Random& random) {
  constexpr std::string_view alphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string name(base.substr(0, maxGeneratedBase));
  for (int i = 0; i < 5; ++i) name += alphabet[random.below(alphabet.size())];
  return name;
}

bool isDns1123Label(std::string_view name) {
  return !name.empty() && name.size() <= 63 && lowerAlnum(name.front()) && lowerAlnum(name.back()) &&
         std::all_of(name.begin(), name.end(), [](char c) { return lowerAlnum(c) || c == '-'; });
}

bool isDns1123Subdomain(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  for (const std::string_view part : split(name, '.'))
    if (part.empty() || !lowerAlnum(part.front()) || !lowerAlnum(part.back()) ||
        !std::all_of(part.begin(), part.end(), [](char c) { return lowerAlnum(c) || c == '-'; }))
      return false;
  return true;
}

std::optional<Failure> checkMetaTypes(const Json& object) {
  const Json* meta = object.find("metadata");
  if (meta == nullptr || meta->isNull()) return std::nullopt;
  const auto wrong = [](const Json& value, std::string_view field, std::string_view wanted) {
    return failures::badRequest(
        fmt::format("json: cannot unmarshal {} into Go struct field ObjectMeta.{} of type {}", value.dump(), field, wanted));
  };
  if (!meta->isObject()) return wrong(*meta, "metadata", "v1.ObjectMeta");
  for (const std::string_view field :
       {"name", "generateName", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp"})
    if (const Json* value = meta->find(field); value != nullptr && !value->isString() && !value->isNull())
      return wrong(*value, fmt::format("metadata.{}", field), "string");
  for (const std::string_view field : {"labels", "annotations"}) {
    const Json* map = meta->find(field);
    if (map == nullptr || map->isNull()) continue;
    if (!map->isObject()) return wrong(*map, fmt::format("metadata.{}", field), "map[string]string");
    for (const auto& [key, value] : map->members())
      if (!value.isString()) return wrong(value, fmt::format("metadata.{}", field), "string");
  }
  for (const std::string_view field : {"ownerReferences", "finalizers"})
    if (const Json* list = meta->find(field); list != nullptr && !list->isArray() && !list->isNull())
      return wrong(*list, fmt::format("metadata.{}", field), "array");
  return std::nullopt;
}

void validateMeta(const ResourceType& type, const Json& object, FieldErrors& errors) {
  const Json* meta = object.find("metadata");
  const Json* name = meta != nullptr ? meta->find("name") : nullptr;
  if (name == nullptr || name->text().empty())
    errors.push_back(FieldError::required("metadata.name", "name or generateName is required"));
  else
    validateName(type, *name, errors);
  if (meta == nullptr) return;
  if (const Json* labels = meta->find("labels")) validateLabels(*labels, errors);
  if (const Json* annotations = meta->find("annotations")) validateAnnotations(*annotations, errors);
  if (const Json* owners = meta->find("ownerReferences")) validateOwners(*owners, errors);
}

void validateMetaUpdate(const Json& object, const Json& old, FieldErrors& errors) {
  for (const std::string_view field : {"name", "namespace", "uid", "creationTimestamp"}) {
    const std::string_view now = object.textAt({"metadata", field});
    if (now != old.textAt({"metadata", field}))
      errors.push_back(FieldError::invalid(fmt::format("metadata.{}", field), Json(now), "field is immutable"));
  }
}

}  // namespace spawner::cluster
