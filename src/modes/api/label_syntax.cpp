#include "modes/api/label_syntax.hpp"

#include <algorithm>

#include "spawner/names.hpp"

namespace spawner::api {

namespace {

bool alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool isName(std::string_view name) {
  return !name.empty() && name.size() <= 63 && alphanumeric(name.front()) && alphanumeric(name.back()) &&
         std::ranges::all_of(name, [](char c) { return alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

bool isSubdomain(std::string_view text) {
  if (text.empty() || text.size() > 253 || text.find("..") != std::string_view::npos) return false;
  if (!alphanumeric(text.front()) || !alphanumeric(text.back())) return false;
  return std::ranges::all_of(text, [](char c) { return (alphanumeric(c) && !(c >= 'A' && c <= 'Z')) || c == '-' || c == '.'; });
}

bool within(std::string_view prefix, std::string_view domain) {
  return prefix == domain ||
         (prefix.size() > domain.size() && prefix.ends_with(domain) && prefix[prefix.size() - domain.size() - 1] == '.');
}

}  // namespace

bool isLabelKey(std::string_view key) {
  const std::size_t slash = key.find('/');
  if (slash == std::string_view::npos) return isName(key);
  return isSubdomain(key.substr(0, slash)) && isName(key.substr(slash + 1));
}

bool isLabelValue(std::string_view value) { return value.empty() || isName(value); }

bool isReservedLabel(std::string_view key) {
  const std::string_view prefix = key.substr(0, std::min(key.find('/'), key.size()));
  if (key.find('/') == std::string_view::npos) return key == names::runLabel;
  return within(prefix, names::group) || within(prefix, "kubernetes.io") || within(prefix, "k8s.io");
}

}  // namespace spawner::api
