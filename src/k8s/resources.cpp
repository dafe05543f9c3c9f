#include "k8s/resources.hpp"

#include "k8s/query.hpp"

namespace spawner::k8s {

std::string Resource::path(std::string_view ns, std::string_view name, std::string_view subresource) const {
  std::string path = group.empty() ? "/api/" : "/apis/" + std::string(group) + "/";
  path += version;
  if (namespaced && !ns.empty()) path += "/namespaces/" + percentEncode(ns);
  path += "/";
  path += plural;
  if (!name.empty()) path += "/" + percentEncode(name);
  if (!subresource.empty()) path += "/" + percentEncode(subresource);
  return path;
}

std::string percentEncode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  // A segment of dots only would be a step in the tree for whoever tidies the path.
  const bool dots = text.find_first_not_of('.') == std::string_view::npos;
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    if (letter || digit || c == '-' || c == '_' || c == '~' || (c == '.' && !dots)) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += digits[byte >> 4];
      encoded += digits[byte & 15];
    }
  }
  return encoded;
}

void addParameter(std::string& target, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  target += target.find('?') == std::string::npos ? '?' : '&';
  target += name;
  target += '=';
  target += percentEncode(value);
}

}  // namespace spawner::k8s
