#include "cluster/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <regex>

#include "cluster/cel_rules.hpp"

namespace spawner::cluster {

struct Schema::Node {
  struct Rule {
    KnownCelRule rule;
    std::string message;
    std::string fieldPath;  // "" or ".spec.x"
    FieldError::Kind kind = FieldError::Kind::Invalid;
  };
  std::string type;  // "object", "array", "string", "integer", "number", "boolean"; empty: any
  bool nullable = false;
  bool preserve = false;  // x-kubernetes-preserve-unknown-fields
  bool intOrString = false;
  std::vector<std::pair<std::string, std::shared_ptr<Node>>> properties;  // sorted by name
  std::shared_ptr<Node> items, additional;
  std::vector<std::string> required;
  std::optional<Json> fallback;  // default
  std::optional<double> minimum, maximum;
  std::optional<std::int64_t> minLength, maxLength, minItems, maxItems, maxProperties;
  std::string pattern;
  std::optional<std::regex> regex;
  std::vector<Json> choices;         // enum
  std::vector<std::string> mapKeys;  // of a list map
  std::vector<Rule> rules;

  [[nodiscard]] const Node* property(std::string_view name) const {
    const auto it =
        std::lower_bound(properties.begin(), properties.end(), name, [](const auto& one, std::string_view key) { return one.first < key; });
    return it != properties.end() && it->first == name ? it->second.get() : nullptr;
  }
};

namespace {

/// Keywords that change nothing here: documentation, and what only server-side apply reads.
constexpr std::array<std::string_view, 7> ignored = {
    "description", "title", "example", "externalDocs", "x-kubernetes-map-type", "x-kubernetes-list-type", "format"};

std::string join(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

std::string_view typeName(const Json& value) {
  switch (value.type()) {
    case Json::Type::Null: return "null";
    case Json::Type::Bool: return "boolean";
    case Json::Type::Integer: return "integer";
    case Json::Type::Number: return "number";
    case Json::Type::String: return "string";
    case Json::Type::Array: return "array";
    case Json::Type::Object: return "object";
  }
  return "null";
}

bool hasType(const Json& value, const std::string& type) {
  if (type.empty() || typeName(value) == type) return true;
  if (type == "number") return value.isInteger();
  return type == "integer" && value.type() == Json::Type::Number && value.number() == std::floor(value.number());
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

FieldError::Kind kindOfReason(std::string_view reason) {
  if (reason == "FieldValueForbidden") return FieldError::Kind::Forbidden;
  if (reason == "FieldValueRequired") return FieldError::Kind::Required;
  if (reason == "FieldValueDuplicate") return FieldError::Kind::Duplicate;
  return FieldError::Kind::Invalid;
}

/// How a CEL rule's error prints its value: by its type.
std::string printed(const Json& value) { return fmt::format("\"{}\"", typeName(value)); }

Error unsupported(const std::string& path, std::string_view what) {
  return Error{ErrorKind::Unsupported, fmt::format("schema at {}: {} is not implemented", path.empty() ? "the root" : path, what), {}};
}

}  // namespace

Result<Schema> Schema::compile(const Json& openApi) {
  Result<std::shared_ptr<Node>> root = compileNode(openApi, "");
  if (!root) return root.error();
  return Schema(std::move(*root));
}

/// A keyword with a plain value; false for any other.
bool Schema::readPlain(Node& node, std::string_view word, const Json& value) {
  if (word == "type")
    node.type = value.text();
  else if (word == "nullable")
    node.nullable = value.truth();
  else if (word == "x-kubernetes-preserve-unknown-fields")
    node.preserve = value.truth();
  else if (word == "x-kubernetes-int-or-string")
    node.intOrString = value.truth();
  else if (word == "default")
    node.fallback = value;
  else if (word == "minimum")
    node.minimum = value.number();
  else if (word == "maximum")
    node.maximum = value.number();
  else if (word == "minLength")
    node.minLength = value.integer();
  else if (word == "maxLength")
    node.maxLength = value.integer();
  else if (word == "minItems")
    node.minItems = value.integer();
  else if (word == "maxItems")
    node.maxItems = value.integer();
  else if (word == "maxProperties")
    node.maxProperties = value.integer();
  else if (word == "enum")
    node.choices = value.items();
  else if (word == "x-kubernetes-list-map-keys")
    for (const Json& key : value.items()) node.mapKeys.emplace_back(key.text());
  else if (word == "required")
    for (const Json& name : value.items()) node.required.emplace_back(name.text());
  else
    return std::find(ignored.begin(), ignored.end(), word) != ignored.end();
  return true;
}

Result<std::shared_ptr<Schema::Node>> Schema::compileNode(const Json& openApi, const std::string& path) {
  auto node = std::make_shared<Node>();
  for (const auto& [word, value] : openApi.members()) {
    if (readPlain(*node, word, value)) continue;
    if (word == "pattern") {
      node->pattern = value.text();
      try {
        node->regex.emplace(node->pattern, std::regex::ECMAScript | std::regex::optimize);
      } catch (const std::regex_error& error) { return unsupported(path, fmt::format("pattern {} ({})", node->pattern, error.what())); }
    } else if (word == "properties") {
      for (const auto& [name, schema] : value.members()) {
        Result<std::shared_ptr<Node>> made = compileNode(schema, join(path, name));
        if (!made) return made;
        node->properties.emplace_back(name, std::move(*made));
      }
    } else if (word == "items" || word == "additionalProperties") {
      Result<std::shared_ptr<Node>> made = compileNode(value, path + (word == "items" ? "[]" : "[*]"));
      if (!made) return made;
      (word == "items" ? node->items : node->additional) = std::move(*made);
    } else if (word == "x-kubernetes-validations") {
      for (const Json& rule : value.items()) {
        const KnownCelRule known = findCelRule(rule.textAt({"rule"}));
        if (known.holds == nullptr) return unsupported(path, fmt::format("CEL rule \"{}\"", rule.textAt({"rule"})));
        node->rules.push_back({known, std::string(rule.textAt({"message"}, rule.textAt({"rule"}))), std::string(rule.textAt({"fieldPath"})),
                               kindOfReason(rule.textAt({"reason"}))});
      }
    } else {
      return unsupported(path, word);
    }
  }
  return node;
}

void Schema::applyDefaults(Json& value) const {
  if (!complete(*root_, value)) defaults(*root_, value);
}

namespace {

bool lacks(const Json* present, bool nullable) { return present == nullptr || (present->isNull() && !nullable); }

}  // namespace

/// No default is to be set. Asked first: editing would copy all that versions of an object share.
bool Schema::complete(const Node& node, const Json& value) {
  if (value.isObject()) {
    for (const auto& [name, property] : node.properties) {
      const Json* present = value.find(name);
      if (property->fallback && lacks(present, property->nullable)) return false;
      if (present != nullptr && !complete(*property, *present)) return false;
    }
    if (node.additional)
      for (const auto& [name, member] : value.members())
        if (!complete(*node.additional, member)) return false;
  } else if (node.items) {
    for (const Json& item : value.items())
      if (!complete(*node.items, item)) return false;
  }
  return true;
}

void Schema::defaults(const Node& node, Json& value) {
  if (value.isObject()) {
    for (const auto& [name, property] : node.properties) {
      if (property->fallback && lacks(value.find(name), property->nullable)) value.set(name, *property->fallback);
      if (const Json* present = value.find(name); present != nullptr && !complete(*property, *present))
        defaults(*property, value.edit(name));
    }
    if (node.additional) {
      const Json before = value;  // editing copies what this still holds
      for (const auto& [name, member] : before.members())
        if (!complete(*node.additional, member)) defaults(*node.additional, value.edit(name));
    }
  } else if (value.isArray() && node.items) {
    for (Json& item : value.editItems()) defaults(*node.items, item);
  }
}

void Schema::prune(Json& value, std::vector<std::string>& unknown) const {
  if (!known(*root_, value, true)) prune(*root_, value, "", true, unknown);
}

namespace {

bool isTypeMeta(bool root, std::string_view name) { return root && (name == "apiVersion" || name == "kind" || name == "metadata"); }

/// A null where none may be says that the field is not set: it is left out, or becomes the default.
template <class Node>
bool meansUnset(const Node& node, const Json& value) {
  return value.isNull() && !node.nullable && !node.fallback && !node.type.empty();
}

}  // namespace

bool Schema::known(const Node& node, const Json& value, bool root) {
  if (value.isObject()) {
    for (const auto& [name, member] : value.members()) {
      if (isTypeMeta(root, name)) continue;
      const Node* property = node.property(name);
      if (property == nullptr) property = node.additional.get();
      if (property == nullptr ? !node.preserve : meansUnset(*property, member) || !known(*property, member, false)) return false;
    }
  } else if (node.items) {
    for (const Json& item : value.items())
      if (!known(*node.items, item, false)) return false;
  }
  return true;
}

void Schema::prune(const Node& node, Json& value, const std::string& path, bool root, std::vector<std::string>& unknown) {
  if (value.isObject()) {
    const Json before = value;  // editing copies what this still holds
    for (const auto& [name, member] : before.members()) {
      if (isTypeMeta(root, name)) continue;
      const Node* property = node.property(name);
      if (property == nullptr) property = node.additional.get();
      if (property != nullptr) {
        if (meansUnset(*property, member))
          value.remove(name);
        else if (!known(*property, member, false))
          prune(*property, value.edit(name), join(path, name), false, unknown);
      } else if (!node.preserve) {
        value.remove(name);
        unknown.push_back(join(path, name));
      }
    }
  } else if (value.isArray() && node.items) {
    std::size_t index = 0;
    for (Json& item : value.editItems()) prune(*node.items, item, fmt::format("{}[{}]", path, index++), false, unknown);
  }
}

void Schema::validate(const Json& value, const Json* old, FieldErrors& errors) const { validate(*root_, value, old, "", errors); }

void Schema::validate(const Node& node, const Json& value, const Json* old, const std::string& path, FieldErrors& errors) {
  if (value.isNull() && node.nullable) return;
  const bool typed = node.intOrString ? value.isInteger() || value.isString() : hasType(value, node.type);
  if (!typed) {
    const std::string given(typeName(value));
    errors.push_back(
        {FieldError::Kind::TypeInvalid, path, fmt::format("\"{}\"", given),
         fmt::format("{} in body must be of type {}: \"{}\"", path, node.intOrString ? "integer or string" : node.type, given)});
    return;
  }
  const std::size_t before = errors.size();
  if (value.isObject())
    validateObject(node, value, old, path, errors);
  else if (value.isArray())
    validateArray(node, value, path, errors);
  else
    validateScalar(node, value, path, errors);
  if (errors.size() > before) return;  // rules are not evaluated on what is not well-formed
  for (const Node::Rule& rule : node.rules) {
    if (rule.rule.transition && old == nullptr) continue;
    if (rule.rule.holds(value, old)) continue;
    std::string field = path + rule.fieldPath;
    if (field.starts_with('.')) field.erase(0, 1);
    const bool bare = rule.kind == FieldError::Kind::Forbidden || rule.kind == FieldError::Kind::Required;
    errors.push_back({rule.kind, field.empty() ? "<nil>" : field, bare ? std::string() : printed(value), rule.message});
  }
}

void Schema::validateObject(const Node& node, const Json& value, const Json* old, const std::string& path, FieldErrors& errors) {
  for (const std::string& name : node.required)
    if (value.find(name) == nullptr) errors.push_back(FieldError::required(join(path, name)));
  if (node.maxProperties && static_cast<std::int64_t>(value.size()) > *node.maxProperties)
    errors.push_back(
        {FieldError::Kind::TooMany, path, std::to_string(value.size()), fmt::format("must have at most {} items", *node.maxProperties)});
  for (const auto& [name, member] : value.members()) {
    const Node* property = node.property(name);
    if (property == nullptr) property = node.additional.get();
    if (property != nullptr) validate(*property, member, old != nullptr ? old->find(name) : nullptr, join(path, name), errors);
  }
}

void Schema::validateArray(const Node& node, const Json& value, const std::string& path, FieldErrors& errors) {
  const Json::Array& items = value.items();
  const auto size = static_cast<std::int64_t>(items.size());
  if (node.minItems && size < *node.minItems)
    errors.push_back({FieldError::Kind::Invalid, path, std::to_string(size),
                      fmt::format("{} in body should have at least {} items", path, *node.minItems)});
  if (node.maxItems && size > *node.maxItems)
    errors.push_back({FieldError::Kind::TooMany, path, std::to_string(size), fmt::format("must have at most {} items", *node.maxItems)});
  const auto sameKeys = [&node](const Json& a, const Json& b) {
    return std::all_of(node.mapKeys.begin(), node.mapKeys.end(), [&](const std::string& key) {
      const Json *left = a.find(key), *right = b.find(key);
      return left != nullptr && right != nullptr && *left == *right;
    });
  };
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string itemPath = fmt::format("{}[{}]", path, i);
    if (node.items) validate(*node.items, items[i], nullptr, itemPath, errors);
    const auto end = items.begin() + static_cast<std::ptrdiff_t>(i);
    if (!node.mapKeys.empty() && std::any_of(items.begin(), end, [&](const Json& other) { return sameKeys(other, items[i]); }))
      errors.push_back({FieldError::Kind::Duplicate, itemPath, items[i].dump(), {}});
  }
}

void Schema::validateScalar(const Node& node, const Json& value, const std::string& path, FieldErrors& errors) {
  const auto invalid = [&](std::string detail) { errors.push_back(FieldError::invalid(path, value, std::move(detail))); };
  if (node.minimum && value.number() < *node.minimum)
    invalid(fmt::format("{} in body should be greater than or equal to {}", path, *node.minimum));
  if (node.maximum && value.number() > *node.maximum)
    invalid(fmt::format("{} in body should be less than or equal to {}", path, static_cast<std::int64_t>(*node.maximum)));
  if (value.isString()) {
    const auto length = static_cast<std::int64_t>(characters(value.text()));
    if (node.minLength && length < *node.minLength)
      invalid(fmt::format("{} in body should be at least {} chars long", path, *node.minLength));
    if (node.maxLength && length > *node.maxLength)
      errors.push_back({FieldError::Kind::TooLong, path, {}, fmt::format("may not be more than {} bytes", *node.maxLength)});
    const std::string text(value.text());
    if (node.regex && !std::regex_search(text, *node.regex)) invalid(fmt::format("{} in body should match '{}'", path, node.pattern));
  }
  if (!node.choices.empty() && std::find(node.choices.begin(), node.choices.end(), value) == node.choices.end()) {
    std::vector<std::string> supported;
    for (const Json& choice : node.choices) supported.push_back(choice.isString() ? std::string(choice.text()) : choice.dump());
    errors.push_back(FieldError::notSupported(path, value, supported));
  }
}

}  // namespace spawner::cluster
