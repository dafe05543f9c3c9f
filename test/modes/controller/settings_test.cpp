#include <catch2/catch.hpp>

#include "modes/controller/settings.hpp"

using namespace spawner;
using namespace spawner::controller;

TEST_CASE("an option that makes no sense is refused by its flag") {
  struct Row {
    std::string flag;
    void (*spoil)(Options&);
  };
  const auto row = GENERATE(values<Row>({
      {"--namespace", [](Options& o) { o.ns = "A b"; }},
      {"--system-namespace", [](Options& o) { o.systemNamespace = ""; }},
      {"--sidecar", [](Options& o) { o.sidecarImage = ""; }},
      {"--sidecar-mode", [](Options& o) { o.sidecarMode = "sometimes"; }},
      {"--sidecar-pull-policy", [](Options& o) { o.sidecarPullPolicy = "always"; }},
      {"--service", [](Options& o) { o.service = "ClusterIP"; }},
      {"--events", [](Options& o) { o.events = "all"; }},
      {"--allow-pod-fields", [](Options& o) { o.allowPodFields = {"hostpid"}; }},
      {"--url-template", [](Options& o) { o.urlTemplate = "https://x/"; }},
      {"--concurrency", [](Options& o) { o.concurrency = 0; }},
      {"--kube-timeout-seconds", [](Options& o) { o.kubeTimeoutSeconds = 0; }},
      {"--max-backoff-seconds", [](Options& o) { o.maxBackoffSeconds = 0; }},
      {"--lease-name", [](Options& o) { o.leaseName = ""; }},
      {"--lease-seconds", [](Options& o) { o.leaseSeconds = 601; }},
      {"--renew-seconds", [](Options& o) { o.renewSeconds = 15; }},
      {"--retry-seconds", [](Options& o) { o.retrySeconds = 10; }},
      {"--retry-seconds", [](Options& o) { o.retrySeconds = 0; }},
  }));
  Options options;
  CHECK(makeSettings(options).ok());
  row.spoil(options);
  const auto settings = makeSettings(options);
  REQUIRE_FALSE(settings.ok());
  CHECK(settings.error().kind == ErrorKind::InvalidArgument);
  CHECK_THAT(settings.error().message, Catch::StartsWith(row.flag));
}

TEST_CASE("options become what they mean") {
  Options o;
  o.sidecarMode = "container";
  o.service = "none";
  o.events = "state";
  o.patchDelayMs = 7;
  o.allowPodFields = {"*"};
  o.sidecarEnv = {{"A", "b"}};
  const auto s = makeSettings(o);
  REQUIRE(s.ok());
  CHECK_FALSE(s->askServerVersion);
  CHECK(s->pod.sidecarMode == backend::SidecarMode::Container);
  CHECK(s->pod.serviceMode == backend::ServiceMode::None);
  CHECK(s->decide.serviceMode == backend::ServiceMode::None);
  CHECK(s->events == backend::EventMode::State);
  CHECK(s->decide.patchDelay == std::chrono::milliseconds(7));
  CHECK(s->pod.sidecarEnv == o.sidecarEnv);
  CHECK_FALSE(s->instance.empty());
}

TEST_CASE("server versions") {
  using backend::SidecarMode;
  CHECK(sidecarModeFor(R"({"major":"1","minor":"31"})").value() == SidecarMode::Container);
  CHECK(sidecarModeFor(R"({"major":"1","minor":"32"})").value() == SidecarMode::Native);
  CHECK(sidecarModeFor(R"({"major":"1","minor":"32+"})").value() == SidecarMode::Native);
  CHECK(sidecarModeFor(R"({"major":"2","minor":"0"})").value() == SidecarMode::Native);
  for (const char* text : {"", "{}", "[]", R"({"major":"1"})", R"({"major":1,"minor":32})", R"({"major":"x","minor":"y"})"})
    CHECK_FALSE(sidecarModeFor(text).ok());
}
