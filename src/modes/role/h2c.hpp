#pragma once
// H2c: what a sidecar or a gateway's lane has besides where HTTP/2 without TLS is spoken: the clients' HTTP/2 connections, and the proxy to
// upstreams that speak it. Nothing of it exists otherwise. Owner: who serves. Thread: the loop's.

#include <functional>
#include <memory>

#include "base/log.hpp"
#include "http2/server.hpp"
#include "modes/role/data_limits.hpp"
#include "proxy/http2_proxy.hpp"

namespace spawner::role {

/// Where HTTP/2 is spoken, beside check() of the limits: what an upstream may send at once must not be too much for its client.
/// InvalidArgument names the options.
Result<void> checkH2c(const DataLimits& limits);

struct H2c {
  /// REQUIRES: http2::loadNghttp2(). makeToken as FrontOptions has it; may be empty.
  H2c(Loop& loop, const Logger& log, const DataLimits& limits, const proxy::ProxyOptions& proxied, http2::Server::Handler handler,
      std::function<std::unique_ptr<http::ExchangeToken>()> makeToken = {});

  http2::Server server;
  proxy::Http2Proxy proxy;  // last: it holds the server's exchanges
};

}  // namespace spawner::role
