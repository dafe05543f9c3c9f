// Options that all roles share: flags, environment, refusals.
#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>

#include "loop/sim_loop.hpp"
#include "modes/role/command_line.hpp"
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
  CommandLine line(app);
  addCommonOptions(line, parsed.options, kube);
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

TEST_CASE("numbers of the command line: a sign, a fraction, a unit and what does not fit are refused by name") {
  struct Numbers {
    std::uint16_t port = 1;
    std::uint32_t seconds = 2;
    std::size_t bytes = 3;
    double rate = 4;
  };
  const auto refusal = [](std::vector<std::string> arguments) -> std::string {
    Numbers numbers;
    CLI::App app;
    CommandLine line(app);
    line.number("--port", numbers.port, "", "p");
    line.number("--seconds", numbers.seconds, "", "s", {1, 100});
    line.number("--bytes", numbers.bytes, "", "b");
    line.decimal("--rate", numbers.rate, "", "r");
    std::reverse(arguments.begin(), arguments.end());
    try {
      app.parse(arguments);
    } catch (const CLI::ParseError& error) { return error.what(); }
    return "";
  };
  for (const auto* good : {"--port=0", "--port=65535", "--seconds=1", "--seconds=100", "--bytes=18446744073709551615", "--rate=0.5"})
    CHECK(refusal({good}) == "");
  for (const auto* bad : {"--port=-1", "--port=65536", "--port=+1", "--port=80x", "--port=0x50", "--seconds=0", "--seconds=101",
                          "--seconds=1.5", "--bytes=-1", "--bytes=18446744073709551616", "--rate=-1", "--rate=fast"}) {
    INFO(bad);
    const std::string said = refusal({bad});
    CHECK_FALSE(said.empty());
    CHECK(said.find(std::string(bad).substr(0, 6)) != std::string::npos);
  }
}

TEST_CASE("a subcommand's options are bound when it is given, or for who wants to see them") {
  std::string mine = "before";
  std::uint32_t theirs = 0;
  int bound = 0, boundTheirs = 0;
  std::string chosen;
  const auto make = [&](CLI::App& app) {
    addSubcommand(
        app, "mine", "Mine",
        [&](CommandLine& line) {
          ++bound;
          line.text("--text", mine, "", "t");
        },
        [&] { chosen = "mine"; });
    addSubcommand(
        app, "theirs", "Theirs",
        [&](CommandLine& line) {
          ++boundTheirs;
          line.number("--number", theirs, "SPAWNER_TEST_THEIRS", "n");
        },
        [&] { chosen = "theirs"; });
  };
  SECTION("given") {
    CLI::App app;
    make(app);
    app.parse("mine --text=after");
    CHECK(chosen == "mine");
    CHECK(mine == "after");
    CHECK(bound == 1);
    CHECK(boundTheirs == 0);
    bindSubcommands(app);
    CHECK(bound == 1);
    CHECK(boundTheirs == 1);
  }
  SECTION("given without an option") {
    CLI::App app;
    make(app);
    app.parse("theirs");
    CHECK(chosen == "theirs");
    CHECK(bound == 0);
    CHECK(boundTheirs == 1);
  }
  SECTION("a bad variable of another subcommand does not matter") {
    const Variable bad("SPAWNER_TEST_THEIRS", "many");
    CLI::App app, other;
    make(app);
    app.parse("mine");
    CHECK(chosen == "mine");
    make(other);
    CHECK_THROWS_AS(other.parse("theirs"), CLI::ValidationError);
  }
  SECTION("an unknown option is refused, and --help tells of the known ones") {
    CLI::App app;
    make(app);
    CHECK_THROWS_AS(app.parse("mine --txet=after"), CLI::ExtrasError);
    CHECK_THROWS_AS(app.parse("mine --help"), CLI::CallForHelp);
    CHECK(app.help().find("--text") != std::string::npos);
  }
}
