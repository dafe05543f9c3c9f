#include "modes/role/data_limits.hpp"

#include "http2/session.hpp"

namespace spawner::role {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t leastBuffer = 1024;

/// CommandLine::number with the variable's name made from the option's: "--max-head-bytes" → "<prefix>MAX_HEAD_BYTES".
class Adder {
 public:
  Adder(CommandLine& line, std::string prefix) : line_(line), prefix_(std::move(prefix)) {}
  template <class Number>
  void operator()(const std::string& flag, Number& value, const std::string& help, Range range = {}) {
    std::string env = prefix_;
    for (const char c : flag.substr(2)) env += c == '-' ? '_' : static_cast<char>(c - 'a' + 'A');
    line_.number(flag, value, env, help, range);
  }

 private:
  CommandLine& line_;
  const std::string prefix_;
};

void addOfClients(Adder& add, DataLimits& o) {
  constexpr Range some{.least = 1};
  add("--max-connections", o.maxConnections, "clients' connections; 503 beyond");
  add("--max-tunnels", o.maxTunnels, "upgraded connections (WebSockets); 503 beyond");
  add("--spare-descriptors", o.spareDescriptors,
      "clients leave so many of the process's descriptors free; 503 beyond; at most half of them all");
  add("--max-head-bytes", o.maxHeadBytes, "of a request's head; 431 beyond");
  add("--max-head-fields", o.maxHeadFields, "of a request's head; 431 beyond");
  add("--head-timeout-seconds", o.headTimeoutSeconds, "from a head's first byte to its last; 408 beyond", some);
  add("--keep-alive-seconds", o.keepAliveSeconds, "of a client's idle connection");
  add("--write-timeout-seconds", o.writeTimeoutSeconds, "a client that takes nothing for this long is gone", some);
  add("--max-unsent-bytes", o.maxUnsentBytes, "of an answer in memory; a client that leaves more is gone");
  add("--max-pipes", o.maxPipes, "through which large answers pass without a copy, two descriptors each; beyond: copied");
  add("--linger-seconds", o.lingerSeconds, "after an answer that closes, so long a client's further bytes are thrown away");
  add("--max-linger-bytes", o.maxLingerBytes, "at most so many of them");
  add("--max-chunk-extension-bytes", o.maxChunkExtensionBytes, "of one chunk of a request's body; 400 beyond");
  add("--max-trailer-bytes", o.maxTrailerBytes, "of all trailers of a request; 400 beyond");
  add("--dead-peer-seconds", o.deadPeerSeconds, "a peer that does not answer for this long (TCP) is gone; 0: the system's");
}

void addOfUpstreams(Adder& add, DataLimits& o, const std::string& upstream) {
  add("--connect-timeout-seconds", o.connectTimeoutSeconds, "to " + upstream + "; 504 beyond");
  add("--answer-timeout-seconds", o.answerTimeoutSeconds, "from a request's last byte to its answer's head; 504 beyond; 0: no limit");
  add("--stall-timeout-seconds", o.stallTimeoutSeconds, "of a body under way without a byte; 0: no limit");
  add("--max-answer-head-bytes", o.maxAnswerHeadBytes, "of the answers of " + upstream + "; 502 beyond");
  add("--max-answer-head-fields", o.maxAnswerHeadFields, "of the answers of " + upstream + "; 502 beyond");
  add("--max-answer-chunk-extension-bytes", o.maxAnswerChunkExtensionBytes, "of one chunk of an answer's body; broken off beyond");
  add("--max-answer-trailer-bytes", o.maxAnswerTrailerBytes, "of all trailers of an answer; broken off beyond");
  add("--max-interim-answers", o.maxInterimAnswers, "answers of 1xx before the final one; 502 beyond");
  add("--pool-size", o.poolSize, "idle connections to " + upstream + "; 0: none is kept");
  add("--pool-idle-ms", o.poolIdleMs, "such a connection is closed after this time");
  add("--unsafe-reuse-ms", o.unsafeReuseMs, "a request that must not be sent twice takes none that was idle for longer");
  add("--busy-poll-us", o.busyPollUs,
      "an answer of " + upstream + " is looked for before the loop sleeps; stops by itself where it is slower; 0: never",
      Range{.most = 1000});
  add("--half-close-seconds", o.halfCloseSeconds, "an upgraded connection with one side ended, without data, is closed");
  add("--close-seconds", o.closeSeconds, "between our WebSocket close 1001 and the hard end");
  add("--buffer-bytes", o.bufferBytes, "of an exchange or upgraded connection, a direction", Range{.least = leastBuffer});
}

void addOfHttp2(Adder& add, DataLimits& o, const std::string& upstream) {
  constexpr Range some{.least = 1};
  constexpr Range window{.least = http2::minWindow, .most = http2::maxWindow};
  add("--max-streams", o.maxStreams, "h2c: requests open at once on a client's connection", some);
  add("--stream-window-bytes", o.streamWindowBytes, "h2c: held of a request, a direction", window);
  add("--connection-window-bytes", o.connectionWindowBytes, "h2c: held of the bodies of all requests of a client's connection", window);
  add("--max-stream-resets", o.maxStreamResets, "h2c: requests that a client's connection may break off at once; it is closed beyond");
  add("--stream-resets-per-second", o.streamResetsPerSecond, "h2c: the same, going on");
  add("--max-upstream-connections", o.maxUpstreamConnections,
      "h2c: to one address of " + upstream + "; a further one is made where its limit of requests on one is reached", some);
}

}  // namespace

