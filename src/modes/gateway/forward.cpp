// To the upstreams: a session's sidecar, and the API.
#include <utility>

#include "http/head_writer.hpp"
#include "modes/gateway/answers.hpp"
#include "modes/gateway/lane.hpp"
#include "modes/role/session_answers.hpp"
#include "proxy/respond.hpp"
#include "spawner/names.hpp"
#include "spawner/upstream_protocol.hpp"

namespace spawner::gateway {

namespace {

/// True for requests that only HTTP/2 carries whole: gRPC, and streams of Connect. All others reach any session by HTTP/1.1.
bool needsHttp2(const http::RequestHead& head) {
  return proxy::isGrpc(head) || head.headers.get("Content-Type").starts_with("application/connect+");
}

bool speaksHttp2(const Slab& slab) {
  const auto protocol = slab.meta.annotations.find(std::string(names::upstreamProtocolAnnotation));
  return protocol != slab.meta.annotations.end() && protocol->second == names::h2cProtocol;
}

/// The sidecar's data port. Where a writer of the original's has left out the pod's address, the Service's will do.
Result<SocketAddress> sidecarOf(const Slab& slab) {
  const SlabStatus& status = slab.status;
  const std::string& ip = status.podIp.empty() ? status.ip : status.podIp;
  if (ip.empty()) return Error{ErrorKind::NotFound, "its status has no address", std::nullopt};
  return SocketAddress::fromIp(ip, names::servePort);
}

}  // namespace

proxy::RequestEdit Lane::edit(const http::RequestHead& head, const std::string& target, const std::string& prefix) const {
  proxy::RequestEdit edit;
  edit.target = target;
  edit.forwardedPrefix = prefix;
  edit.trustForwarded = setup_.options.trustForwarded;
  // Prefixes add up: what a trusted proxy in front has taken from the path comes before what is taken here.
  if (edit.trustForwarded && !prefix.empty() && head.headers.has(http::FieldName::XForwardedPrefix) &&
      !http::HopByHop(head.headers).has("X-Forwarded-Prefix")) {
    std::string before(head.headers.get("X-Forwarded-Prefix"));
    while (before.ends_with('/')) before.pop_back();
    edit.set.emplace_back("X-Forwarded-Prefix", before + prefix);
  }
  return edit;
}

void Lane::toSession(ExchangePtr exchange, const Route& route, const Slab& slab) {
  const Result<SocketAddress> address = sidecarOf(slab);
  if (!address) {
    return sessionFailed(std::move(exchange), route, {}, proxy::Failure{proxy::FailureKind::ConnectFailed, address.error().message});
  }
  ++counts_.toSession;
  proxy::Target target;
  target.address = *address;
  target.edit = edit(exchange->head(), route.target, route.prefix);
  // What we know may be old, and the address another session's by now.
  if (!slab.status.podUid.empty()) target.edit.set.emplace_back(names::podHeader, slab.status.podUid);
  // The sidecar may know of an end that the informer has not told yet.
  const auto sidecar = std::make_shared<SidecarAnswer>();
  target.intercept = [sidecar](const http::ResponseHead& head) {
    if (head.status < 500 || !head.headers.has(names::reasonHeader)) return false;
    *sidecar = SidecarAnswer{head.status, std::string(head.headers.get(names::reasonHeader))};
    return true;
  };
  target.onFailure = [this, route, sidecar](ExchangePtr failed, const proxy::Failure& failure) {
    sessionFailed(std::move(failed), route, *sidecar, failure);
  };
  if (h2c_ && needsHttp2(exchange->head())) return h2c_->proxy.run(std::move(exchange), std::move(target));
  proxy_.run(std::move(exchange), std::move(target));
}

void Lane::sessionFailed(ExchangePtr exchange, const Route& route, const SidecarAnswer& sidecar, const proxy::Failure& failure) {
  ++counts_.failures;
  const role::SlabPtr slab = directory_.find(route.name);
  const http::RequestHead& head = exchange->head();
  const std::string start = startUrl(setup_.options, route);
  proxy::Failure told = failure;
  if (slab && failure.kind == proxy::FailureKind::BadAnswer && h2c_ && needsHttp2(head) && !speaksHttp2(*slab))
    told.detail = "it speaks HTTP/1.1; calls of gRPC go to a session that was spawned with \"upstreamProtocol\": \"h2c\"";
  auto response = !slab                       ? unknown(head, route, start)
                  : isTerminal(slab->state()) ? role::sessionEnded(head, *slab, start)
                                              : unreachable(head, sidecar, told);
  answer(std::move(exchange), std::move(response));
}

void Lane::toApi(ExchangePtr exchange, const std::string& path) {
  ++counts_.toApi;
  proxy::Target target;
  target.address = *setup_.api;
  target.edit = edit(exchange->head(), path, "/api");
  target.onFailure = [this](ExchangePtr failed, const proxy::Failure& failure) {
    ++counts_.failures;
    auto response = apiUnreachable(failed->head(), failure);
    answer(std::move(failed), std::move(response));
  };
  proxy_.run(std::move(exchange), std::move(target));
}

}  // namespace spawner::gateway
