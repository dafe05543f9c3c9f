#include "modes/gateway/route.hpp"

#include <algorithm>

#include "modes/role/host_check.hpp"

namespace spawner::gateway {

namespace {

constexpr std::string_view sessionsPath = "/p/";
constexpr std::string_view apiPath = "/api/";

/// What a short name can be: with a prefix in front it becomes a DNS label, so a digit may come first.
bool isName(std::string_view name) {
  return !name.empty() && name.size() <= 63 &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

/// "?query" as it came; empty without one.
std::string_view queryPart(const http::RequestHead& head) {
  const std::size_t mark = head.target.find('?');
  return mark == std::string::npos ? std::string_view() : std::string_view(head.target).substr(mark);
}

Route sessionByPath(std::string_view path, std::string_view query) {
  const std::string_view rest = path.substr(sessionsPath.size());
  const std::size_t slash = rest.find('/');
  const std::string name(rest.substr(0, slash));
  if (!isName(name)) return {};
  const std::string prefix = std::string(sessionsPath) + name;
  if (slash == std::string_view::npos) return Route{Route::Kind::Redirect, name, prefix + "/" + std::string(query), {}};
  return Route{Route::Kind::Session, name, std::string(rest.substr(slash)) + std::string(query), prefix};
}

}  // namespace

std::string nameInHost(std::string_view host, const std::vector<std::string>& domains) {
  const std::string name = role::hostName(host);
  for (const std::string& domain : domains) {
    const std::string suffix = "." + domain;
    if (!name.ends_with(suffix)) continue;
    std::string label = name.substr(0, name.size() - suffix.size());
    if (isName(label)) return label;
  }
  return {};
}

bool belowDomain(std::string_view host, const std::vector<std::string>& domains) {
  const std::string name = role::hostName(host);
  return std::ranges::any_of(domains, [&](const std::string& domain) { return name.ends_with("." + domain); });
}

std::string statusStreamPath(std::string_view name) { return std::string(apiPath) + "backend/" + std::string(name) + "/status/stream"; }

Route routeOf(const http::RequestHead& head, const std::vector<std::string>& domains) {
  const std::string_view host = head.host();
  if (belowDomain(host, domains)) {
    const std::string name = nameInHost(host, domains);
    return name.empty() ? Route{} : Route{Route::Kind::Session, name, {}, {}};
  }
  const std::string_view path = head.path();
  const std::string_view query = queryPart(head);
  if (path.starts_with(sessionsPath)) return sessionByPath(path, query);
  if (path.starts_with(apiPath))
    return Route{Route::Kind::Api, {}, std::string(path.substr(apiPath.size() - 1)) + std::string(query), "/api"};
  if (path == "/api") return Route{Route::Kind::Redirect, {}, std::string(apiPath) + std::string(query), {}};
  if (path == "/") return Route{Route::Kind::Landing, {}, {}, {}};
  return {};
}

}  // namespace spawner::gateway
