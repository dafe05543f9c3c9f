// Sessions that are not there yet, not there any more, or never were.
#include "fixture.hpp"

using namespace spawner;
using namespace spawner::test;

TEST_CASE("gateway: a browser gets the waiting page, with the states known and the stream of those to come", "[integration]") {
  gateway::Options options;
  options.apiUpstream = "127.0.0.1:1";
  GatewayFixture gateway(options);
  gateway.store.add("spawner-x", {{"status", {{"constructed", true}}}});
  gateway.begin();
  const std::string page = gateway.get("/p/x/", GatewayFixture::browser);
  CHECK(GatewayFixture::status(page) == "503");
  CHECK(contains(page, "Retry-After: 3\r\n"));
  CHECK(contains(page, "Content-Security-Policy: default-src 'none'"));
  CHECK(contains(page, "data-stream=\"/api/backend/x/status/stream\""));
  CHECK(contains(page, "data-state=\"Constructed\" class=\"done\""));
  CHECK(contains(page, "http-equiv=\"refresh\""));
}

TEST_CASE("gateway: other requests wait for Ready, whole, upgrades too", "[integration]") {
  GatewayFixture gateway;
  std::unique_ptr<RawServer> sidecar;
  const std::string ip = gateway.sidecar(sidecar);
  gateway.store.add("spawner-x");
  gateway.begin();
  auto early = gateway.client();
  early->send("POST /p/x/data HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 5\r\n\r\nhello");
  turns(gateway.loop, 20);
  CHECK(early->received.empty());
  gateway.store.patch("spawner-x", GatewayFixture::ready(ip));
  waitFor(gateway.loop, "the answer", [&] { return contains(early->received, "POST /data HTTP/1.1"); });
}

TEST_CASE("gateway: waiting is bounded in time and number, and ends with the session or the client", "[integration]") {
  gateway::Options options;
  options.waitSeconds = 3;  // more than what comes before takes on any machine
  options.maxWaiting = 2;
  GatewayFixture gateway(options);
  gateway.store.add("spawner-x");
  gateway.store.add("spawner-y");
  gateway.begin();
  const std::string request = "GET /p/x/ HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\r\n";
  auto leaving = gateway.client();
  leaving->send(request);
  auto failing = gateway.client();
  failing->send("GET /p/y/ HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\r\n");
  turns(gateway.loop, 20);
  CHECK(GatewayFixture::status(gateway.ask(request)) == "503");  // at once: two wait already
  leaving->close();
  gateway.store.setStatus("spawner-y", {{"failed", true}, {"end", {{"reason", "ImagePullFailed"}, {"message", "no such image"}}}});
  waitFor(gateway.loop, "the failure", [&] { return failing->over(); });
  CHECK(GatewayFixture::status(failing->received) == "410");
  CHECK(contains(failing->received, "ImagePullFailed"));
  const TimePoint begun = gateway.loop.now();
  const std::string late = gateway.ask(request);
  CHECK(GatewayFixture::status(late) == "503");
  CHECK(contains(late, "Retry-After: 1\r\n"));
  CHECK(contains(late, "NotReady"));
  CHECK(gateway.loop.now() - begun >= 2900ms);
  const std::string metrics = gateway.metrics.text();
  CHECK(contains(metrics, "spawner_waiting_refused_total{reason=\"TooManyWaiting\"} 1\n"));
  CHECK(contains(metrics, "spawner_waiting_refused_total{reason=\"WaitedTooLong\"} 1\n"));
}

TEST_CASE("gateway: an ended session is 410 with the reason, while it is remembered; one that never was is 404", "[integration]") {
  GatewayFixture gateway;
  gateway.store.add("spawner-x", {{"status", {{"ready", true}, {"podIP", "127.0.0.1"}}}});
  gateway.begin();
  gateway.store.setStatus("spawner-x", {{"swept", true}, {"end", {{"reason", "Idle"}, {"message", "Unused for <300> s."}}}});
  gateway.store.erase("spawner-x");
  turns(gateway.loop, 20);
  const std::string json = gateway.get("/p/x/");
  CHECK(GatewayFixture::status(json) == "410");
  CHECK(contains(json, "\"reason\":\"Idle\""));
  const std::string html = gateway.get("/p/x/", GatewayFixture::browser);
  CHECK(GatewayFixture::status(html) == "410");
  CHECK(contains(html, "Unused for &lt;300&gt; s."));
  CHECK(!contains(html, "start page"));  // there is none
  CHECK(GatewayFixture::status(gateway.get("/p/nobody/")) == "404");
  CHECK(contains(gateway.get("/p/nobody/", GatewayFixture::browser), "<h1>There is no such session</h1>"));
  CHECK(GatewayFixture::status(gateway.get("/nothing")) == "404");
}

TEST_CASE("gateway: a session that the watch has not told yet is found by asking", "[integration]") {
  GatewayFixture gateway;
  std::unique_ptr<RawServer> sidecar;
  gateway.begin();
  gateway.store.silentWatch = true;
  gateway.store.add("spawner-x", GatewayFixture::ready(gateway.sidecar(sidecar)));
  CHECK(GatewayFixture::status(gateway.get("/p/x/")) == "200");
  CHECK(gateway.store.gets == 1);
}

TEST_CASE("gateway: with Kubernetes away, known sessions go on and unknown ones are 503, not 404", "[integration]") {
  GatewayFixture gateway;
  std::unique_ptr<RawServer> sidecar;
  gateway.store.add("spawner-x", GatewayFixture::ready(gateway.sidecar(sidecar)));
  gateway.begin();
  gateway.store.away = true;
  CHECK(GatewayFixture::status(gateway.get("/p/x/")) == "200");
  CHECK(GatewayFixture::status(gateway.get("/p/unknown/")) == "503");
}

TEST_CASE("gateway: on a session's own host, its states are told at the same path until it is Ready", "[integration]") {
  GatewayFixture gateway;
  RawServer api(gateway.loop);
  api.onBytes = [](RawPeer& peer) {
    const std::string line = peer.received.substr(0, peer.received.find('\r'));
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(line.size()) + "\r\nConnection: close\r\n\r\n" + line);
  };
  gateway.options.apiUpstream = "127.0.0.1:" + std::to_string(api.port());
  gateway.options.domains = {"sessions.test"};
  std::unique_ptr<RawServer> sidecar;
  gateway.store.add("spawner-x");
  gateway.begin();
  const std::string path = "/api/backend/x/status/stream";
  const std::string page = gateway.get("/some/page", GatewayFixture::browser, "x.sessions.test");
  CHECK(contains(page, "data-stream=\"" + path + "\""));
  CHECK(contains(gateway.get(path, "", "x.sessions.test"), "GET /backend/x/status/stream HTTP/1.1"));
  gateway.store.patch("spawner-x", GatewayFixture::ready(gateway.sidecar(sidecar)));
  turns(gateway.loop, 20);
  CHECK(contains(gateway.get(path, "", "x.sessions.test"), "GET " + path + " HTTP/1.1"));
  CHECK(api.peers.size() == 1);
}
