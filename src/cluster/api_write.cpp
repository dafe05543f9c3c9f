// ApiServer's writes: what the requests ask of the Writer, and how its outcomes are answered.

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "cluster/api_impl.hpp"
#include "cluster/events_view.hpp"

namespace spawner::cluster {

namespace {

/// The media type of the body, without parameters; none counts as JSON.
std::string mediaType(const Request& request) {
  const std::string_view text = request.header("Content-Type");
  const std::string media = toLower(trim(text.substr(0, text.find(';'))));
  return media.empty() ? "application/json" : media;
}

struct Body {
  Json json;
  std::vector<std::string> repeated;
};

Outcome<Body> jsonBody(const Request& request) {
  const std::string media = mediaType(request);
  if (media == "application/vnd.kubernetes.protobuf")  // what kubectl create namespace, configmap and secret send
    return failures::unsupportedMedia("application/json (with kubectl create: add --dry-run=client -o yaml | kubectl apply -f -)");
  if (media != "application/json") return failures::unsupportedMedia("application/json");
  Body body;
  Result<Json> json = Json::parse(request.body, &body.repeated);
  if (!json) return failures::badRequest("the body is no JSON: " + json.error().message);
  body.json = std::move(*json);
  return body;
}

Outcome<WriteOptions> writeOptions(const Route& route, Now now) {
  WriteOptions options;
  options.now = now;
  const std::string_view dryRun = route.query.get("dryRun");
  if (!dryRun.empty() && dryRun != "All")
    return failures::invalidKind("meta.k8s.io", "CreateOptions", "", {FieldError::notSupported("dryRun", Json(dryRun), {"All"})});
  options.dryRun = dryRun == "All";
  const std::string_view validation = route.query.get("fieldValidation");
  if (validation == "Strict")
    options.validation = FieldValidation::Strict;
  else if (validation == "Ignore")
    options.validation = FieldValidation::Ignore;
  else if (!validation.empty() && validation != "Warn")
    return failures::invalidKind("meta.k8s.io", "CreateOptions", "",
                                 {FieldError::notSupported("fieldValidation", Json(validation), {"", "Ignore", "Strict", "Warn"})});
  return options;
}

/// Warning header (RFC 9111 §5.5): quotes and backslashes are escaped.
void addWarnings(Response& response, const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) {
    std::string quoted;
    for (const char c : warning) {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
    response.headers.emplace_back("Warning", fmt::format("299 - \"{}\"", quoted));
  }
}

Response answer(const Request& request, const Route& route, Outcome<Written> written, Now now) {
  if (!written) return written.failure().response();
  Outcome<Presentation> how = negotiate(request, route);
  if (!how) return how.failure().response();
  Response response = jsonResponse(written->created ? 201 : 200, presentObject(*written->object, *how, now));
  addWarnings(response, written->warnings);
  return response;
}

Outcome<DeleteOptions> deleteOptions(const Request& request, const Route& route, WriteOptions& options) {
  DeleteOptions deletion;
  Json json = Json::object();
  if (!request.body.empty()) {
    Outcome<Body> body = jsonBody(request);
    if (!body) return body.failure();
    json = std::move(body->json);
    if (!json.isObject()) return failures::badRequest("DeleteOptions must be an object");
    // Any object with preconditions would do harm if it were taken for options without: the kind is checked.
    const std::string_view kind = json.textAt({"kind"}, "DeleteOptions");
    if (kind != "DeleteOptions") return failures::badRequest(fmt::format("expected DeleteOptions, got {}", kind));
  }
  const Json* grace = json.find("gracePeriodSeconds");
  if (grace != nullptr && grace->isInteger()) deletion.gracePeriodSeconds = grace->integer();
  if (const std::string_view text = route.query.get("gracePeriodSeconds"); !text.empty()) {
    const auto seconds = parseUnsigned(text, INT32_MAX);
    if (!seconds) return failures::badRequest(fmt::format("gracePeriodSeconds \"{}\" is no number", text));
    deletion.gracePeriodSeconds = static_cast<std::int64_t>(*seconds);
  }
  deletion.uid = json.textAt({"preconditions", "uid"});
  deletion.resourceVersion = json.textAt({"preconditions", "resourceVersion"});
  deletion.propagation = json.textAt({"propagationPolicy"}, route.query.get("propagationPolicy"));
  if (json.find("orphanDependents") != nullptr && deletion.propagation.empty())
    deletion.propagation = json.truthAt({"orphanDependents"}) ? "Orphan" : "Background";
  if (!deletion.propagation.empty() && deletion.propagation != "Background" && deletion.propagation != "Foreground" &&
      deletion.propagation != "Orphan")
    return failures::invalidKind(
        "meta.k8s.io", "DeleteOptions", "",
        {FieldError::notSupported("propagationPolicy", Json(deletion.propagation), {"Foreground", "Background", "Orphan", "nil"})});
  const Json* dryRun = json.find("dryRun");
  if (dryRun != nullptr && dryRun->size() > 0) options.dryRun = true;
  return deletion;
}

}  // namespace

Response ApiServer::Impl::create(const Request& request, const Route& route, Now now) {
  Outcome<Body> body = jsonBody(request);
  Outcome<WriteOptions> write = writeOptions(route, now);
  if (!body) return body.failure().response();
  if (!write) return write.failure().response();
  if (route.eventsV1) body->json = fromEventsV1(body->json);
  Outcome<Written> written = writer.create(*route.type, route.ns, std::move(body->json), std::move(body->repeated), *write);
  if (written && route.type == &types::namespaces && !write->dryRun) {
    // What the service account controller of a real cluster does a moment later.
    const Json account = Json::object({{"metadata", Json::object({{"name", "default"}})}});
    (void)writer.create(types::serviceAccounts, written->object->name(), account, {}, *write);
  }
  return answer(request, route, std::move(written), now);
}

Response ApiServer::Impl::replace(const Request& request, const Route& route, Now now) {
  Outcome<Body> body = jsonBody(request);
  Outcome<WriteOptions> write = writeOptions(route, now);
  if (!body) return body.failure().response();
  if (!write) return write.failure().response();
  if (route.eventsV1) body->json = fromEventsV1(body->json);
  const bool status = route.subresource == "status";
  return answer(request, route,
                writer.replace(*route.type, route.ns, route.name, status, std::move(body->json), std::move(body->repeated), *write), now);
}

Response ApiServer::Impl::patch(const Request& request, const Route& route, Now now) {
  const std::string media = mediaType(request);
  PatchKind kind = PatchKind::Merge;
  if (media == "application/json-patch+json")
    kind = PatchKind::Json;
  else if (media == "application/strategic-merge-patch+json" && !route.type->custom && !route.eventsV1)
    kind = PatchKind::Strategic;
  else if (media != "application/merge-patch+json")
    return failures::unsupportedMedia(route.type->custom ? "application/json-patch+json, application/merge-patch+json"
                                                         : "application/json-patch+json, application/merge-patch+json, "
                                                           "application/strategic-merge-patch+json")
        .response();
  Outcome<WriteOptions> write = writeOptions(route, now);
  if (!write) return write.failure().response();
  Result<Json> body = Json::parse(request.body);
  if (!body) return failures::badRequest("error decoding patch: " + body.error().message).response();
  Json changes = route.eventsV1 && kind == PatchKind::Merge ? fromEventsV1(*body) : std::move(*body);
  return answer(request, route, writer.patch(*route.type, route.ns, route.name, route.subresource == "status", kind, changes, *write), now);
}

Response ApiServer::Impl::remove(const Request& request, const Route& route, Now now) {
  Outcome<WriteOptions> write = writeOptions(route, now);
  if (!write) return write.failure().response();
  Outcome<DeleteOptions> deletion = deleteOptions(request, route, *write);
  if (!deletion) return deletion.failure().response();
  const ResourceType& type = *route.type;
  Outcome<Removed> removed = writer.remove(type, route.ns, route.name, *deletion, *write);
  if (!removed) return removed.failure().response();
  // Pods and Services answer with the object, others with a Status once they are gone.
  if (!removed->gone || &type == &types::pods || &type == &types::services) return jsonResponse(200, removed->object->text());
  Json details = Json::object({{"name", route.name}, {"kind", type.plural}, {"uid", removed->object->uid()}});
  if (!type.group.empty()) details.set("group", type.group);
  return jsonResponse(
      200,
      Json::object({{"kind", "Status"}, {"apiVersion", "v1"}, {"metadata", Json::object()}, {"status", "Success"}, {"details", details}})
          .dump());
}

Response ApiServer::Impl::removeCollection(const Request& request, const Route& route, Now now) {
  Outcome<Selection> selection = selectionOf(route);
  Outcome<WriteOptions> write = writeOptions(route, now);
  if (!selection) return selection.failure().response();
  if (!write) return write.failure().response();
  Outcome<DeleteOptions> deletion = deleteOptions(request, route, *write);
  if (!deletion) return deletion.failure().response();
  std::vector<ObjectPtr> chosen;
  for (const auto& [key, object] : store.objects(*route.type))
    if (selection->matches(*object)) chosen.push_back(object);
  for (const ObjectPtr& object : chosen) {
    Outcome<Removed> removed = writer.remove(*route.type, object->ns(), object->name(), *deletion, *write);
    if (!removed && removed.failure().code != 404) return removed.failure().response();
  }
  return jsonResponse(200, presentList(*route.type, chosen, {store.revision(), {}, {}}, {}, now));
}

}  // namespace spawner::cluster
