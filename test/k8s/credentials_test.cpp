// Where tokens come from: files that are replaced, plugins that print.
#include "k8s/credentials.hpp"

#include <signal.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "loop/sim_loop.hpp"
#include "support/driven_loop.hpp"
#include "support/loop_wait.hpp"
#include "support/temp_dir.hpp"

using namespace spawner;
using namespace spawner::k8s;
using namespace std::chrono_literals;

namespace {

const std::string v1 = "client.authentication.k8s.io/v1";

std::string printed(const std::string& status) {
  return R"({"kind":"ExecCredential","apiVersion":")" + v1 + R"(","status":)" + status + "}";
}

struct ExecFixture {
  test::TempDir dir;
  Reactor loop;
  test::DrivenLoop driven{loop};
  Loop* under = &loop;  // &driven where the test drives the time
  std::optional<Result<void>> result;

  /// A plugin that is a shell script.
  std::unique_ptr<ExecCredentials> plugin(const std::string& script, ExecPlugin options = {}) {
    ClusterConfig config;
    config.server = "https://h";
    options.argv = {dir.write("plugin", "#!/bin/sh\n" + script + "\n", true), "first"};
    options.apiVersion = v1;
    config.exec = std::move(options);
    return std::make_unique<ExecCredentials>(*under, config, Logger{});
  }
  Result<void> refresh(ExecCredentials& credentials) {
    result.reset();
    credentials.refresh([this](Result<void> outcome) { result = std::move(outcome); });
    CHECK_FALSE(result.has_value());
    test::waitFor(loop, "the plugin's end", [this] { return result.has_value(); });
    return *result;
  }
};

}  // namespace

TEST_CASE("what a plugin prints is checked") {
  const auto good = parseExecCredential(printed(R"({"token":"t","expirationTimestamp":"2026-01-01T01:00:00Z"})"), v1);
  REQUIRE(good.ok());
  CHECK(good->credential.bearer == "t");
  CHECK(good->expiry == parseRfc3339("2026-01-01T01:00:00Z"));
  const auto certificate = parseExecCredential(printed(R"({"clientCertificateData":"C","clientKeyData":"K"})"), v1);
  REQUIRE(certificate.ok());
  CHECK(certificate->credential.certPem == "C");
  CHECK_FALSE(certificate->expiry.has_value());
  for (const std::string& text :
       {std::string("nonsense"), std::string("{}"), printed("{}"), printed("null"), printed(R"({"clientKeyData":"K"})"),
        printed(R"({"token":"s3cret","expirationTimestamp":"soon"})"), printed(R"({"token":""})")}) {
    const auto bad = parseExecCredential(text, v1);
    INFO(text);
    REQUIRE_FALSE(bad.ok());
    CHECK(bad.error().kind == ErrorKind::Protocol);
    CHECK(bad.error().message.find("s3cret") == std::string::npos);
  }
  CHECK_FALSE(parseExecCredential(printed(R"({"token":"t"})"), v1 + "beta1").ok());
}

TEST_CASE("the plugin is told of the cluster only when it asks for it") {
  ClusterConfig config;
  config.server = "https://h:1";
  config.tls.caPem = "CA";
  config.exec = ExecPlugin{};
  config.exec->apiVersion = v1;
  auto info = nlohmann::json::parse(execInfo(config));
  CHECK(info["kind"] == "ExecCredential");
  CHECK(info["apiVersion"] == v1);
  CHECK(info["spec"]["interactive"] == false);
  CHECK_FALSE(info["spec"].contains("cluster"));
  config.exec->provideClusterInfo = true;
  info = nlohmann::json::parse(execInfo(config));
  CHECK(info["spec"]["cluster"]["server"] == "https://h:1");
  CHECK(info["spec"]["cluster"]["certificate-authority-data"] == base64Encode("CA"));
}

TEST_CASE("a token file is read again each minute, and a refusal reads it at once", "[integration]") {
  const test::TempDir dir;
  SimLoop loop(1);
  const auto log = std::make_shared<MemorySink>();
  const std::string path = dir.write("token", "t1\n");
  TokenFile source(loop, path, Logger({LogLevel::Info, LogFormat::Json, log, {}}, "test"));
  REQUIRE(source.current() != nullptr);
  CHECK(source.current()->bearer == "t1");
  dir.write("token", "t2");
  CHECK(source.current()->bearer == "t1");
  loop.runFor(61s);
  CHECK(source.current()->bearer == "t2");
  dir.write("token", "t3");
  bool renewed = false;
  source.refresh([&](Result<void> result) { renewed = result.ok(); });
  CHECK_FALSE(renewed);
  loop.runFor(1ms);
  CHECK(renewed);
  CHECK(source.current()->bearer == "t3");
  // Away for a while: the old one stays, and it is said.
  std::filesystem::remove(path);
  loop.runFor(61s);
  REQUIRE(source.current() != nullptr);
  CHECK(source.current()->bearer == "t3");
  CHECK(log->lines.size() == 1);
  CHECK(log->lines[0].find(path) != std::string::npos);
}

