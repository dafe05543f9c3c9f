#pragma once
// The parts of runProcess that stand alone.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "http/front.hpp"
#include "http/router.hpp"
#include "modes/role/role.hpp"
#include "spawner/transport.hpp"

namespace spawner::role {

inline constexpr std::uint32_t maxStopSeconds = 3600;

/// Level and format from the options; InvalidArgument names the option. The sink is not set.
Result<Logger::Options> logOptions(const CommonOptions& options);

/// The transport of a role without Kubernetes: every call is answered Unsupported, in a later turn.
class NoKube final : public Transport {
 public:
  explicit NoKube(Loop& loop) : loop_(loop) {}
  Pending call(TransportRequest request, UniqueFunction<void(Result<TransportResponse>)> done) override;
  Pending stream(TransportRequest request, StreamHandlers handlers) override;

 private:
  Loop& loop_;
};

/// The server of /metrics, /healthz and /readyz. Owner: the process. Thread: the loop's.
class OpsServer {
 public:
  /// `ready` is asked for each /readyz. Metrics must outlive this.
  OpsServer(Loop& loop, const Metrics& metrics, std::function<bool()> ready);
  /// Port 0 picks one.
  Result<void> listen(const std::string& address);
  [[nodiscard]] std::uint16_t port() const { return front_.port(); }

 private:
  http::Router router_;
  http::Front front_;
};

}  // namespace spawner::role
