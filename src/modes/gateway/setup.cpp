// From options to a Setup.
#include "modes/gateway/setup.hpp"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "http2/load.hpp"
#include "modes/gateway/answers.hpp"
#include "modes/role/h2c.hpp"

namespace spawner::gateway {

namespace {

constexpr std::size_t maxLandingBytes = 1024 * 1024;

Error badOption(std::string message) { return Error{ErrorKind::InvalidArgument, std::move(message), std::nullopt}; }

Result<std::string> readLandingPage(const std::string& path) {
  const std::string what = "--landing-page " + path;
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return systemError(what, errno);
  std::string text;
  std::array<char, 16 * 1024> buffer{};
  for (;;) {
    const IoResult got = readSome(file.get(), buffer);
    if (got.kind == IoResult::Kind::End) return text;
    if (got.kind != IoResult::Kind::Bytes) return systemError(what, got.errnoValue);
    text.append(buffer.data(), got.bytes);
    if (text.size() > maxLandingBytes) return badOption(what + " is larger than 1 MiB");
  }
}

Result<std::vector<std::string>> domainsOf(const std::vector<std::string>& given) {
  std::vector<std::string> domains;
  for (const std::string& domain : given) {
    std::string name = toLower(domain);
    if (name.starts_with('.')) name.erase(0, 1);
    if (name.empty() || name.find_first_of(":/*@ ") != std::string::npos || name.ends_with('.'))
      return badOption("--domain \"" + domain + "\" is not a domain name (without a port)");
    domains.push_back(std::move(name));
  }
  return domains;
}

Result<void> check(const Options& options) {
  if (options.ns.empty()) return badOption("--namespace must not be empty");
  if (options.kubeTimeoutSeconds == 0) return badOption("--kube-timeout-seconds must be at least 1");
  if (options.connectTimeoutSeconds == 0) return badOption("--connect-timeout-seconds must be at least 1");
  if (options.headTimeoutSeconds == 0) return badOption("--head-timeout-seconds must be at least 1");
  if (options.loops < 1 || options.loops > maxLoops) return badOption("--loops must be 1 … " + std::to_string(maxLoops));
  // A loop without a share would refuse all that the kernel gives it.
  if (options.maxConnections < options.loops) return badOption("--max-connections must be at least --loops: each loop has its share");
  for (const auto& [flag, limit] : {std::pair{"--max-tunnels", options.maxTunnels}, std::pair{"--max-waiting", options.maxWaiting}})
    if (limit > 0 && limit < options.loops) return badOption(std::string(flag) + " must be 0 or at least --loops: each loop has its share");
  if (!options.landingPage.empty() && !options.landingImage.empty())
    return badOption("--landing-page and --landing-image exclude each other: the image is for the built-in page");
  if (auto sound = role::check(options); !sound) return sound;
  if (options.h2c)
    if (auto sound = role::checkH2c(options); !sound) return sound;
  if (!options.landingImage.empty() && options.apiUpstream.empty())
    return badOption("--landing-image needs --api-upstream: its button asks the API");
  return {};
}

}  // namespace

Options dividedLimits(Options options, std::size_t index) {
  for (std::size_t* total : {&options.maxConnections, &options.maxTunnels, &options.maxPipes, &options.poolSize, &options.maxWaiting})
    *total = shareOf(*total, options.loops, index);
  return options;
}

Result<Setup> prepare(Options options) {
  if (auto checked = check(options); !checked) return checked.error();
  if (options.h2c)
    if (auto loaded = http2::loadNghttp2(); !loaded) return loaded.error().in("--h2c");
  Setup setup;
  auto domains = domainsOf(options.domains);
  if (!domains) return domains.error();
  options.domains = std::move(*domains);
  auto hosts = role::HostCheck::make(options.allowedHosts);
  if (!hosts) return hosts.error().in("--allowed-hosts");
  setup.hosts = std::move(*hosts);
  auto address = SocketAddress::parse(options.listen);
  if (!address) return address.error().in("--listen");
  setup.listen = *address;
  if (options.loops > 1 && address->storage.ss_family == AF_UNIX) return badOption("--loops: only one loop can serve a unix socket");
  if (!options.apiUpstream.empty()) {
    auto api = SocketAddress::parse(options.apiUpstream);
    if (!api) return api.error().in("--api-upstream");
    setup.api = *api;
  }
  if (options.landingPage.empty()) {
    setup.landing = landing(options);
  } else {
    auto page = readLandingPage(options.landingPage);
    if (!page) return page.error();
    setup.landing = http::Response::html(200, std::move(*page));
  }
  setup.options = std::move(options);
  return setup;
}

}  // namespace spawner::gateway
