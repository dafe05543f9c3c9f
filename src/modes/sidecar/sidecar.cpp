#include "modes/sidecar/sidecar.hpp"

#include <optional>
#include <set>

#include "base/start_pages.hpp"
#include "http2/load.hpp"
#include "http2/metrics.hpp"
#include "modes/sidecar/admin_server.hpp"
#include "modes/sidecar/data_plane.hpp"
#include "modes/sidecar/local_server.hpp"
#include "modes/sidecar/session_mapping.hpp"
#include "modes/sidecar/sidecar_metrics.hpp"
#include "session/event_publisher.hpp"

namespace spawner::sidecar {
namespace {

constexpr std::size_t maxUidBytes = 63;  // of the session file
constexpr Duration uselessLimit = std::chrono::seconds(1);

Error invalid(std::string message) { return Error{ErrorKind::InvalidArgument, std::move(message), {}}; }

Result<void> check(const Options& options) {
  std::set<std::uint16_t> ports;
  for (const std::uint16_t port : {options.servePort, options.adminPort, options.localPort, options.upstreamPort})
    if (port != 0 && !ports.insert(port).second)
      return invalid("port " + std::to_string(port) +
                     " is given to two purposes (--serve-port, --upstream-port, --admin-port, --local-port)");
  if (options.upstreamPort == 0) return invalid("--upstream-port must be 1 to 65535");
  if (options.podUid.size() > maxUidBytes) return invalid("--pod-uid is longer than 63 bytes");
  if (!options.adminKeys.empty() && options.podUid.empty()) return invalid("--admin-key needs --pod-uid: signatures are bound to the pod");
  if (options.upstreamProtocol != names::http1Protocol && options.upstreamProtocol != names::h2cProtocol)
    return invalid("--upstream-protocol is \"" + options.upstreamProtocol + "\"; it is http1 or h2c");
  if (options.upstreamProtocol == names::h2cProtocol)
    if (auto sound = role::checkH2c(options); !sound) return sound;
  return role::check(options);
}

class Sidecar final : public role::Role {
 public:
  Sidecar(role::Context context, Options options, session::Verifier verifier, SessionMapping mapping)
      : loop_(context.loop),
        log_(context.log),
        options_(std::move(options)),
        mapping_(std::move(mapping)),
        core_(loop_, mapping_.memory(), {.podUid = options_.podUid, .bootId = bootId()}),
        publisher_(loop_, [this] { return core_.report(); }, {.maxReaders = options_.maxEventReaders}),
        events_(loop_, publisher_),
        data_(loop_, log_, options_, core_,
              http::callHandler([this](std::unique_ptr<http::Call> call) { events_.serve(std::move(call)); }, 0),
              [this] { core_.setReady(); }),
        admin_(loop_, log_, options_, std::move(verifier), core_, events_,
               {.hasUnreadInput = [this] { return data_.hasUnreadInput(); }, .drain = [this] { drain(); }}),
        local_(loop_, log_, options_, core_) {
    core_.onChange([this] { publisher_.changed(); });
    if (!options_.exportMetrics) return;
    metrics_.emplace(context.metrics);
    if (data_.h2c() != nullptr) http2Metrics_.emplace(context.metrics, "spawner_sidecar");
    metricsSource_ = context.metrics.source([this] { updateMetrics(); });
  }

  Result<void> start() {
    if (auto started = admin_.start(); !started) return started;
    if (auto started = local_.start(); !started) return started;
    if (auto started = data_.start(); !started) return started;
    started_ = true;
    log_.info("serving", {{"serve_port", data_.port()},
                          {"admin_port", admin_.port()},
                          {"local_port", local_.port()},
                          {"upstream_port", options_.upstreamPort},
                          {"signed", options_.adminKeys.empty() ? "no: commands are refused" : "yes"},
                          {"goes_on", core_.ready() || core_.swept() ? "yes" : "no"}});
    loop_.post([] { unmapStartPages(); });  // docs/decisions/0066
    return {};
  }

  void stop(Task done) override {
    data_.stop(std::chrono::seconds(options_.drainSeconds), [this, done = std::move(done)]() mutable {
      admin_.endHolds();
      loop_.post(std::move(done));  // behind the answers
    });
  }
  [[nodiscard]] bool ready() const override { return started_; }
  [[nodiscard]] Ports ports() const { return {data_.port(), admin_.port(), local_.port()}; }

 private:
  /// A pod that is deleted while it starts gets its SIGTERM right after the start of this process, which is process 1: the kernel throws it
  /// away until there is a handler, and the kubelet would wait for the whole termination grace period. An application that does not listen
  /// by now will not be used any more: so nobody needs this process.
  void drain() {
    data_.drain();
    if (core_.ready() || !options_.endProcess || uselessTimer_.active()) return;
    uselessTimer_ = loop_.after(uselessLimit, [this] {
      if (core_.ready()) return;
      log_.info("drained before the application listened: nothing is left to do");
      options_.endProcess();
    });
  }
  void updateMetrics() {
    metrics_->update({.report = core_.report(),
                      .proxied = data_.counters(),
                      .serve = data_.frontStats(),
                      .admin = admin_.frontStats(),
                      .local = local_.frontStats(),
                      .waiting = data_.waitingRefused(),
                      .eventReadersRefused = events_.refused(),
                      .unauthorized = admin_.unauthorized()});
    if (http2Metrics_) http2Metrics_->update(data_.h2c()->server.stats());
  }

  Loop& loop_;
  Logger log_;
  const Options options_;
  SessionMapping mapping_;
  session::SidecarCore core_;
  session::EventPublisher publisher_;
  EventStreams events_;
  DataPlane data_;
  AdminServer admin_;
  LocalServer local_;
  std::optional<SidecarMetrics> metrics_;
  std::optional<http2::ServerMetrics> http2Metrics_;
  Metrics::Source metricsSource_;
  Timer uselessTimer_;
  bool started_ = false;
};

/// The session's memory: the file, or, with a warning, memory that a restart forgets (which only ever lengthens a session).
Result<SessionMapping> mappingFor(const Options& options, const Logger& log) {
  if (options.sessionFile.empty()) return SessionMapping::anonymous();
  auto mapping = SessionMapping::open(options.sessionFile);
  if (mapping || mapping.error().kind == ErrorKind::Conflict) return mapping;
  log.warn("no session file: a restart of this sidecar will count as a use", {{"error", mapping.error()}});
  return SessionMapping::anonymous();
}

}  // namespace

Result<std::unique_ptr<role::Role>> start(role::Context context, Options options) {
  if (!options.address.empty()) options.serveAddress = options.adminAddress = options.localAddress = options.address;
  if (auto sound = check(options); !sound) return sound.error();
  if (options.upstreamProtocol == names::h2cProtocol)
    if (auto loaded = http2::loadNghttp2(); !loaded) return loaded.error().in("--upstream-protocol h2c");
  auto verifier = session::Verifier::make(options.adminKeys, options.podUid);
  if (!verifier) return verifier.error();
  auto mapping = mappingFor(options, context.log);
  if (!mapping) return mapping.error().in("--session-file");
  auto sidecar = std::make_unique<Sidecar>(context, std::move(options), std::move(*verifier), std::move(*mapping));
  if (auto started = sidecar->start(); !started) return started.error();
  return std::unique_ptr<role::Role>(std::move(sidecar));
}

Ports portsOf(const role::Role& sidecar) { return static_cast<const Sidecar&>(sidecar).ports(); }

}  // namespace spawner::sidecar
