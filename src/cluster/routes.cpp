#include "cluster/routes.hpp"

#include "base/text.hpp"
#include "http/message.hpp"

namespace spawner::cluster {

namespace {

/// In a query '+' is a space.
std::optional<std::string> decodeQueryPart(std::string_view text) {
  std::string plain(text);
  for (char& c : plain)
    if (c == '+') c = ' ';
  return http::percentDecode(plain);
}

void readResource(Route& route, std::string_view group, std::string_view version, std::size_t at) {
  const std::vector<std::string>& s = route.segments;
  const auto segment = [&s](std::size_t i) { return i < s.size() ? std::string_view(s[i]) : std::string_view(); };
  // "namespaces/x/pods…" is in a namespace; "namespaces/x" and "namespaces/x/status" are the namespace itself.
  const bool inNamespace = segment(at) == "namespaces" && s.size() > at + 2 && segment(at + 2) != "status" && segment(at + 2) != "finalize";
  if (inNamespace) {
    route.ns = segment(at + 1);
    at += 2;
  }
  if (s.size() > at + 3) return;
  const ResourceType* type = findType(group, version, segment(at));
  if (type == nullptr || (inNamespace && !type->namespaced)) return;
  route.type = type;
  route.eventsV1 = type == &types::events && group == "events.k8s.io";
  route.name = segment(at + 1);
  route.subresource = segment(at + 2);
}

}  // namespace

Query Query::parse(std::string_view text) {
  Query query;
  if (text.empty()) return query;
  for (const std::string_view part : split(text, '&')) {
    const std::size_t equals = part.find('=');
    const auto name = decodeQueryPart(part.substr(0, equals));
    const auto value = decodeQueryPart(equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1));
    if (name && value) query.values_.emplace_back(*name, *value);
  }
  return query;
}

std::optional<std::string_view> Query::find(std::string_view name) const {
  for (const auto& [key, value] : values_)
    if (key == name) return value;
  return std::nullopt;
}

bool Query::isTrue(std::string_view name) const {
  const std::string_view value = get(name);
  return value == "true" || value == "1" || value == "True";
}

std::optional<Route> Route::parse(std::string_view target) {
  Route route;
  const std::size_t question = target.find('?');
  std::string_view path = target.substr(0, question);
  if (question != std::string_view::npos) route.query = Query::parse(target.substr(question + 1));
  if (!path.starts_with('/')) return std::nullopt;
  path.remove_prefix(1);
  if (path.ends_with('/')) path.remove_suffix(1);
  if (path.empty()) return route;
  for (const std::string_view part : split(path, '/')) {
    auto decoded = http::percentDecode(part);
    if (!decoded) return std::nullopt;
    route.segments.push_back(std::move(*decoded));
  }
  const std::vector<std::string>& s = route.segments;
  if (s.size() >= 3 && s[0] == "api") readResource(route, "", s[1], 2);
  if (s.size() >= 4 && s[0] == "apis") readResource(route, s[1], s[2], 3);
  return route;
}

}  // namespace spawner::cluster
