// ApiServer's pods/<name>/log.

#include <fmt/format.h>

#include "base/text.hpp"
#include "cluster/api_impl.hpp"

namespace spawner::cluster {

namespace {

std::string containerNames(const Json& pod) {
  std::string out;
  if (const Json* containers = pod.find({"spec", "containers"}))
    for (const Json& container : containers->items()) (out += out.empty() ? "" : " ") += container.textAt({"name"});
  return out;
}

bool hasContainer(const Json& pod, std::string_view name) {
  for (const std::string_view list : {"containers", "initContainers"})
    if (const Json* containers = pod.find({"spec", list}))
      for (const Json& container : containers->items())
        if (container.textAt({"name"}) == name) return true;
  return false;
}

/// An answer whose status is known before its first byte.
Response failureOf(const Error& error, const std::string& pod) {
  if (error.kind == ErrorKind::NotFound) {
    Failure failure = failures::notFound(types::pods, pod);
    failure.message = error.message;
    return failure.response();
  }
  return error.kind == ErrorKind::InvalidArgument ? failures::badRequest(error.message).response()
                                                  : failures::internal(error.message).response();
}

}  // namespace

Response ApiServer::Impl::log(const Route& route) {
  const ObjectPtr pod = store.find(types::pods, fmt::format("{}/{}", route.ns, route.name));
  if (!pod) return failures::notFound(types::pods, route.name).response();
  LogQuery query{route.ns, route.name, std::string(pod->uid()), std::string(route.query.get("container")), false, false, false, {}, {}, {}};
  if (query.container.empty()) {
    const Json* containers = pod->json().find({"spec", "containers"});
    if (containers == nullptr || containers->size() != 1)
      return failures::badRequest(
                 fmt::format("a container name must be specified for pod {}, choose one of: [{}]", route.name, containerNames(pod->json())))
          .response();
    query.container = containers->items().front().textAt({"name"});
  } else if (!hasContainer(pod->json(), query.container)) {
    return failures::badRequest(fmt::format("container {} is not valid for pod {}", query.container, route.name)).response();
  }
  query.follow = route.query.isTrue("follow");
  query.previous = route.query.isTrue("previous");
  query.timestamps = route.query.isTrue("timestamps");
  for (const auto& [name, field] :
       {std::pair{"tailLines", &query.tailLines}, {"limitBytes", &query.limitBytes}, {"sinceSeconds", &query.sinceSeconds}}) {
    const std::string_view text = route.query.get(name);
    if (text.empty()) continue;
    *field = parseUnsigned(text);
    if (!*field) return failures::badRequest(fmt::format("{} \"{}\" is no number", name, text)).response();
  }
  if (logs == nullptr)
    return failures::badRequest(fmt::format("the logs of pod {} are not kept: this cluster has no node agent", route.name)).response();
  Result<std::unique_ptr<Stream>> stream = logs->open(query);
  if (!stream) return failureOf(stream.error(), route.name);
  Response response;
  response.contentType = "text/plain";
  response.stream = std::move(*stream);
  return response;
}

}  // namespace spawner::cluster
