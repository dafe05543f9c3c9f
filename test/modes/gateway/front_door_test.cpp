// The API behind the gateway, the landing page, host names, and bad options.
#include <fstream>

#include "fixture.hpp"
#include "support/temp_dir.hpp"

using namespace spawner;
using namespace spawner::test;

TEST_CASE("gateway: /api/ is the API, its prefix removed and told; an API that is away is a clear 502", "[integration]") {
  GatewayFixture gateway;
  auto api = std::make_unique<RawServer>(gateway.loop);
  api->onBytes = [](RawPeer& peer) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(peer.received.size()) + "\r\nConnection: close\r\n\r\n" +
              peer.received);
  };
  gateway.options.apiUpstream = "127.0.0.1:" + std::to_string(api->port());
  gateway.begin();
  const std::string answer = gateway.get("/api/backend/x/status?a=b");
  CHECK(contains(answer, "GET /backend/x/status?a=b HTTP/1.1\r\n"));
  CHECK(contains(answer, "X-Forwarded-Prefix: /api\r\n"));
  CHECK(GatewayFixture::status(gateway.get("/api")) == "308");
  api.reset();
  const std::string away = gateway.get("/api/backends");
  CHECK(GatewayFixture::status(away) == "502");
  CHECK(contains(away, "ApiUnreachable"));
}

TEST_CASE("gateway: without an API there is nothing at /api/", "[integration]") {
  GatewayFixture gateway;
  gateway.begin();
  CHECK(GatewayFixture::status(gateway.get("/api/backends")) == "404");
}

TEST_CASE("gateway: a path without its slash is redirected with its method", "[integration]") {
  GatewayFixture gateway;
  gateway.begin();
  const std::string answer = gateway.get("/p/x?a=b");
  CHECK(GatewayFixture::status(answer) == "308");
  CHECK(contains(answer, "Location: /p/x/?a=b\r\n"));
}

TEST_CASE("gateway: a host name that is not allowed is refused with an explanation", "[integration]") {
  gateway::Options options;
  options.allowedHosts = {"gateway.test"};
  GatewayFixture gateway(options);
  std::unique_ptr<RawServer> sidecar;
  gateway.store.add("spawner-x", GatewayFixture::ready(gateway.sidecar(sidecar)));
  gateway.begin();
  CHECK(GatewayFixture::status(gateway.get("/p/x/")) == "200");
  const std::string refused = gateway.get("/p/x/", GatewayFixture::browser, "rebound.example.org:8080");
  CHECK(GatewayFixture::status(refused) == "421");
  CHECK(contains(refused, "rebound.example.org"));
  CHECK(GatewayFixture::status(gateway.get("/", "", "127.0.0.1")) == "421");
  CHECK(sidecar->peers.size() == 1);
}

TEST_CASE("gateway: the landing page has one button, and its texts are text", "[integration]") {
  gateway::Options options;
  options.apiUpstream = "127.0.0.1:1";
  options.landingImage = "board\"><b>";
  options.landingTitle = "New <board>";
  GatewayFixture gateway(options);
  gateway.begin();
  const std::string page = gateway.get("/", GatewayFixture::browser);
  CHECK(GatewayFixture::status(page) == "200");
  CHECK(contains(page, "<button type=\"button\">New &lt;board&gt;</button>"));
  CHECK(contains(page, "data-image=\"board&quot;&gt;&lt;b&gt;\""));
  CHECK(contains(page, "script-src 'sha256-"));
  CHECK(GatewayFixture::status(gateway.ask("POST / HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")) ==
        "405");
  const std::string head = gateway.ask("HEAD / HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\r\n");
  CHECK(GatewayFixture::status(head) == "200");
  CHECK(head.ends_with("\r\n\r\n"));
}

TEST_CASE("gateway: pages about what is no more lead back to the landing page; on a session's own host there is none", "[integration]") {
  gateway::Options options;
  options.apiUpstream = "127.0.0.1:1";
  options.landingImage = "board";
  options.domains = {"gateway.test"};
  GatewayFixture gateway(options);
  gateway.store.add("spawner-x", {{"status", {{"failed", true}, {"end", {{"reason", "Error"}, {"message", "It broke."}}}}}});
  gateway.store.add("spawner-new");
  gateway.begin();
  const std::string link = "<a href=\"/\">To the start page</a>";
  CHECK(contains(gateway.get("/p/x/", GatewayFixture::browser), link));
  CHECK(contains(gateway.get("/p/nobody/", GatewayFixture::browser), link));
  CHECK(contains(gateway.get("/nothing", GatewayFixture::browser), link));
  CHECK(contains(gateway.get("/p/new/", GatewayFixture::browser), "data-start=\"/\""));
  const std::string own = gateway.get("/", GatewayFixture::browser, "x.gateway.test");
  CHECK(GatewayFixture::status(own) == "410");
  CHECK(!contains(own, "start page"));
}

