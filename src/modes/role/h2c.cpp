#include "modes/role/h2c.hpp"

#include <algorithm>

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

/// For heads that came within limits, and the fields that we add to them.
std::size_t sendHeadBytes(std::size_t bytes, std::size_t fields) {
  constexpr std::size_t ofField = 12, added = std::size_t{16} * 1024;
  return std::min(bytes, http2::maxSendHead) + ofField * std::min(fields, http2::maxSendHead) + added;
}

http2::ServerOptions serverOptions(const DataLimits& of, std::function<std::unique_ptr<http::ExchangeToken>()> makeToken) {
  http2::ServerOptions options;
  options.session = sessionLimits(of);
  options.session.maxHeadBytes = of.maxHeadBytes;
  options.session.maxHeadFields = of.maxHeadFields;
  options.session.maxSendHeadBytes = sendHeadBytes(of.maxAnswerHeadBytes, of.maxAnswerHeadFields);
  options.maxConnections = of.maxConnections;
  options.maxUnsentBytes = of.maxUnsentBytes;
  options.lingerTimeout = seconds(of.lingerSeconds);
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
  options.session.maxSendHeadBytes = sendHeadBytes(of.maxHeadBytes, of.maxHeadFields);
  options.maxConnections = of.maxUpstreamConnections;
  return options;
}

}  // namespace

Result<void> checkH2c(const DataLimits& limits) {
  if (limits.maxUnsentBytes >= limits.streamWindowBytes) return {};
  return Error{ErrorKind::InvalidArgument,
               "--max-unsent-bytes must be at least --stream-window-bytes: the application may send as much at once of an answer",
               {}};
}

H2c::H2c(Loop& loop, const Logger& log, const DataLimits& limits, const proxy::ProxyOptions& proxied, http2::Server::Handler handler,
         std::function<std::unique_ptr<http::ExchangeToken>()> makeToken)
    : server(loop, std::move(handler), serverOptions(limits, std::move(makeToken))), proxy(loop, proxied, http2ProxyOptions(limits), log) {}

}  // namespace spawner::role
