// The API behind a listening front.
#include <utility>

#include "http/call.hpp"
#include "http/front.hpp"
#include "modes/api/api.hpp"
#include "modes/role/host_check.hpp"

namespace spawner::api {

namespace {

class ApiRole final : public role::Role {
 public:
  ApiRole(role::Context context, const Options& options)
      : loop_(context.loop),
        front_(loop_, http::callHandler([this](std::unique_ptr<http::Call> call) { api_.handle(std::move(call)); }, options.maxBodyBytes),
               frontOptions(options)),
        api_(std::move(context), options) {}

  Result<void> begin(const SocketAddress& address) {
    if (auto listening = front_.listen(address); !listening) return listening;
    api_.start();
    return {};
  }
  void stop(Task done) override {
    api_.drain();
    front_.drain(std::move(done));
  }
  [[nodiscard]] bool ready() const override { return api_.ready(); }
  [[nodiscard]] std::uint16_t port() const { return front_.port(); }

 private:
  static http::FrontOptions frontOptions(const Options& options) {
    http::FrontOptions front;
    front.limits.maxConnections = options.maxConnections;
    front.limits.maxUnsentBytes = options.maxUnsentBytes;
    return front;
  }

  Loop& loop_;
  http::Front front_;  // destroyed after what holds its calls
  Api api_;
};

Error badOption(std::string message) { return Error{ErrorKind::InvalidArgument, std::move(message), std::nullopt}; }

Result<void> check(const Options& options) {
  if (auto hosts = role::HostCheck::make(options.allowedHosts); !hosts) return hosts.error().in("--allowed-hosts");
  if (options.ns.empty()) return badOption("--namespace must not be empty");
  if (options.maxListItems == 0) return badOption("--max-list-items must be at least 1");
  if (options.heartbeatSeconds == 0) return badOption("--heartbeat-seconds must be at least 1");
  if (options.kubeTimeoutSeconds == 0) return badOption("--kube-timeout-seconds must be at least 1");
  if (options.servicePrefix.size() > 50) return badOption("--service-prefix leaves no room for a name: at most 50 characters");
  return {};
}

}  // namespace

Result<std::unique_ptr<role::Role>> start(role::Context context, Options options) {
  if (auto checked = check(options); !checked) return checked.error();
  const bool own = !options.listen.empty();
  const Result<SocketAddress> address = SocketAddress::parse(own ? options.listen : ":" + std::to_string(options.port));
  if (!address) return address.error().in(own ? "--listen" : "--port");
  const Logger log = context.log;
  auto role = std::make_unique<ApiRole>(std::move(context), options);
  if (auto begun = role->begin(*address); !begun) return begun.error().in(own ? "--listen" : "--port");
  log.info("api is listening", {{"address", address->toString()}, {"port", role->port()}, {"namespace", options.ns}});
  return std::unique_ptr<role::Role>(std::move(role));
}

}  // namespace spawner::api
