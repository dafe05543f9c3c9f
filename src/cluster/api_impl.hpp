#pragma once
// The parts of ApiServer, private to its .cpp files: what they share, and one function a verb.

#include <string>
#include <vector>

#include "cluster/api_server.hpp"
#include "cluster/present.hpp"
#include "cluster/routes.hpp"
#include "cluster/selector.hpp"
#include "cluster/watch.hpp"
#include "cluster/writer.hpp"

namespace spawner::cluster {

struct ApiServer::Impl {
  Impl(ApiServerOptions givenOptions, Random& givenRandom, Strategies strategies, AddressPool addresses);

  ApiServerOptions options;
  Random& random;
  Store store;
  WatchHub hub;
  Writer writer;
  LogSource* logs = nullptr;
  Json crd;  // the CustomResourceDefinition as given
  std::uint64_t ownEvents = 0;

  Response dispatch(const Request& request, Now now);
  Response resource(const Request& request, const Route& route, Now now);

  // api_read.cpp
  Response get(const Request& request, const Route& route, Now now);
  Response list(const Request& request, const Route& route, Now now);
  Response watch(const Request& request, const Route& route, Now now);
  // api_write.cpp
  Response create(const Request& request, const Route& route, Now now);
  Response replace(const Request& request, const Route& route, Now now);
  Response patch(const Request& request, const Route& route, Now now);
  Response remove(const Request& request, const Route& route, Now now);
  Response removeCollection(const Request& request, const Route& route, Now now);
  // api_log.cpp
  Response log(const Route& route);
  // discovery.cpp, openapi.cpp: nullopt when the path is not theirs
  [[nodiscard]] std::optional<Response> discovery(const Request& request, const Route& route) const;
  [[nodiscard]] std::optional<Response> openApi(const Route& route) const;
};

/// How the answer is to be written, by Accept (RFC 9110 §12.5.1) and the type; 406 when nothing offered is acceptable.
Outcome<Presentation> negotiate(const Request& request, const Route& route);
/// The selectors in a query.
Outcome<Selection> selectionOf(const Route& route);
Response jsonResponse(int status, std::string body);

}  // namespace spawner::cluster
