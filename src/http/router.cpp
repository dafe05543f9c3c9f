#include "http/router.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/text.hpp"

namespace spawner::http {

namespace {

std::vector<std::string_view> segmentsOf(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  return split(path, '/');
}

/// The name in "{name}" or "{name...}"; nullopt for a literal segment.
std::optional<std::string_view> parameterName(std::string_view segment) {
  if (segment.size() < 2 || segment.front() != '{' || segment.back() != '}') return std::nullopt;
  return segment.substr(1, segment.size() - 2);
}

bool takesRest(std::string_view segment) { return segment.starts_with('{') && segment.ends_with("...}"); }

/// The parameters when the path matches. A segment that does not decode matches nothing.
std::optional<PathParameters> match(const std::vector<std::string>& pattern, std::string_view path) {
  const std::vector<std::string_view> segments = segmentsOf(path);
  PathParameters parameters;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (i >= segments.size()) return std::nullopt;
    if (takesRest(pattern[i])) {
      // Everything from here on, slashes included: a view into the path.
      const auto rest = percentDecode(path.substr(static_cast<std::size_t>(segments[i].data() - path.data())));
      if (!rest) return std::nullopt;
      parameters.emplace(pattern[i].substr(1, pattern[i].size() - 5), *rest);
      return parameters;
    }
    const auto decoded = percentDecode(segments[i]);
    if (!decoded) return std::nullopt;
    if (const auto name = parameterName(pattern[i])) {
      if (decoded->empty()) return std::nullopt;
      parameters.emplace(*name, *decoded);
    } else if (*decoded != pattern[i]) {
      return std::nullopt;
    }
  }
  if (segments.size() != pattern.size()) return std::nullopt;
  return parameters;
}

void addMethod(std::vector<std::string>& methods, std::string_view method) {
  if (std::find(methods.begin(), methods.end(), method) == methods.end()) methods.emplace_back(method);
}

std::string joined(const std::vector<std::string>& methods) {
  std::string text;
  for (const std::string& method : methods) text.append(text.empty() ? "" : ", ").append(method);
  return text;
}

void answerOptions(Call& call, const std::vector<std::string>& allowed) {
  Response response;
  response.status = 204;
  if (!allowed.empty()) response.headers.add("Allow", joined(allowed));
  call.respond(std::move(response));
}

}  // namespace

void Router::add(std::string method, std::string pattern, Handler handler) {
  Route route;
  route.method = std::move(method);
  for (const std::string_view segment : segmentsOf(pattern)) route.segments.emplace_back(segment);
  route.handler = std::move(handler);
  routes_.push_back(std::move(route));
}

void Router::setNotFound(CallHandler handler) { notFound_ = std::move(handler); }

void Router::handle(std::unique_ptr<Call> call) const {
  const std::string& method = call->head().method;
  if (call->head().target == "*") return answerOptions(*call, {});
  std::vector<std::string> allowed;
  for (const Route& route : routes_) {
    const auto parameters = match(route.segments, call->head().path());
    if (!parameters) continue;
    if (route.method == method || (method == "HEAD" && route.method == "GET")) return route.handler(std::move(call), *parameters);
    addMethod(allowed, route.method);
    if (route.method == "GET") addMethod(allowed, "HEAD");
  }
  if (allowed.empty()) {
    if (notFound_) return notFound_(std::move(call));
    return call->respond(problem(404, "NotFound", "There is nothing at this path."));
  }
  addMethod(allowed, "OPTIONS");
  if (method == "OPTIONS") return answerOptions(*call, allowed);
  Response response = problem(405, "MethodNotAllowed", "This path does not take the method " + method + ".");
  response.headers.add("Allow", joined(allowed));
  call->respond(std::move(response));
}

Response problem(int status, std::string_view reason, std::string_view detail) {
  nlohmann::ordered_json body;
  body["type"] = "about:blank";
  body["title"] = reasonPhrase(status);
  body["status"] = status;
  body["detail"] = detail;
  body["reason"] = reason;
  Response response;
  response.status = status;
  response.headers.add("Content-Type", "application/problem+json");
  response.body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return response;
}

}  // namespace spawner::http
