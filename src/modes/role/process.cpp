// From options to an exit code.
#include "modes/role/process.hpp"

#include <signal.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstdio>

#include "base/crypto.hpp"
#include "k8s/config.hpp"
#include "loop/reactor.hpp"
#include "loop/signals.hpp"

namespace spawner::role {
namespace {

constexpr int success = 0;
constexpr int failure = 1;

/// A tunnel needs two descriptors, and the usual soft limit of 1024 is for programs that call select().
void raiseDescriptorLimit(const Logger& log) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  const rlim_t before = std::exchange(limit.rlim_cur, limit.rlim_max);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    log.warn("the limit of open files cannot be raised", {{"limit", before}, {"error", systemError("setrlimit", errno)}});
}

/// One process of one role. Members are made in order and go in the reverse one: the role first, the loop last.
class Process {
 public:
  Process(const CommonOptions& options, Logger log) : options_(options), log_(std::move(log)) {}

  int run(bool kube, const std::function<Result<std::unique_ptr<Role>>(Context)>& start) {
    if (Result<void> prepared = prepare(kube); !prepared) return failed("cannot start", prepared.error());
    Result<std::unique_ptr<Role>> role = start(Context{loop_, *kube_, *random_, log_, metrics_});
    if (!role) return failed("cannot start", role.error());
    role_ = std::move(*role);
    log_.info("started");
    loop_.run();
    if (stage_ == Stage::Working)
      return failed("the role ended by itself", Error{ErrorKind::Internal, "it stopped the loop; what it logged tells why", {}});
    if (stage_ == Stage::Stopped) log_.info("stopped");
    return stage_ == Stage::Stopped ? success : failure;
  }

 private:
  enum class Stage { Working, Stopping, Stopped, Cut };

  Result<void> prepare(bool kube) {
    // Before any thread and any child: they inherit the mask.
    Result<SignalWatch> signals = SignalWatch::make(loop_, {SIGINT, SIGTERM}, [this](int number) { onSignal(number); });
    if (!signals) return signals.error();
    signals_ = std::move(*signals);
    // A peer that goes away is an error of a write, not the end of the process (TLS libraries write without MSG_NOSIGNAL).
    ::signal(SIGPIPE, SIG_IGN);
    raiseDescriptorLimit(log_);
    if (kube) {
      Result<k8s::ClusterConfig> config = k8s::findConfig(options_.kubeconfig, options_.kubeContext, k8s::environment());
      if (!config) return config.error();
      log_.info("Kubernetes", {{"server", config->server}, {"by", config->origin}});
      Result<std::unique_ptr<Transport>> transport = k8s::makeTransport(loop_, *config, log_);
      if (!transport) return transport.error();
      kube_ = std::move(*transport);
    } else {
      kube_ = std::make_unique<NoKube>(loop_);
    }
    if (options_.metricsListen.empty()) return {};
    ops_ = std::make_unique<OpsServer>(loop_, metrics_, [this] { return stage_ == Stage::Working && role_ && role_->ready(); });
    if (Result<void> listening = ops_->listen(options_.metricsListen); !listening) return listening.error();
    log_.info("metrics and health", {{"listen", options_.metricsListen}, {"port", ops_->port()}});
    return {};
  }

  void onSignal(int number) {
    if (stage_ == Stage::Working) return stop(number);
    if (stage_ != Stage::Stopping) return;
    log_.error("second signal: ends at once, unfinished", {{"signal", number}});
    end(Stage::Cut);
  }
  void stop(int number) {
    stage_ = Stage::Stopping;
    log_.info("stopping", {{"signal", number}, {"seconds", options_.stopSeconds}});
    deadline_ = loop_.after(std::chrono::seconds(options_.stopSeconds), [this] {
      log_.error("the ordered end took longer than --stop-seconds: ends now, unfinished", {{"seconds", options_.stopSeconds}});
      end(Stage::Cut);
    });
    role_->stop([this] { end(Stage::Stopped); });
  }
  void end(Stage stage) {
    if (stage_ != Stage::Stopping) return;
    stage_ = stage;
    loop_.stop();
  }
  int failed(std::string_view what, const Error& error) {
    log_.error(what, {{"error", error}});
    return failure;
  }

  const CommonOptions options_;
  Logger log_;
  Stage stage_ = Stage::Working;
  Reactor loop_;
  SignalWatch signals_;
  std::unique_ptr<Random> random_ = systemRandom();
  Metrics metrics_;
  std::unique_ptr<Transport> kube_;
  std::unique_ptr<OpsServer> ops_;
  std::unique_ptr<Role> role_;
  Timer deadline_;
};

}  // namespace

int runProcess(const std::string& roleName, const CommonOptions& options, bool kube,
               const std::function<Result<std::unique_ptr<Role>>(Context)>& start) {
  Result<Logger::Options> logging = logOptions(options);
  if (!logging || options.stopSeconds > maxStopSeconds) {
    const std::string why = !logging ? logging.error().message : "--stop-seconds: must be at most " + std::to_string(maxStopSeconds);
    std::fprintf(stderr, "spawner %s: %s\n", roleName.c_str(), why.c_str());
    return failure;
  }
  logging->sink = fdSink(2);
  return Process(options, Logger(*logging, roleName)).run(kube, start);
}

}  // namespace spawner::role
