// Options that all roles share.
#include <CLI/CLI.hpp>

#include "modes/role/process.hpp"
#include "modes/role/role.hpp"

namespace spawner::role {

void addCommonOptions(CLI::App& app, CommonOptions& options, bool kube) {
  const std::string group = "Common";
  app.add_option("--log-level", options.logLevel, "Least level that is logged: debug, info, warn or error")
      ->envname("SPAWNER_LOG_LEVEL")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str()
      ->group(group);
  app.add_option("--log-format", options.logFormat, "Form of the log: json (one object a line) or text (for people)")
      ->envname("SPAWNER_LOG_FORMAT")
      ->check(CLI::IsMember({"json", "text"}))
      ->capture_default_str()
      ->group(group);
  app.add_option("--metrics-listen", options.metricsListen, "address:port of /metrics, /healthz and /readyz; empty: none")
      ->envname("SPAWNER_METRICS_LISTEN")
      ->capture_default_str()
      ->group(group);
  app.add_option("--stop-seconds", options.stopSeconds, "Deadline of an ordered end after SIGINT or SIGTERM")
      ->envname("SPAWNER_STOP_SECONDS")
      ->check(CLI::Range(std::uint32_t{0}, maxStopSeconds))
      ->capture_default_str()
      ->group(group);
  if (!kube) return;
  app.add_option("--kubeconfig", options.kubeconfig,
                 "Path of a kubeconfig; empty: $KUBECONFIG, the pod's service account, ~/.kube/config, in that order")
      ->envname("SPAWNER_KUBECONFIG")
      ->group(group);
  app.add_option("--context", options.kubeContext, "Context of the kubeconfig; empty: its current-context")
      ->envname("SPAWNER_CONTEXT")
      ->group(group);
}

Result<Logger::Options> logOptions(const CommonOptions& options) {
  Logger::Options result;
  const auto refuse = [](const char* option, const std::string& value, const char* allowed) {
    return Error{ErrorKind::InvalidArgument, std::string(option) + " " + value + ": must be " + allowed, {}};
  };
  if (options.logLevel == "debug") {
    result.level = LogLevel::Debug;
  } else if (options.logLevel == "info") {
    result.level = LogLevel::Info;
  } else if (options.logLevel == "warn") {
    result.level = LogLevel::Warn;
  } else if (options.logLevel == "error") {
    result.level = LogLevel::Error;
  } else {
    return refuse("--log-level", options.logLevel, "debug, info, warn or error");
  }
  if (options.logFormat != "json" && options.logFormat != "text") return refuse("--log-format", options.logFormat, "json or text");
  result.format = options.logFormat == "json" ? LogFormat::Json : LogFormat::Text;
  return result;
}

}  // namespace spawner::role
