// Every limit of the data plane arrives where it is meant to: from its flag to what front and proxy are given.
#include "modes/role/data_limits.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <vector>

using namespace spawner;
using namespace spawner::role;

namespace {

struct Row {
  std::string flag;
  std::function<std::uint64_t(const http::FrontLimits&, const proxy::ProxyOptions&)> get;
};

template <class Unit>
std::uint64_t in(Duration time) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<Unit>(time).count());
}
template <class Member>
auto front(Member member) {
  return [member](const http::FrontLimits& limits, const proxy::ProxyOptions&) { return static_cast<std::uint64_t>(limits.*member); };
}
template <class Unit>
auto frontTime(Duration http::FrontLimits::*member) {
  return [member](const http::FrontLimits& limits, const proxy::ProxyOptions&) { return in<Unit>(limits.*member); };
}
template <class Get>
auto proxied(Get get) {
  return [get](const http::FrontLimits&, const proxy::ProxyOptions& options) { return static_cast<std::uint64_t>(get(options)); };
}

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Front = http::FrontLimits;
using Proxy = proxy::ProxyOptions;

const std::vector<Row> rows = {
    {"--max-connections", front(&Front::maxConnections)},
    {"--max-head-bytes", front(&Front::maxHeadBytes)},
    {"--max-head-fields", front(&Front::maxHeadFields)},
    {"--head-timeout-seconds", frontTime<seconds>(&Front::headTimeout)},
    {"--keep-alive-seconds", frontTime<seconds>(&Front::keepAliveTimeout)},
    {"--write-timeout-seconds", frontTime<seconds>(&Front::writeTimeout)},
    {"--max-unsent-bytes", front(&Front::maxUnsentBytes)},
    {"--max-pipes", front(&Front::maxPipes)},
    {"--linger-seconds", frontTime<seconds>(&Front::lingerTimeout)},
    {"--max-linger-bytes", front(&Front::maxLingerBytes)},
    {"--spare-descriptors", front(&Front::spareDescriptors)},
    {"--dead-peer-seconds", frontTime<seconds>(&Front::deadPeerLimit)},
    {"--dead-peer-seconds", proxied([](const Proxy& o) { return in<seconds>(o.tunnels.deadPeerLimit); })},
    {"--max-chunk-extension-bytes", [](const Front& limits, const Proxy&) { return limits.chunks.maxExtensionBytes; }},
    {"--max-trailer-bytes", [](const Front& limits, const Proxy&) { return limits.chunks.maxTrailerBytes; }},
    {"--max-tunnels", proxied([](const Proxy& o) { return o.maxTunnels; })},
    {"--connect-timeout-seconds", proxied([](const Proxy& o) { return in<seconds>(o.connectTimeout); })},
    {"--answer-timeout-seconds", proxied([](const Proxy& o) { return in<seconds>(o.headTimeout); })},
    {"--stall-timeout-seconds", proxied([](const Proxy& o) { return in<seconds>(o.stallTimeout); })},
    {"--max-answer-head-bytes", proxied([](const Proxy& o) { return o.maxHeadBytes; })},
    {"--max-answer-head-fields", proxied([](const Proxy& o) { return o.maxHeadFields; })},
    {"--max-answer-chunk-extension-bytes", proxied([](const Proxy& o) { return o.chunks.maxExtensionBytes; })},
    {"--max-answer-trailer-bytes", proxied([](const Proxy& o) { return o.chunks.maxTrailerBytes; })},
    {"--max-interim-answers", proxied([](const Proxy& o) { return o.maxInterim; })},
    {"--pool-size", proxied([](const Proxy& o) { return o.pool.maxIdle; })},
    {"--pool-size", proxied([](const Proxy& o) { return o.pool.maxIdlePerAddress; })},
    {"--pool-idle-ms", proxied([](const Proxy& o) { return in<milliseconds>(o.pool.idleTimeout); })},
    {"--unsafe-reuse-ms", proxied([](const Proxy& o) { return in<milliseconds>(o.unsafeReuseWithin); })},
    {"--busy-poll-us", proxied([](const Proxy& o) { return in<microseconds>(o.busyPoll); })},
    {"--busy-poll-us", proxied([](const Proxy& o) { return in<microseconds>(o.tunnels.busyPoll); })},
    {"--half-close-seconds", proxied([](const Proxy& o) { return in<seconds>(o.tunnels.halfCloseTimeout); })},
    {"--close-seconds", proxied([](const Proxy& o) { return in<seconds>(o.tunnels.closeTimeout); })},
    {"--buffer-bytes", proxied([](const Proxy& o) { return o.bufferBytes; })},
    {"--buffer-bytes", proxied([](const Proxy& o) { return o.tunnels.bufferBytes; })},
};

const std::vector<std::string> http2Flags = {"--max-streams",       "--stream-window-bytes",      "--connection-window-bytes",
                                             "--max-stream-resets", "--stream-resets-per-second", "--max-upstream-connections"};

}  // namespace

TEST_CASE("every limit of the data plane arrives where it is meant to, and only there") {
  DataLimits defaults;
  CLI::App app;
  CommandLine line(app);
  addDataLimits(line, defaults, "TEST_", "the application");
  for (const CLI::Option* option : app.get_options({}))
    if (const std::string flag = option->get_name(); flag != "--help")
      CHECK((std::any_of(rows.begin(), rows.end(), [&](const Row& row) { return row.flag == flag; }) ||
             std::find(http2Flags.begin(), http2Flags.end(), flag) != http2Flags.end()));

  const auto before = std::pair(frontLimits(DataLimits{}), proxyOptions(DataLimits{}));
  for (const Row& set : rows) {
    DataLimits limits;
    CLI::App one;
    CommandLine oneLine(one);
    addDataLimits(oneLine, limits, "TEST_", "the application");
    const std::uint64_t value = set.flag == "--buffer-bytes" ? 7777 : 777;
    std::vector<std::string> arguments = {std::to_string(value), set.flag};  // CLI11 takes them from behind
    REQUIRE_NOTHROW(one.parse(arguments));
    for (const Row& row : rows) {
      CAPTURE(set.flag, row.flag);
      CHECK(row.get(frontLimits(limits), proxyOptions(limits)) == (row.flag == set.flag ? value : row.get(before.first, before.second)));
    }
    CHECK(proxyOptions(limits).spareDescriptors == limits.spareDescriptors / 4);
  }
}
