#include "modes/role/h2c.hpp"

namespace spawner::role {
namespace {

using std::chrono::seconds;

http2::SessionLimits sessionLimits(const DataLimits& of) {
  http2::SessionLimits limits;
  limits.maxStreams = of.maxStreams;
  limits.streamWindow = of.streamWindowBytes;
  limits.connectionWindow = of.connectionWindowBytes;
  limits.maxResets = of.maxStreamResets;
  limits.resetsPerSecond = of.streamResetsPerSecond;
  return limits;
}

http2::ServerOptions serverOptions(const DataLimits& of, std::function<std::unique_ptr<http::ExchangeToken>()> makeToken) {
  http2::ServerOptions options;
  options.session = sessionLimits(of);
  options.session.maxHeadBytes = of.maxHeadBytes;
  options.session.maxHeadFields = of.maxHeadFields;
  options.maxConnections = of.maxConnections;
  options.headTimeout = seconds(of.headTimeoutSeconds);
  options.keepAliveTimeout = seconds(of.keepAliveSeconds);
  options.writeTimeout = seconds(of.writeTimeoutSeconds);
  options.makeToken = std::move(makeToken);
  return options;
}

proxy::Http2ProxyOptions http2ProxyOptions(const DataLimits& of) {
  proxy::Http2ProxyOptions options;
  options.session = sessionLimits(of);
  // All clients of a session share its connections: were this window to bind, one client that takes nothing would hold back all others.
  // What is held of answers is bounded stream by stream.
  options.session.connectionWindow = http2::maxWindow;
  options.session.maxHeadBytes = of.maxAnswerHeadBytes;
  options.session.maxHeadFields = of.maxAnswerHeadFields;
  options.maxConnections = of.maxUpstreamConnections;
  return options;
}

}  // namespace

H2c::H2c(Loop& loop, const Logger& log, const DataLimits& limits, const proxy::ProxyOptions& proxied, http2::Server::Handler handler,
         std::function<std::unique_ptr<http::ExchangeToken>()> makeToken)
    : server(loop, std::move(handler), serverOptions(limits, std::move(makeToken))), proxy(loop, proxied, http2ProxyOptions(limits), log) {}

}  // namespace spawner::role
