#include "cluster/api_server.hpp"

#include <fmt/format.h>

#include "backend/crd.hpp"
#include "base/die.hpp"
#include "base/text.hpp"
#include "cluster/api_impl.hpp"
#include "cluster/meta.hpp"
#include "http/message.hpp"

namespace spawner::cluster {

namespace {

Schema slabSchema(const Json& crd) {
  const Json* versions = crd.find({"spec", "versions"});
  if (versions == nullptr || versions->items().empty()) die("the CRD has no version");
  const Json* openApi = versions->items().front().find({"schema", "openAPIV3Schema"});
  Result<Schema> schema = Schema::compile(openApi != nullptr ? *openApi : Json());
  if (!schema) die(schema.error().message);
  return *schema;
}

Json parsedCrd() {
  Result<Json> crd = Json::parse(backend::crdJson());
  if (!crd) die("the CRD is no JSON: " + crd.error().message);
  return *crd;
}

AddressPool poolOf(const std::string& range) {
  Result<AddressPool> pool = AddressPool::parse(range);
  if (!pool) die(pool.error().message);
  return *pool;
}

Json establishedCrd(Json crd, Now now) {
  const Json* names = crd.find({"spec", "names"});
  crd.set("status", Json::object({{"acceptedNames", names != nullptr ? *names : Json()},
                                  {"storedVersions", Json::array({"v1"})},
                                  {"conditions", Json::array({Json::object({{"type", "NamesAccepted"},
                                                                            {"status", "True"},
                                                                            {"reason", "NoConflicts"},
                                                                            {"message", "no conflicts found"},
                                                                            {"lastTransitionTime", toRfc3339(now.wall)}}),
                                                              Json::object({{"type", "Established"},
                                                                            {"status", "True"},
                                                                            {"reason", "InitialNamesAccepted"},
                                                                            {"message", "the initial names have been accepted"},
                                                                            {"lastTransitionTime", toRfc3339(now.wall)}})})}}));
  return crd;
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (http::equalsIgnoreCase(key, name)) return value;
  return {};
}

Response jsonResponse(int status, std::string body) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

ApiServer::Impl::Impl(ApiServerOptions givenOptions, Random& givenRandom, Strategies strategies, AddressPool addresses)
    : options(std::move(givenOptions)),
      random(givenRandom),
      store(options.store),
      hub(store),
      writer(store, std::move(strategies), std::move(addresses), random, {options.maxEvents, options.eventTtl}) {}

ApiServer::ApiServer(ApiServerOptions options, Random& random, Now now) {
  Json crd = parsedCrd();
  AddressPool addresses = poolOf(options.serviceRange);
  impl_ = std::make_unique<Impl>(std::move(options), random, Strategies(slabSchema(crd)), std::move(addresses));
  impl_->crd = crd;
  crd = establishedCrd(std::move(crd), now);
  Json& meta = crd.edit("metadata");
  meta.set("uid", makeUid(random));
  meta.set("generation", 1);
  meta.set("creationTimestamp", toRfc3339(now.wall));
  (void)impl_->store.put(types::crds, std::move(crd));
  for (const std::string& name : impl_->options.namespaces) {
    const Response made = call("POST", "/api/v1/namespaces", Json::object({{"metadata", Json::object({{"name", name}})}}).dump(), now);
    if (made.status != 201) die(fmt::format("namespace {} cannot be made: {}", name, made.body));
  }
}

ApiServer::~ApiServer() = default;

Store& ApiServer::store() { return impl_->store; }
const ApiServerOptions& ApiServer::options() const { return impl_->options; }
void ApiServer::setLogSource(LogSource* source) { impl_->logs = source; }
std::size_t ApiServer::watches() const { return impl_->hub.count(); }
void ApiServer::expireEvents(Now now) { impl_->writer.expireEvents(now); }
void ApiServer::cutWatches() { impl_->hub.cutAll(); }

Response ApiServer::handle(const Request& request, Now now) {
  impl_->writer.expireEvents(now);
  return impl_->dispatch(request, now);
}

Response ApiServer::call(std::string method, std::string target, std::string body, Now now) {
  Request request;
  request.headers.emplace_back("Content-Type", method == "PATCH" ? "application/merge-patch+json" : "application/json");
  request.method = std::move(method);
  request.target = std::move(target);
  request.body = std::move(body);
  return handle(request, now);
}

void ApiServer::recordEvent(const Object& about, std::string_view type, std::string_view reason, std::string_view message,
                            std::string_view component, Now now) {
  const std::string ns(about.ns().empty() ? std::string_view("default") : about.ns());
  const std::string time = toRfc3339(now.wall);
  const Json event =
      Json::object({{"apiVersion", "v1"},
                    {"kind", "Event"},
                    {"metadata", Json::object({{"name", fmt::format("{}.{:x}", about.name(), ++impl_->ownEvents)}, {"namespace", ns}})},
                    {"involvedObject", Json::object({{"apiVersion", about.type().apiVersion()},
                                                     {"kind", about.type().kind},
                                                     {"namespace", about.ns()},
                                                     {"name", about.name()},
                                                     {"uid", about.uid()},
                                                     {"resourceVersion", std::to_string(about.revision())}})},
                    {"type", type},
                    {"reason", reason},
                    {"message", message},
                    {"source", Json::object({{"component", component}})},
                    {"reportingComponent", component},
                    {"firstTimestamp", time},
                    {"lastTimestamp", time},
                    {"count", 1}});
  (void)impl_->writer.create(types::events, ns, event, {}, WriteOptions{now, false, FieldValidation::Ignore});
}

Response ApiServer::Impl::dispatch(const Request& request, Now now) {
  const std::optional<Route> route = Route::parse(request.target);
  if (!route) return failures::badRequest("the target of the request is malformed").response();
  if (request.body.size() > options.maxBodyBytes) return failures::tooLarge(fmt::format("limit is {}", options.maxBodyBytes)).response();
  if (route->type != nullptr) return resource(request, *route, now);
  if (auto answer = discovery(request, *route)) return std::move(*answer);
  if (auto answer = openApi(*route)) return std::move(*answer);
  return failures::noSuchPath().response();
}

Response ApiServer::Impl::resource(const Request& request, const Route& route, Now now) {
  const ResourceType& type = *route.type;
  const std::string& method = request.method;
  const bool onCollection = route.name.empty();
  const auto notAllowed = [](std::string_view allow) {
    Response response = failures::methodNotAllowed().response();
    response.headers.emplace_back("Allow", allow);
    return response;
  };
  if (route.subresource == "log" && &type == &types::pods) return method == "GET" ? log(route) : notAllowed("GET");
  if (!route.subresource.empty() && !(route.subresource == "status" && type.hasStatus)) return failures::noSuchPath().response();
  const bool oneOfAll = type.namespaced && route.ns.empty();  // "/api/v1/pods": only lists go over all namespaces
  if (oneOfAll && !onCollection) return failures::noSuchPath().response();
  if (method == "GET" || method == "HEAD") {
    if (onCollection) return route.query.isTrue("watch") ? watch(request, route, now) : list(request, route, now);
    return route.query.isTrue("watch") ? watch(request, route, now) : get(request, route, now);
  }
  if (type.readOnly) return notAllowed("GET");
  if (onCollection) {
    if (oneOfAll) return notAllowed("GET");
    if (method == "POST") return create(request, route, now);
    if (method == "DELETE") return removeCollection(request, route, now);
    if (method == "PUT" && type.custom) return failures::badRequest("name must be provided").response();
    return notAllowed("GET, POST, DELETE");
  }
  if (method == "PUT") return replace(request, route, now);
  if (method == "PATCH") return patch(request, route, now);
  if (method == "DELETE" && route.subresource.empty()) return remove(request, route, now);
  return notAllowed("GET, PUT, PATCH, DELETE");
}

}  // namespace spawner::cluster