TEST_CASE("gateway: the landing page can be a file", "[integration]") {
  const TempDir dir;
  const std::string path = dir / "landing.html";
  std::ofstream(path) << "<p>mine</p>";
  gateway::Options options;
  options.landingPage = path;
  GatewayFixture gateway(options);
  gateway.begin();
  const std::string page = gateway.get("/");
  CHECK(page.ends_with("<p>mine</p>"));
  CHECK(contains(page, "Content-Type: text/html"));
}

TEST_CASE("gateway: the limits of users' traffic are the sidecar's, and each is counted", "[integration]") {
  gateway::Options options;
  options.maxHeadFields = 3;
  options.maxTrailerBytes = 10;
  options.maxAnswerHeadFields = 2;
  options.maxInterimAnswers = 1;
  GatewayFixture gateway(options);
  std::unique_ptr<RawServer> sidecar;
  gateway.store.add("spawner-x", GatewayFixture::ready(gateway.sidecar(sidecar)));
  gateway.begin();
  const auto count = [&](const std::string& series) {
    const std::string text = gateway.metrics.text();
    const std::size_t at = text.find(series + " ");
    REQUIRE(at != std::string::npos);
    return std::stoi(text.substr(at + series.size() + 1));
  };
  const std::string tooManyFields = "spawner_http_refused_total{listener=\"gateway\",reason=\"TooManyFields\"}";
  const std::string trailers = "spawner_http_refused_total{listener=\"gateway\",reason=\"TrailersTooLong\"}";
  const std::string badAnswer = "spawner_proxy_refused_total{reason=\"UpstreamBadAnswer\"}";
  const std::string interim = "spawner_proxy_refused_total{reason=\"TooManyInterim\"}";
  for (const std::string& series : {tooManyFields, trailers, badAnswer, interim}) CHECK(count(series) == 0);

  CHECK(GatewayFixture::status(gateway.get("/p/x/", "A: 1\r\nB: 2\r\n")) == "431");
  CHECK(count(tooManyFields) == 1);
  const std::string chunked =
      gateway.ask("POST /p/x/ HTTP/1.1\r\nHost: gateway.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nLong: trailer\r\n\r\n");
  CHECK(GatewayFixture::status(chunked) == "400");
  CHECK(count(trailers) == 1);
  sidecar->onBytes = [](RawPeer& peer) { peer.send("HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nContent-Length: 0\r\n\r\n"); };
  CHECK(GatewayFixture::status(gateway.get("/p/x/")) == "502");
  sidecar->onBytes = [](RawPeer& peer) { peer.send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"); };
  CHECK(contains(gateway.get("/p/x/"), "HTTP/1.1 502 "));
  CHECK(count(badAnswer) == 1);
  CHECK(count(interim) == 1);
}

TEST_CASE("gateway: bad options are refused at the start, by name", "[integration]") {
  struct Case {
    const char* flag;
    void (*spoil)(gateway::Options&);
  };
  const std::vector<Case> cases = {
      {"--listen", [](gateway::Options& o) { o.listen = "nowhere"; }},
      {"--listen", [](gateway::Options& o) { o.listen = "192.0.2.1:1"; }},
      {"--domain", [](gateway::Options& o) { o.domains = {"http://x"}; }},
      {"--api-upstream", [](gateway::Options& o) { o.apiUpstream = "api"; }},
      {"--allowed-hosts", [](gateway::Options& o) { o.allowedHosts = {"x:1"}; }},
      {"--landing-page", [](gateway::Options& o) { o.landingPage = "/nonexistent/page.html"; }},
      {"--landing-image", [](gateway::Options& o) { o.landingImage = "x"; }},
      {"--namespace", [](gateway::Options& o) { o.ns = ""; }},
      {"--max-unsent-bytes", [](gateway::Options& o) { o.h2c = true, o.streamWindowBytes = 1024 * 1024 + 1; }},
  };
  Reactor loop;
  SlabStore store(loop);
  Metrics metrics;
  const auto random = systemRandom();
  for (const auto& [flag, spoil] : cases) {
    gateway::Options options;
    options.listen = "127.0.0.1:0";
    spoil(options);
    const auto made = gateway::start(role::Context{loop, store, *random, Logger(), metrics}, options);
    INFO(flag);
    REQUIRE_FALSE(made.ok());
    INFO(made.error().message);
    CHECK(contains(made.error().message, flag));
  }
}
