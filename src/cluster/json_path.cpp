#include "cluster/json_path.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace spawner::cluster {

namespace {

/// `?(@.field=="value")`: the first item of which it is true.
const Json* findByFilter(const Json& list, std::string_view filter) {
  if (!filter.starts_with("?(@.") || !filter.ends_with(")")) return nullptr;
  filter = filter.substr(4, filter.size() - 5);
  const std::size_t equals = filter.find("==");
  if (equals == std::string_view::npos) return nullptr;
  const std::string_view field = trim(filter.substr(0, equals));
  std::string_view value = trim(filter.substr(equals + 2));
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'')) value = value.substr(1, value.size() - 2);
  const auto it = std::find_if(list.items().begin(), list.items().end(), [&](const Json& item) { return item.textAt({field}) == value; });
  return it == list.items().end() ? nullptr : &*it;
}

}  // namespace

const Json* findByPath(const Json& root, std::string_view path) {
  const Json* at = &root;
  while (!path.empty() && at != nullptr) {
    if (path.front() == '.') {
      path.remove_prefix(1);
      const std::size_t end = path.find_first_of(".[");
      at = at->find(path.substr(0, end));
      path.remove_prefix(std::min(end, path.size()));
    } else if (path.front() == '[') {
      const std::size_t end = path.find(']');
      if (end == std::string_view::npos) return nullptr;
      const std::string_view inside = path.substr(1, end - 1);
      path.remove_prefix(end + 1);
      if (inside.starts_with('?')) {
        at = findByFilter(*at, inside);
      } else {
        const auto index = parseUnsigned(inside);
        at = index && *index < at->items().size() ? &at->items()[*index] : nullptr;
      }
    } else {
      return nullptr;
    }
  }
  return at;
}

}  // namespace spawner::cluster
