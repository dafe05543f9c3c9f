#include "modes/dev/dev_cluster.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/text.hpp"

namespace spawner::dev {
namespace {

/// What programs need of a person's environment to run at all; nothing that only happens to be set.
constexpr std::array<const char*, 12> passed = {"PATH",   "HOME",     "USER", "LOGNAME", "SHELL",       "LANG",
                                                "LC_ALL", "LC_CTYPE", "TZ",   "TMPDIR",  "VIRTUAL_ENV", "XDG_RUNTIME_DIR"};

std::vector<std::pair<std::string, std::string>> baseEnvironment(const std::vector<std::string>& more) {
  std::vector<std::pair<std::string, std::string>> env;
  const auto add = [&](const char* name) {
    if (const char* value = std::getenv(name)) env.emplace_back(name, value);
  };
  for (const char* name : passed) add(name);
  for (const std::string& name : more) add(name.c_str());
  return env;
}

std::string selfPath() {
  std::error_code failure;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", failure);
  return failure ? "/proc/self/exe" : self.string();
}

Result<void> writePrivate(const std::filesystem::path& path, std::string_view text) {
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return systemError("cannot write " + path.string(), errno);
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return systemError("cannot write " + path.string(), errno);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

/// The secret stands there twice: client-go sends no token of a user to a server without TLS, but it sends the server URL's user
/// information as Basic credentials; our own roles take the token (docs/decisions/0046).
std::string kubeconfigText(const std::string& host, const std::string& token) {
  return "apiVersion: v1\nkind: Config\ncurrent-context: spawner-dev\n"
         "clusters:\n- name: spawner-dev\n  cluster:\n    server: http://spawner:" +
         token + "@" + host +
         "\n"
         "users:\n- name: spawner-dev\n  user:\n    token: " +
         token +
         "\n"
         "contexts:\n- name: spawner-dev\n  context:\n    cluster: spawner-dev\n    user: spawner-dev\n    namespace: spawner\n";
}

/// A 127.X.0.0/16 of this run's own: several runs on one machine must not give one address twice. A listening socket in it is the claim; it
/// goes with the process.
struct AddressRange {
  int number = 0;  // X
  Fd claim;
};
Result<AddressRange> claimRange(Random& random) {
  constexpr std::uint64_t first = 64, count = 128;
  const std::uint64_t begin = random.below(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const int number = static_cast<int>(first + (begin + i) % count);
    auto address = SocketAddress::fromIp("127." + std::to_string(number) + ".255.254", names::servePort);
    if (!address) return address.error();
    if (auto claim = listenOn(*address)) return AddressRange{number, std::move(*claim)};
  }
  return Error{ErrorKind::Limit, "no 127.X.0.0/16 between 127.64 and 127.191 is free for pods: too many spawner dev run here", {}};
}

Result<cluster::ImageTable> imageTable(const Options& options) {
  cluster::ImageTable images;
  for (const std::string& image : options.images)
    if (auto added = images.addOption(image); !added) return added.error();
  images.add("spawner", cluster::Image{{selfPath()}, true});
  return images;
}

}  // namespace

Result<std::unique_ptr<DevCluster>> DevCluster::start(Loop& loop, Random& random, const StateDir& state, const Options& options,
                                                      const std::string& instance, Logger log) {
  std::unique_ptr<DevCluster> self(new DevCluster);
  auto images = imageTable(options);
  if (!images) return images.error();
  auto range = claimRange(random);
  if (!range) return range.error();
  self->rangeClaim_ = std::move(range->claim);
  cluster::ApiServerOptions server;
  server.serviceRange = "127." + std::to_string(range->number) + ".0.0/17";
  self->api_ = std::make_unique<cluster::ApiServer>(server, random, cluster::Now{loop.now(), loop.wallNow()});
  self->controllers_ = std::make_unique<cluster::Controllers>(loop, *self->api_);
  cluster::ProcessRuntimeOptions runtime;
  runtime.stateDir = state.path();
  runtime.instance = instance;
  runtime.startPort = static_cast<std::uint16_t>(runtime.firstPort + (range->number - 64) * 78);  // 128 starting points in 10,000 ports
  runtime.baseEnv = baseEnvironment(options.passEnv);
  self->runtime_ = std::make_unique<cluster::ProcessRuntime>(loop, std::move(*images), std::move(runtime), log);
  auto hooks = fetch::HttpTransport::make(loop);
  if (!hooks) return hooks.error();
  self->hooks_ = std::move(*hooks);
  cluster::NodeAgentOptions agent;
  agent.maxPods = options.maxSessions;
  agent.podRange = 0x7F008000U | static_cast<std::uint32_t>(range->number) << 16;  // the upper half of the range
  agent.podRangeSize = 1U << 15;
  self->agent_ = std::make_unique<cluster::NodeAgent>(loop, *self->api_, *self->runtime_, self->hooks_.get(), log, agent);
  self->logs_ = std::make_unique<cluster::ContainerLogSource>(*self->agent_, *self->runtime_);
  self->api_->setLogSource(self->logs_.get());
  if (auto served = self->serve(loop, options, random, state); !served) return served.error();
  return self;
}

Result<void> DevCluster::serve(Loop& loop, const Options& options, Random& random, const StateDir& state) {
  auto address = SocketAddress::parse(options.kubeListen);
  if (!address) return address.error().in("--kube-listen");
  if (!address->loopback())
    return Error{ErrorKind::InvalidArgument,
                 "--kube-listen " + options.kubeListen + " is not a loopback address: whoever reaches the API server runs programs here",
                 {}};
  std::array<std::uint8_t, 24> secret{};
  random.fill(secret);
  const std::string token = base64UrlEncode({reinterpret_cast<const char*>(secret.data()), secret.size()});
  cluster::ServerOptions serverOptions;
  serverOptions.allowedHosts = {"127.0.0.1", "localhost", "[::1]"};
  serverOptions.bearerToken = token;
  server_ = std::make_unique<cluster::Server>(loop, *api_, serverOptions);
  if (auto listening = server_->listen(*address); !listening) return listening.error().in("--kube-listen");

  const std::string host = options.kubeListen.substr(0, options.kubeListen.rfind(':'));
  const std::string reached = (host.empty() ? "127.0.0.1" : host) + ":" + std::to_string(server_->port());
  url_ = "http://" + reached;
  const std::string text = kubeconfigText(reached, token);
  kubeconfig_ = (state.path() / "kubeconfig").string();
  if (auto written = writePrivate(kubeconfig_, text); !written) return written.error();
  if (options.kubeconfig.empty()) return {};
  if (auto written = writePrivate(options.kubeconfig, text); !written) return written.error().in("--kubeconfig");
  kubeconfig_ = options.kubeconfig;
  return {};
}

}  // namespace spawner::dev
