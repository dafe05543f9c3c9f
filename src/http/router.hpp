#pragma once
// Router: method and path pattern → handler, for servers of ours. Own code instead of cpp-httplib: docs/decisions/0003.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/call.hpp"

namespace spawner::http {

/// The decoded values of the pattern's {names}.
using PathParameters = std::map<std::string, std::string, std::less<>>;

/// Patterns are segments: "/backend/{name}/status"; "{rest...}" at the end takes what is left, slashes included. The first match in order
/// of adding wins. No path: notFound (default: 404 problem+json). A path but no such method: 405 with Allow. HEAD is answered by GET.
class Router {
 public:
  using Handler = std::function<void(std::unique_ptr<Call>, const PathParameters&)>;
  void add(std::string method, std::string pattern, Handler handler);
  void setNotFound(CallHandler handler);
  void handle(std::unique_ptr<Call> call) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;
    Handler handler;
  };
  std::vector<Route> routes_;
  CallHandler notFound_;
};

/// application/problem+json (RFC 9457): {"type":"about:blank","title":…,"status":…,"detail":…,"reason":…}.
Response problem(int status, std::string_view reason, std::string_view detail);

}  // namespace spawner::http
