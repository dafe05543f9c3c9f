// Options that all roles share.
#include "modes/role/command_line.hpp"
#include "modes/role/process.hpp"

namespace spawner::role {

void addCommonOptions(CommandLine& line, CommonOptions& options, bool kube) {
  line.group("Common");
  line.choice("--log-level", options.logLevel, "SPAWNER_LOG_LEVEL", "Least level that is logged: debug, info, warn or error",
              {"debug", "info", "warn", "error"});
  line.choice("--log-format", options.logFormat, "SPAWNER_LOG_FORMAT", "Form of the log: json (one object a line) or text (for people)",
              {"json", "text"});
  line.text("--metrics-listen", options.metricsListen, "SPAWNER_METRICS_LISTEN",
            "address:port of /metrics, /healthz and /readyz; empty: none");
  line.number("--stop-seconds", options.stopSeconds, "SPAWNER_STOP_SECONDS", "Deadline of an ordered end after SIGINT or SIGTERM",
              {0, maxStopSeconds});
  if (!kube) return;
  line.text("--kubeconfig", options.kubeconfig, "SPAWNER_KUBECONFIG",
            "Path of a kubeconfig; empty: $KUBECONFIG, the pod's service account, ~/.kube/config, in that order");
  line.text("--context", options.kubeContext, "SPAWNER_CONTEXT", "Context of the kubeconfig; empty: its current-context");
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
