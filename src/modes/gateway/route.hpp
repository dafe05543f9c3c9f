#pragma once
// Route: where a request is to go, from its head alone. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"

namespace spawner::gateway {

struct Route {
  enum class Kind {
    Session,   // name, target, prefix
    Api,       // target
    Landing,   // the page at /
    Redirect,  // target: where to
    Unknown,   // nothing of ours
  };
  Kind kind = Kind::Unknown;
  std::string name;    // the session's short name
  std::string target;  // origin-form, with the query; empty: the request's own
  std::string prefix;  // what was taken from the path: "/p/<name>"; empty by host
};

/// Domains: lower case, without a leading dot. By host (<name>.<domain>) the whole target is the session's; elsewhere by path: /p/<name>/…,
/// /api/…, /. The path is taken as it came: nothing is decoded, no dot segment is resolved and no slash is merged, so what is behind the
/// prefix reaches the session unchanged and cannot mean another session.
Route routeOf(const http::RequestHead& head, const std::vector<std::string>& domains);

/// The name in "<name>.<domain>"; empty when the host is not one label below a domain.
std::string nameInHost(std::string_view host, const std::vector<std::string>& domains);
/// True when the host is anywhere below one of the domains.
bool belowDomain(std::string_view host, const std::vector<std::string>& domains);
/// Where the session's states are told, below /api/ of this gateway.
std::string statusStreamPath(std::string_view name);

}  // namespace spawner::gateway
