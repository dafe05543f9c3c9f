#include "modes/dev/dev_roles.hpp"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "base/text.hpp"
#include "modes/api/api.hpp"
#include "modes/controller/controller.hpp"
#include "modes/gateway/gateway.hpp"
#include "modes/sweeper/sweeper.hpp"

namespace spawner::dev {
namespace {

Result<std::vector<std::string>> wantedRoles(const std::string& text) {
  const std::vector<std::string> all = {"controller", "sweeper", "api", "gateway"};
  if (text == "all") return all;
  std::vector<std::string> wanted;
  if (text == "none") return wanted;
  for (const std::string_view part : split(text, ',')) {
    const std::string name(trim(part));
    if (std::find(all.begin(), all.end(), name) == all.end())
      return Error{
          ErrorKind::InvalidArgument, "--roles: there is no role '" + name + "' (all, none, or of controller,sweeper,api,gateway)", {}};
    wanted.push_back(name);
  }
  return wanted;
}

/// What people type into a browser for a listening address.
std::string webHost(const std::string& listen) {
  const std::string host = listen.substr(0, listen.rfind(':'));
  return host.empty() || host == "0.0.0.0" || host == "[::]" ? "127.0.0.1" : host;
}

LogLevel levelOf(const std::string& name) {
  if (name == "debug") return LogLevel::Debug;
  if (name == "warn") return LogLevel::Warn;
  if (name == "error") return LogLevel::Error;
  return LogLevel::Info;
}

}  // namespace

Logger LogFiles::logger(const std::string& role) const {
  Logger::Options options;
  options.level = levelOf(level_);
  options.sink = state_.logSink(role);
  return Logger(std::move(options), role);
}

role::Context DevRoles::context(const std::string& name, const LogFiles& logs) {
  metrics_.emplace_back();
  return role::Context{loop_, transport_, random_, logs.logger(name), metrics_.back()};
}

Result<std::unique_ptr<DevRoles>> DevRoles::start(Loop& loop, Random& random, cluster::ApiServer& api, const StateDir& state,
                                                  const Options& options, const LogFiles& logs) {
  auto wanted = wantedRoles(options.roles);
  if (!wanted) return wanted.error();
  const auto wants = [&](std::string_view name) { return std::find(wanted->begin(), wanted->end(), name) != wanted->end(); };
  std::unique_ptr<DevRoles> self(new DevRoles(loop, random, api));
  const std::string apiSocket = "unix:" + (state.path() / "api.sock").string();
  // The gateway first: its port is part of the addresses that API and controller give out.
  if (wants("gateway"))
    if (auto started = self->startGateway(options, apiSocket, logs); !started) return started.error();
  const std::string urlTemplate =
      !options.urlTemplate.empty() || self->gatewayUrl_.empty() ? options.urlTemplate : self->gatewayUrl_ + "/p/{}/";
  Options resolved = options;
  resolved.urlTemplate = urlTemplate;
  if (wants("controller")) {
    controller::Options of;
    of.urlTemplate = urlTemplate;
    of.instance = "spawner-dev";
    auto role = controller::start(self->context("controller", logs), of);
    if (!role) return role.error().in("controller");
    self->roles_.push_back({"controller", std::move(*role)});
  }
  if (wants("sweeper")) {
    sweeper::Options of;
    of.nodeName = "local";
    auto role = sweeper::start(self->context("sweeper", logs), of);
    if (!role) return role.error().in("sweeper");
    self->roles_.push_back({"sweeper", std::move(*role)});
  }
  if (wants("api"))
    if (auto started = self->startApi(resolved, apiSocket, logs); !started) return started.error();
  return self;
}

Result<void> DevRoles::startGateway(const Options& options, const std::string& apiSocket, const LogFiles& logs) {
  auto address = SocketAddress::parse(options.listen);
  if (!address) return address.error().in("--listen");
  gateway::Options of;
  of.h2c = options.h2c;
  of.listen = options.listen;
  of.apiUpstream = apiSocket;
  of.domains = options.domains;
  of.domains.emplace_back("localhost");
  of.allowedHosts = options.allowHosts;
  for (const char* name : {"localhost", "127.0.0.1", "[::1]"}) of.allowedHosts.emplace_back(name);
  of.landingImage = options.landingImage;
  if (of.landingImage.empty() && !options.images.empty()) of.landingImage = options.images[0].substr(0, options.images[0].find('='));
  const auto known = [&](const std::string& image) { return image.starts_with(of.landingImage + "="); };
  if (!of.landingImage.empty() && std::ranges::none_of(options.images, known))
    return Error{ErrorKind::InvalidArgument, "--landing-image " + of.landingImage + " is none of the images: give it with --image", {}};
  of.landingTitle = options.landingTitle;
  const std::string host = webHost(options.listen);
  if (!address->loopback()) {
    fmt::print(stderr, "spawner dev: warning: --listen {} can be reached from other machines: whoever reaches it starts programs here\n",
               options.listen);
    of.allowedHosts.push_back(host);
  }
  auto role = gateway::startGateway(context("gateway", logs), of);
  if (!role) return role.error();
  gatewayUrl_ = "http://" + host + ":" + std::to_string((*role)->port());
  roles_.push_back({"gateway", std::move(*role)});
  return {};
}

Result<void> DevRoles::startApi(const Options& options, const std::string& apiSocket, const LogFiles& logs) {
  api::Options of;
  of.listen = apiSocket;
  of.urlTemplate = options.urlTemplate;
  if (!gatewayUrl_.empty()) of.apiServerBase = gatewayUrl_ + "/api";
  of.defaultGraceSeconds = options.defaultGraceSeconds;
  auto role = api::start(context("api", logs), of);
  if (!role) return role.error().in("api");
  roles_.push_back({"api", std::move(*role)});
  return {};
}

std::string DevRoles::names() const {
  std::string list;
  for (const Running& running : roles_) list += (list.empty() ? "" : ", ") + running.name;
  return list;
}

}  // namespace spawner::dev
