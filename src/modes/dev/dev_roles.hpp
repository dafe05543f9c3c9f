#pragma once
// DevRoles: the roles of `spawner dev`, unchanged, on its loop, with a transport straight into the embedded API server.

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "cluster/api_server.hpp"
#include "cluster/direct_transport.hpp"
#include "modes/dev/options.hpp"
#include "modes/dev/state_dir.hpp"
#include "modes/role/role.hpp"
#include "spawner/loop.hpp"

namespace spawner::dev {

/// One bounded log file a role.
class LogFiles {
 public:
  LogFiles(const StateDir& state, std::string level) : state_(state), level_(std::move(level)) {}
  [[nodiscard]] Logger logger(const std::string& role) const;

 private:
  const StateDir& state_;
  std::string level_;
};

/// Owner: dev. Loop, random and API server outlive it. Thread: the loop's.
class DevRoles {
 public:
  /// InvalidArgument: --roles names an unknown one, or an option is refused by its role.
  static Result<std::unique_ptr<DevRoles>> start(Loop& loop, Random& random, cluster::ApiServer& api, const StateDir& state,
                                                 const Options& options, const LogFiles& logs);
  /// "controller, sweeper, api, gateway": those that run; empty for none.
  [[nodiscard]] std::string names() const;
  /// "http://HOST:PORT" of the gateway; empty when it does not run here.
  [[nodiscard]] const std::string& gatewayUrl() const { return gatewayUrl_; }

 private:
  DevRoles(Loop& loop, Random& random, cluster::ApiServer& api) : loop_(loop), random_(random), transport_(loop, api) {}
  role::Context context(const std::string& name, const LogFiles& logs);
  Result<void> startGateway(const Options& options, const std::string& apiSocket, const LogFiles& logs);
  Result<void> startApi(const Options& options, const std::string& apiSocket, const LogFiles& logs);

  Loop& loop_;
  Random& random_;
  cluster::DirectTransport transport_;
  std::list<Metrics> metrics_;
  std::string gatewayUrl_;
  struct Running {
    std::string name;
    std::unique_ptr<role::Role> role;
  };
  std::list<Running> roles_;
};

}  // namespace spawner::dev
