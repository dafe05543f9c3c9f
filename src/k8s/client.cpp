#include "k8s/client.hpp"

#include <nlohmann/json.hpp>

#include "k8s/status_error.hpp"

namespace spawner::k8s {
namespace {

constexpr std::string_view jsonType = "application/json";

TransportRequest request(std::string method, std::string target, std::string body = {}, std::string_view type = jsonType) {
  TransportRequest request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.headers.emplace_back("Accept", jsonType);
  if (!body.empty()) request.headers.emplace_back("Content-Type", type);
  request.body = std::move(body);
  return request;
}

/// "get pods spawner/x": what was tried, for messages.
std::string described(std::string_view verb, const Resource& resource, std::string_view ns, std::string_view name) {
  std::string text(verb);
  text += " ";
  text += resource.plural;
  text += " ";
  if (resource.namespaced) text.append(ns).append("/");
  text += name.empty() ? "?" : name;
  return text;
}

std::string deleteBody(const DeleteOptions& options) {
  nlohmann::json body{{"apiVersion", "v1"}, {"kind", "DeleteOptions"}};
  if (!options.uid.empty()) body["preconditions"]["uid"] = options.uid;
  if (!options.resourceVersion.empty()) body["preconditions"]["resourceVersion"] = options.resourceVersion;
  if (options.gracePeriodSeconds) body["gracePeriodSeconds"] = *options.gracePeriodSeconds;
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

Error errorOf(const TransportResponse& response, std::string_view what) {
  return statusError(response.status, response.body, parseRetryAfter(response.header("retry-after")), what);
}

Pending Client::get(const Resource& resource, std::string_view ns, std::string_view name, Done done) {
  return send(request("GET", resource.path(ns, name)), described("get", resource, ns, name), std::move(done));
}

Pending Client::create(const Resource& resource, std::string_view ns, std::string json, Done done) {
  return send(request("POST", resource.path(ns), std::move(json)), described("create", resource, ns, {}), std::move(done));
}

Pending Client::replace(const Resource& resource, std::string_view ns, std::string_view name, std::string json, Done done) {
  return send(request("PUT", resource.path(ns, name), std::move(json)), described("replace", resource, ns, name), std::move(done));
}

Pending Client::mergePatch(const Resource& resource, std::string_view ns, std::string_view name, std::string_view subresource,
                           std::string json, Done done) {
  return send(request("PATCH", resource.path(ns, name, subresource), std::move(json), "application/merge-patch+json"),
              described("patch", resource, ns, name), std::move(done));
}

Pending Client::jsonPatch(const Resource& resource, std::string_view ns, std::string_view name, std::string_view subresource,
                          std::string json, Done done) {
  return send(request("PATCH", resource.path(ns, name, subresource), std::move(json), "application/json-patch+json"),
              described("patch", resource, ns, name), std::move(done));
}

Pending Client::remove(const Resource& resource, std::string_view ns, std::string_view name, const DeleteOptions& options, Done done) {
  return send(request("DELETE", resource.path(ns, name), deleteBody(options)), described("delete", resource, ns, name), std::move(done));
}

Pending Client::raw(std::string target, Done done) {
  std::string what = "get " + target.substr(0, target.find('?'));
  return send(request("GET", std::move(target)), std::move(what), std::move(done));
}

Pending Client::send(TransportRequest request, std::string what, Done done) {
  request.timeout = timeout_;
  return transport_.call(std::move(request), [what = std::move(what), done = std::move(done)](Result<TransportResponse> answer) mutable {
    if (!answer) return done(answer.error());
    if (answer->status < 200 || answer->status > 299) return done(errorOf(*answer, what));
    done(std::move(answer->body));
  });
}

}  // namespace spawner::k8s