TEST_CASE("a token file that does not exist yet gives an error that names it", "[integration]") {
  const test::TempDir dir;
  SimLoop loop(1);
  TokenFile source(loop, dir / "token", Logger{});
  CHECK(source.current() == nullptr);
  std::optional<Result<void>> result;
  source.refresh([&](Result<void> outcome) { result = std::move(outcome); });
  loop.runFor(1ms);
  REQUIRE(result);
  CHECK(result->error().message.find(dir / "token") != std::string::npos);
  dir.write("token", "  \n");
  source.refresh([&](Result<void> outcome) { result = std::move(outcome); });
  loop.runFor(1ms);
  CHECK(result->error().message.find("empty") != std::string::npos);
}

TEST_CASE("a credential is renewed a tenth of its life, at most a minute, before its end") {
  const WallTime now{std::chrono::sys_days(std::chrono::year(2026) / 1 / 1)};
  CHECK(usableFor(now, now + 100s, 5s) == Duration(90s));
  CHECK(usableFor(now, now + 1h, 5s) == Duration(59min));
  CHECK(usableFor(now, now + 1s, 5s) == Duration(5s));
  CHECK(usableFor(now, now - 1h, 5s) == Duration(5s));
}

TEST_CASE("a plugin's token is used until its time is over", "[integration]") {
  ExecFixture f;
  ExecPlugin options;
  options.env = {{"OUT", f.dir / "info"}};
  options.minLifetime = 5s;
  f.under = &f.driven;
  const std::string past = toRfc3339Micro(f.loop.wallNow() - 1h);
  const auto source = f.plugin(
      "echo \"$KUBERNETES_EXEC_INFO\" > \"$OUT\"; echo '" + printed(R"({"token":"'"$1"'","expirationTimestamp":")" + past + R"("})") + "'",
      options);
  CHECK(source->current() == nullptr);
  REQUIRE(f.refresh(*source).ok());
  REQUIRE(source->current() != nullptr);
  CHECK(source->current()->bearer == "first");
  CHECK(f.dir.read("info").find("ExecCredential") != std::string::npos);
  f.driven.advance(5s - 1ms);
  CHECK(source->current() != nullptr);
  f.driven.advance(1ms);
  CHECK(source->current() == nullptr);
}

TEST_CASE("a plugin that fails says what, and gives no credential", "[integration]") {
  ExecFixture f;
  SECTION("exit code") {
    const auto source = f.plugin("exit 3");
    const auto result = f.refresh(*source);
    CHECK(result.error().kind == ErrorKind::Unauthorized);
    CHECK(result.error().message.find("code 3") != std::string::npos);
    CHECK(source->current() == nullptr);
  }
  SECTION("signal") { CHECK(f.refresh(*f.plugin("kill -9 $$")).error().message.find("signal 9") != std::string::npos); }
  SECTION("garbage") { CHECK(f.refresh(*f.plugin("echo garbage")).error().kind == ErrorKind::Protocol); }
  SECTION("too much") {
    ExecPlugin options;
    options.maxOutputBytes = 100'000;
    CHECK(f.refresh(*f.plugin("while :; do echo 0123456789012345678901234567890123456789; done", options)).error().kind ==
          ErrorKind::Limit);
  }
  SECTION("no end") {
    ExecPlugin options;
    options.timeout = 100ms;
    CHECK(f.refresh(*f.plugin("sleep 600", options)).error().kind == ErrorKind::Timeout);
  }
  SECTION("not there") {
    ClusterConfig config;
    config.exec = ExecPlugin{};
    config.exec->argv = {"no-such-command-of-ours"};
    config.exec->installHint = "install it";
    ExecCredentials source(f.loop, config, Logger{});
    const auto result = f.refresh(source);
    CHECK(result.error().kind == ErrorKind::NotFound);
    CHECK(result.error().message.find("install it") != std::string::npos);
  }
}

TEST_CASE("a plugin may print more than a pipe holds", "[integration]") {
  ExecFixture f;
  const auto source = f.plugin("printf '%s' '" + printed(R"({"token":"t"})") +
                               "'; i=0; while [ $i -lt 4000 ]; do echo '                                        '; i=$((i+1)); done");
  REQUIRE(f.refresh(*source).ok());
  CHECK(source->current()->bearer == "t");
}

TEST_CASE("the end of the source ends the plugin, silently", "[integration]") {
  ExecFixture f;
  auto source = f.plugin("echo $$ > \"$OUT.new\"; mv \"$OUT.new\" \"$OUT\"; exec sleep 600", [&] {
    ExecPlugin options;
    options.env = {{"OUT", f.dir / "pid"}};
    return options;
  }());
  bool told = false;
  source->refresh([&](Result<void>) { told = true; });
  test::waitFor(f.loop, "the plugin's start", [&] { return !f.dir.read("pid").empty(); });
  const int pid = std::stoi(f.dir.read("pid"));
  CHECK(::kill(pid, 0) == 0);
  source.reset();
  CHECK(::kill(pid, 0) != 0);
  test::turns(f.loop);
  CHECK_FALSE(told);
}
