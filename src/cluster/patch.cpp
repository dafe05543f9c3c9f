#include "cluster/patch.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace spawner::cluster {

namespace {

constexpr std::size_t maxOperations = 10'000;

/// A real server says only the first part; the reason is the same.
Failure unprocessable(const std::string& message) {
  return {422, "Invalid", "the server rejected our request due to an error in our request: " + message, Json::object(), {}};
}

/// The reference tokens of a JSON pointer (RFC 6901); nullopt when it is none.
std::optional<std::vector<std::string>> pointerOf(std::string_view text) {
  std::vector<std::string> tokens;
  if (text.empty()) return tokens;
  if (text.front() != '/') return std::nullopt;
  for (const std::string_view part : split(text.substr(1), '/')) {
    std::string token;
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (part[i] != '~') {
        token += part[i];
        continue;
      }
      if (i + 1 == part.size() || (part[i + 1] != '0' && part[i + 1] != '1')) return std::nullopt;
      token += part[++i] == '0' ? '~' : '/';
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

/// An array index; `end` ("-") only where something is added.
std::optional<std::size_t> indexOf(const std::string& token, std::size_t size, bool adding) {
  if (token == "-") return adding ? std::optional(size) : std::nullopt;
  if (token.size() > 1 && token.front() == '0') return std::nullopt;
  const auto index = parseUnsigned(token);
  if (!index || *index > size || (!adding && *index == size)) return std::nullopt;
  return *index;
}

const Json* at(const Json& root, const std::vector<std::string>& path) {
  const Json* here = &root;
  for (const std::string& token : path) {
    if (here->isArray()) {
      const auto index = indexOf(token, here->items().size(), false);
      if (!index) return nullptr;
      here = &here->items()[*index];
    } else {
      here = here->find(token);
      if (here == nullptr) return nullptr;
    }
  }
  return here;
}

/// The container of the path's last token, for editing. REQUIRES: at(root, the path without its last token) is there.
Json& parentForEdit(Json& root, const std::vector<std::string>& path) {
  Json* here = &root;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    if (here->isArray())
      here = &here->editItems()[*indexOf(path[i], here->items().size(), false)];
    else
      here = &here->edit(path[i]);
  }
  return *here;
}

bool parentExists(const Json& root, const std::vector<std::string>& path) {
  const Json* parent = at(root, {path.begin(), path.end() - 1});
  return parent != nullptr && (parent->isArray() || parent->isObject());
}

bool add(Json& root, const std::vector<std::string>& path, Json value) {
  if (path.empty()) {
    root = std::move(value);
    return true;
  }
  if (!parentExists(root, path)) return false;
  Json& parent = parentForEdit(root, path);
  if (!parent.isArray()) {
    parent.set(path.back(), std::move(value));
    return true;
  }
  const auto index = indexOf(path.back(), parent.items().size(), true);
  if (!index) return false;
  Json::Array& items = parent.editItems();
  items.insert(items.begin() + static_cast<std::ptrdiff_t>(*index), std::move(value));
  return true;
}

bool removeAt(Json& root, const std::vector<std::string>& path) {
  if (path.empty() || at(root, path) == nullptr) return false;
  Json& parent = parentForEdit(root, path);
  if (!parent.isArray()) return parent.remove(path.back());
  Json::Array& items = parent.editItems();
  items.erase(items.begin() + static_cast<std::ptrdiff_t>(*indexOf(path.back(), items.size(), false)));
  return true;
}

std::optional<Failure> apply(Json& root, const Json& operation) {
  const std::string_view op = operation.textAt({"op"});
  const std::string_view pathText = operation.textAt({"path"});
  const auto path = pointerOf(pathText);
  if (operation.find("path") == nullptr || !path)
    return unprocessable(fmt::format("{} operation does not apply: bad path \"{}\"", op, pathText));
  const Json* value = operation.find("value");
  const auto missing = [&](std::string_view what) {
    return unprocessable(fmt::format("{} operation does not apply: doc is missing path: \"{}\": missing value", op, what));
  };
  if (op == "test") {
    const Json* found = at(root, *path);
    const Json wanted = value != nullptr ? *value : Json();
    if (found == nullptr ? !wanted.isNull() : !(*found == wanted)) return unprocessable(fmt::format("testing value {} failed", pathText));
    return std::nullopt;
  }
  if (op == "remove") return removeAt(root, *path) ? std::nullopt : std::optional(missing(pathText));
  if (op == "move" || op == "copy") {
    const std::string_view fromText = operation.textAt({"from"});
    const auto from = operation.find("from") != nullptr ? pointerOf(fromText) : std::nullopt;
    const Json* found = from ? at(root, *from) : nullptr;
    if (found == nullptr) return missing(fromText);
    if (op == "move" && path->size() > from->size() && std::equal(from->begin(), from->end(), path->begin()))
      return unprocessable(fmt::format("move operation does not apply: \"{}\" is inside \"{}\"", pathText, fromText));
    Json moved = *found;
    if (op == "move" && !removeAt(root, *from)) return missing(fromText);
    return add(root, *path, std::move(moved)) ? std::nullopt : std::optional(missing(pathText));
  }
  if (op != "add" && op != "replace") return unprocessable(fmt::format("Unexpected kind: {}", op));
  if (value == nullptr) return unprocessable(fmt::format("{} operation does not apply: it has no value", op));
  if (op == "replace") {
    if (at(root, *path) == nullptr) return missing(pathText);
    if (!path->empty()) {
      Json& parent = parentForEdit(root, *path);
      if (parent.isArray())
        parent.editItems()[*indexOf(path->back(), parent.items().size(), false)] = *value;
      else
        parent.set(path->back(), *value);
      return std::nullopt;
    }
  }
  return add(root, *path, *value) ? std::nullopt : std::optional(missing(pathText));
}

/// The key that items of a list of this name are merged by; empty: the list is replaced whole.
std::string_view mergeKey(std::string_view list, const Json& items) {
  struct Known {
    std::string_view list, key;
  };
  static constexpr Known table[] = {{"containers", "name"},
                                    {"initContainers", "name"},
                                    {"ephemeralContainers", "name"},
                                    {"env", "name"},
                                    {"volumes", "name"},
                                    {"imagePullSecrets", "name"},
                                    {"secrets", "name"},
                                    {"volumeMounts", "mountPath"},
                                    {"volumeDevices", "devicePath"},
                                    {"conditions", "type"},
                                    {"ownerReferences", "uid"},
                                    {"hostAliases", "ip"},
                                    {"addresses", "type"},
                                    {"taints", "key"},
                                    {"podIPs", "ip"},
                                    {"topologySpreadConstraints", "topologyKey"},
                                    {"schedulingGates", "name"},
                                    {"resourceClaims", "name"}};
  for (const Known& known : table)
    if (known.list == list) return known.key;
  if (list != "ports") return {};
  // A container's ports merge by containerPort, a Service's by port.
  const bool container =
      std::any_of(items.items().begin(), items.items().end(), [](const Json& item) { return item.find("containerPort") != nullptr; });
  return container ? "containerPort" : "port";
}

std::optional<Failure> mergeList(Json& target, const Json& patch, std::string_view key);

std::optional<Failure> mergeObject(Json& target, const Json& patch) {
  if (!target.isObject()) target = Json::object();
  if (patch.textAt({"$patch"}) == "replace") {
    target = patch;
    target.remove("$patch");
    return std::nullopt;
  }
  for (const auto& [name, value] : patch.members()) {
    if (name.starts_with("$setElementOrder/") || name == "$retainKeys" || name == "$patch") continue;
    if (name.starts_with("$deleteFromPrimitiveList/")) {
      const std::string list = name.substr(name.find('/') + 1);
      if (target.find(list) == nullptr) continue;
      std::erase_if(target.edit(list).editItems(),
                    [&doomed = value.items()](const Json& item) { return std::find(doomed.begin(), doomed.end(), item) != doomed.end(); });
      continue;
    }
    if (name.starts_with('$')) return failures::badRequest(fmt::format("unknown strategic merge directive {}", name));
    std::optional<Failure> failure;
    if (value.isNull())
      target.remove(name);
    else if (value.isObject() && value.textAt({"$patch"}) == "delete")
      target.remove(name);
    else if (value.isObject())
      failure = mergeObject(target.edit(name), value);
    else if (const std::string_view key = mergeKey(name, value); value.isArray() && !key.empty())
      failure = mergeList(target.edit(name), value, key);
    else if (value.isArray() && name == "finalizers") {
      Json::Array& items = target.edit(name).editItems();
      for (const Json& item : value.items())
        if (std::find(items.begin(), items.end(), item) == items.end()) items.push_back(item);
    } else
      target.set(name, value);
    if (failure) return failure;
  }
  return std::nullopt;
}

std::optional<Failure> mergeList(Json& target, const Json& patch, std::string_view key) {
  Json::Array& items = target.editItems();
  const bool replaces =
      std::any_of(patch.items().begin(), patch.items().end(), [](const Json& item) { return item.textAt({"$patch"}) == "replace"; });
  if (replaces) items.clear();
  for (const Json& change : patch.items()) {
    const std::string_view directive = change.textAt({"$patch"});
    if (directive == "replace") continue;
    const Json* id = change.find(key);
    if (id == nullptr) return failures::badRequest(fmt::format("map: {} does not contain declared merge key: {}", change.dump(), key));
    const auto same = std::find_if(items.begin(), items.end(), [&](const Json& item) {
      const Json* other = item.find(key);
      return other != nullptr && *other == *id;
    });
    if (directive == "delete") {
      if (same != items.end()) items.erase(same);
      continue;
    }
    Json& place = same != items.end() ? *same : items.emplace_back(Json::object());
    if (auto failure = mergeObject(place, change)) return failure;
  }
  return std::nullopt;
}

}  // namespace

void mergePatch(Json& target, const Json& patch) {
  if (!patch.isObject()) {
    target = patch;
    return;
  }
  if (!target.isObject()) target = Json::object();
  for (const auto& [name, value] : patch.members()) {
    if (value.isNull())
      target.remove(name);
    else if (value.isObject())
      mergePatch(target.edit(name), value);
    else
      target.set(name, value);
  }
}

std::optional<Failure> jsonPatch(Json& target, const Json& operations) {
  if (!operations.isArray()) return failures::badRequest("json: cannot unmarshal object into Go value of type jsonpatch.Patch");
  if (operations.size() > maxOperations)
    return failures::tooLarge(
        fmt::format("The allowed maximum operations in a JSON patch is {}, got {}", maxOperations, operations.size()));
  Json changed = target;
  for (const Json& operation : operations.items())
    if (auto failure = apply(changed, operation)) return failure;
  target = std::move(changed);
  return std::nullopt;
}

std::optional<Failure> strategicMergePatch(Json& target, const Json& patch) {
  if (!patch.isObject()) return failures::badRequest("a strategic merge patch must be an object");
  return mergeObject(target, patch);
}

}  // namespace spawner::cluster