void addDataLimits(CommandLine& line, DataLimits& limits, const std::string& envPrefix, const std::string& upstream) {
  Adder add(line, envPrefix);
  addOfClients(add, limits);
  addOfUpstreams(add, limits, upstream);
  addOfHttp2(add, limits, upstream);
}

Result<void> check(const DataLimits& limits) {
  if (limits.bufferBytes < leastBuffer)
    return Error{ErrorKind::InvalidArgument, "--buffer-bytes must be at least " + std::to_string(leastBuffer), {}};
  if (limits.maxStreams == 0 || limits.maxUpstreamConnections == 0)
    return Error{ErrorKind::InvalidArgument, "--max-streams and --max-upstream-connections must be at least 1", {}};
  for (const std::uint32_t window : {limits.streamWindowBytes, limits.connectionWindowBytes})
    if (window < http2::minWindow || window > http2::maxWindow)
      return Error{ErrorKind::InvalidArgument, "--stream-window-bytes and --connection-window-bytes must be 65535 to 2147483647", {}};
  return {};
}

http::FrontLimits frontLimits(const DataLimits& of) {
  http::FrontLimits limits;
  limits.maxHeadBytes = of.maxHeadBytes;
  limits.maxHeadFields = of.maxHeadFields;
  limits.headTimeout = seconds(of.headTimeoutSeconds);
  limits.keepAliveTimeout = seconds(of.keepAliveSeconds);
  limits.writeTimeout = seconds(of.writeTimeoutSeconds);
  limits.maxConnections = of.maxConnections;
  limits.maxUnsentBytes = of.maxUnsentBytes;
  limits.maxPipes = of.maxPipes;
  limits.lingerTimeout = seconds(of.lingerSeconds);
  limits.maxLingerBytes = of.maxLingerBytes;
  limits.deadPeerLimit = seconds(of.deadPeerSeconds);
  limits.chunks = {.maxExtensionBytes = of.maxChunkExtensionBytes, .maxTrailerBytes = of.maxTrailerBytes};
  limits.spareDescriptors = of.spareDescriptors;
  return limits;
}

proxy::ProxyOptions proxyOptions(const DataLimits& of) {
  proxy::ProxyOptions options;
  options.connectTimeout = seconds(of.connectTimeoutSeconds);
  options.headTimeout = seconds(of.answerTimeoutSeconds);
  options.stallTimeout = seconds(of.stallTimeoutSeconds);
  options.bufferBytes = of.bufferBytes;
  options.maxHeadBytes = of.maxAnswerHeadBytes;
  options.maxHeadFields = of.maxAnswerHeadFields;
  options.chunks = {.maxExtensionBytes = of.maxAnswerChunkExtensionBytes, .maxTrailerBytes = of.maxAnswerTrailerBytes};
  options.maxInterim = of.maxInterimAnswers;
  options.maxTunnels = of.maxTunnels;
  options.unsafeReuseWithin = milliseconds(of.unsafeReuseMs);
  options.spareDescriptors = of.spareDescriptors / 4;
  options.pool.maxIdlePerAddress = options.pool.maxIdle = of.poolSize;
  options.pool.idleTimeout = milliseconds(of.poolIdleMs);
  options.tunnels.halfCloseTimeout = seconds(of.halfCloseSeconds);
  options.tunnels.deadPeerLimit = seconds(of.deadPeerSeconds);
  options.tunnels.bufferBytes = of.bufferBytes;
  options.tunnels.closeTimeout = seconds(of.closeSeconds);
  options.busyPoll = options.tunnels.busyPoll = std::chrono::microseconds(of.busyPollUs);
  return options;
}

}  // namespace spawner::role
