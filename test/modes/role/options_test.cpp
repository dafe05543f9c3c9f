// Options that all roles share: flags, environment, refusals.
#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>

#include "loop/sim_loop.hpp"
#include "modes/role/process.hpp"

using namespace spawner;
using namespace spawner::role;
using namespace std::chrono_literals;

namespace {

/// The options after these arguments; the text of the refusal if there was one.
struct Parsed {
  CommonOptions options;
  std::string refusal;
};
Parsed parse(std::vector<std::string> arguments, bool kube = true) {
  Parsed parsed;
  CLI::App app;
  addCommonOptions(app, parsed.options, kube);
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) { parsed.refusal = error.what(); }
  return parsed;
}

struct Variable {
  std::string name;
  Variable(const std::string& nameIn, const std::string& value) : name(nameIn) { ::setenv(name.c_str(), value.c_str(), 1); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() { ::unsetenv(name.c_str()); }
};

}  // namespace

TEST_CASE("common options by flag") {
  const auto [options, refusal] = parse({"--log-level", "debug", "--log-format", "text", "--metrics-listen", ":9100", "--stop-seconds", "7",
                                         "--kubeconfig", "/k", "--context", "c"});
  CHECK(refusal.empty());
  CHECK(options.logLevel == "debug");
  CHECK(options.logFormat == "text");
  CHECK(options.metricsListen == ":9100");
  CHECK(options.stopSeconds == 7);
  CHECK(options.kubeconfig == "/k");
  CHECK(options.kubeContext == "c");
}

TEST_CASE("common options by environment; a flag wins") {
  const Variable level("SPAWNER_LOG_LEVEL", "warn"), format("SPAWNER_LOG_FORMAT", "text"), listen("SPAWNER_METRICS_LISTEN", ":1"),
      stop("SPAWNER_STOP_SECONDS", "3"), config("SPAWNER_KUBECONFIG", "/e"), context("SPAWNER_CONTEXT", "d");
  const auto [options, refusal] = parse({"--log-level", "error"});
  CHECK(refusal.empty());
  CHECK(options.logLevel == "error");
  CHECK(options.logFormat == "text");
  CHECK(options.metricsListen == ":1");
  CHECK(options.stopSeconds == 3);
  CHECK(options.kubeconfig == "/e");
  CHECK(options.kubeContext == "d");
}

TEST_CASE("values that make no sense are refused with the flag's name") {
  CHECK(parse({"--log-level", "loud"}).refusal.find("--log-level") != std::string::npos);
  CHECK(parse({"--log-format", "xml"}).refusal.find("--log-format") != std::string::npos);
  CHECK(parse({"--stop-seconds", "-1"}).refusal.find("--stop-seconds") != std::string::npos);
  CHECK(parse({"--stop-seconds", "4000"}).refusal.find("--stop-seconds") != std::string::npos);
  CHECK_FALSE(parse({"--kubeconfig", "x"}, false).refusal.empty());  // a role without Kubernetes has no such flag
  CommonOptions options;
  options.logLevel = "loud";
  CHECK(logOptions(options).error().message.find("--log-level loud") != std::string::npos);
  options.logLevel = "warn";
  CHECK(logOptions(options)->level == LogLevel::Warn);
  options.logFormat = "xml";
  CHECK(logOptions(options).error().kind == ErrorKind::InvalidArgument);
}

TEST_CASE("a role without Kubernetes gets Unsupported for every request, later, and not after cancel") {
  SimLoop loop(1);
  NoKube kube(loop);
  std::vector<ErrorKind> kinds;
  const auto note = [&](const auto& result) { kinds.push_back(result.error().kind); };
  const Pending call = kube.call({}, [&](Result<TransportResponse> answer) { note(answer); });
  const Pending stream = kube.stream({}, StreamHandlers{{}, {}, [&](Result<void> end) { note(end); }});
  kube.call({}, [&](Result<TransportResponse> answer) { note(answer); }).reset();
  CHECK(kinds.empty());
  loop.runFor(1s);
  CHECK(kinds == std::vector<ErrorKind>{ErrorKind::Unsupported, ErrorKind::Unsupported});
}
