// From a request's head to where it goes.
#include <utility>

#include "http/router.hpp"
#include "modes/gateway/answers.hpp"
#include "modes/gateway/lane.hpp"
#include "modes/role/pages.hpp"
#include "modes/role/session_answers.hpp"
#include "proxy/respond.hpp"

namespace spawner::gateway {

void Lane::answer(ExchangePtr exchange, http::Response response) { proxy::respond(std::move(exchange), std::move(response)); }

void Lane::refuse(ExchangePtr exchange, http::Response response) {
  ++counts_.refused;
  answer(std::move(exchange), std::move(response));
}

void Lane::dispatch(ExchangePtr exchange) {
  const http::RequestHead& head = exchange->head();
  if (head.method == "CONNECT") {
    auto response = http::problem(405, "MethodNotAllowed", "CONNECT is not offered: this is no forward proxy");
    response.headers.set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    return refuse(std::move(exchange), std::move(response));
  }
  const Options& options = setup_.options;
  if (!setup_.hosts.allows(head.host()) && !belowDomain(head.host(), options.domains)) {
    auto response = wrongHost(head);
    return refuse(std::move(exchange), std::move(response));
  }
  if (h2c_ && http2::Server::wantsUpgrade(head)) return h2c_->server.upgrade(std::move(exchange));
  Route route = routeOf(head, options.domains);
  switch (route.kind) {
    case Route::Kind::Session: return session(std::move(exchange), std::move(route));
    case Route::Kind::Api:
      if (!setup_.api) break;
      return toApi(std::move(exchange), route.target);
    case Route::Kind::Landing: return landing(std::move(exchange));
    case Route::Kind::Redirect: return answer(std::move(exchange), redirect(route.target));
    case Route::Kind::Unknown: break;
  }
  auto response = unknown(head, route, startUrl(options, route));
  refuse(std::move(exchange), std::move(response));
}

void Lane::landing(ExchangePtr exchange) {
  const std::string& method = exchange->head().method;
  if (method == "GET" || method == "HEAD") {
    ++counts_.pages;
    return answer(std::move(exchange), setup_.landing);
  }
  auto response = http::problem(405, "MethodNotAllowed", "this page is for GET and HEAD");
  response.headers.set("Allow", "GET, HEAD");
  refuse(std::move(exchange), std::move(response));
}

void Lane::session(ExchangePtr exchange, Route route) {
  const role::SlabPtr slab = directory_.find(route.name);
  if (slab) return found(std::move(exchange), std::move(route), slab);
  lookUp(std::move(exchange), std::move(route));
}

void Lane::found(ExchangePtr exchange, Route route, const role::SlabPtr& slab) {
  const State state = slab->state();
  if (state == State::Ready) return toSession(std::move(exchange), route, *slab);
  const http::RequestHead& head = exchange->head();
  // On a session's own host the waiting page can only ask that host (CSP: same origin). While the session is not Ready there is no
  // application whose path this could be.
  if (setup_.api && route.prefix.empty() && head.path() == statusStreamPath(route.name))
    return toApi(std::move(exchange), "/backend/" + route.name + "/status/stream");
  if (isTerminal(state)) {
    auto response = role::sessionEnded(head, *slab, startUrl(setup_.options, route));
    return refuse(std::move(exchange), std::move(response));
  }
  if (!role::isNavigation(head)) return hold(std::move(exchange), std::move(route));
  ++counts_.waitingPages;
  auto response = starting(head, route, slab.get(), setup_.api.has_value(), startUrl(setup_.options, route));
  answer(std::move(exchange), std::move(response));
}

}  // namespace spawner::gateway
