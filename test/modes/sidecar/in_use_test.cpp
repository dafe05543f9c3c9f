// P1 and fault 05: whatever is under way is in use from its first byte to its last, however long it takes.

#include "modes/sidecar/sidecar_fixture.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

namespace {

constexpr auto grace = 60ms;

/// For more than three grace periods the sweep is refused, and the state says why.
void staysInUse(SidecarFixture& f, const std::function<void(int)>& step = {}) {
  for (int i = 0; i < 8; ++i) {
    if (step) step(i);
    f.sleep(grace / 2);
    f.usedAt = f.loop.now();
    const auto answer = f.sweepIdle(grace);
    REQUIRE(answer.status == 409);
    REQUIRE(answer.json()["live_connections"] == 1);
    REQUIRE_FALSE(answer.json().contains("idle_ms"));
  }
}

/// After the end the idle time begins at nothing, and only a whole grace period ends the session.
void isIdleFromNow(SidecarFixture& f) {
  const TimePoint from = f.usedAt;
  f.wait("the end of the use", [&] { return f.state().contains("seconds_since_active"); });
  const auto idle = std::chrono::milliseconds(f.state()["idle_ms"].get<std::int64_t>());
  CHECK(idle < grace + (f.loop.now() - from));  // the machine may be busy with other things
  CHECK(f.sweepIdle(10s).status == 409);
  f.sleep(grace + 5ms);
  CHECK(f.sweepIdle(grace).status == 200);
}

RawPeer& requestAtApp(SidecarFixture& f, const std::string& until = "\r\n\r\n") {
  f.wait("the request at the application", [&] { return !f.app->peers.empty() && contains(f.app->last().received, until); });
  return f.app->last();
}

}  // namespace

TEST_CASE("fault 05: a long poll is in use", "[integration]") {
  SidecarFixture f;
  f.startReady();
  auto client = f.client();
  client->send(getRequest);
  RawPeer& app = requestAtApp(f);
  staysInUse(f);
  app.send(helloAnswer);
  f.waitText(*client, "hello");
  isIdleFromNow(f);
}

TEST_CASE("fault 05: a download that lasts longer than the grace period is in use", "[integration]") {
  SidecarFixture f;
  f.startReady();
  auto client = f.client();
  client->send(getRequest);
  RawPeer& app = requestAtApp(f);
  app.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n0");
  staysInUse(f, [&](int i) {
    if (i == 4) app.send("1");
  });
  app.send("2345678");
  f.waitText(*client, "012345678");
  isIdleFromNow(f);
}

TEST_CASE("fault 05: a download that only the client has not taken yet is in use", "[integration]") {
  SidecarFixture f;
  f.options.poolSize = 0;
  f.startReady();
  auto client = f.client();
  client->keep = false;
  client->pauseReading(true);
  client->send(getRequest);
  RawPeer& app = requestAtApp(f);
  const std::string body(40'000'000, 'x');
  app.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  staysInUse(f);
  client->pauseReading(false);
  f.wait(
      "all of it", [&] { return client->total > body.size(); }, 30s);
  isIdleFromNow(f);
}

TEST_CASE("fault 05: an upload is in use", "[integration]") {
  SidecarFixture f;
  f.startReady();
  auto client = f.client();
  client->send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n");
  RawPeer& app = requestAtApp(f);
  staysInUse(f, [&](int) { client->send("x"); });
  f.waitText(app, "xxxxxxxx");
  app.send(helloAnswer);
  f.waitText(*client, "hello");
  isIdleFromNow(f);
}

TEST_CASE("fault 05: an event stream is in use until the client leaves", "[integration]") {
  SidecarFixture f;
  f.startReady();
  auto client = f.client();
  client->send(getRequest);
  RawPeer& app = requestAtApp(f);
  app.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ndata: 1\n\r\n");
  f.waitText(*client, "data: 1");
  staysInUse(f);
  GENERATE(0, 1) == 0 ? client->close() : client->reset();
  f.wait("the application's connection to end", [&] { return app.over(); });
  isIdleFromNow(f);
}

TEST_CASE("fault 05: a request head that is still coming is in use", "[integration]") {
  SidecarFixture f;
  f.startReady();
  auto client = f.client();
  client->send("G");
  f.wait("the first byte to count", [&] { return f.live() == 1; });
  staysInUse(f);
  client->send(getRequest.substr(1));
  requestAtApp(f).send(helloAnswer);
  f.waitText(*client, "hello");
  isIdleFromNow(f);
}

TEST_CASE("fault 05: an upgraded connection is in use without a byte", "[integration]") {
  SidecarFixture f;
  f.startReady();
  auto client = f.client();
  client->send("GET /ws HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n");
  RawPeer& app = requestAtApp(f);
  app.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  f.waitText(*client, "\r\n\r\n");
  staysInUse(f);
  // Half-closed is still open.
  client->halfClose();
  f.wait("the half-close at the application", [&] { return app.ended; });
  staysInUse(f);
  app.close();
  f.wait("the client's end", [&] { return client->over(); });
  isIdleFromNow(f);
}

TEST_CASE("requests one after another on one connection leave no gap that counts", "[integration]") {
  SidecarFixture f;
  f.under = &f.driven;
  f.startReady();
  sayHello(*f.app);
  auto client = f.client();
  for (int i = 0; i < 50; ++i) {
    client->received.clear();
    client->send(getRequest);
    f.waitText(*client, "hello");
    f.sleep(grace - 1ms);
    REQUIRE(f.sweepIdle(grace).status == 409);
  }
  client->received.clear();
  f.usedAt = f.loop.now();
  client->send(getRequest);
  f.waitText(*client, "hello");
  isIdleFromNow(f);
}

TEST_CASE("an open connection without a request is no use", "[integration]") {
  SidecarFixture f;
  f.startReady();
  sayHello(*f.app);
  auto client = f.client();
  f.usedAt = f.loop.now();
  client->send(getRequest);
  f.waitText(*client, "hello");
  isIdleFromNow(f);
  CHECK_FALSE(client->over());
  client->received.clear();
  client->send(getRequest);
  f.waitText(*client, "\"reason\":\"Idle\"");
  CHECK(client->received.starts_with("HTTP/1.1 503 "));
}

TEST_CASE("--ignore-path is no use", "[integration]") {
  SidecarFixture f;
  f.options.ignorePaths = {"/health"};
  f.startReady();
  sayHello(*f.app);
  auto client = f.client();
  const TimePoint begin = f.loop.now();
  while (f.loop.now() - begin < 2 * grace) {
    client->received.clear();
    client->send("GET /health?x HTTP/1.1\r\nHost: h\r\n\r\n");
    f.waitText(*client, "hello");
  }
  CHECK(f.state()["idle_ms"] >= grace.count());
  CHECK(f.sweepIdle(grace).status == 200);
}

TEST_CASE("before Ready nothing is idle, and requests wait for the application", "[integration]") {
  SidecarFixture f;
  f.start();
  auto client = f.client();
  client->send(getRequest);
  f.sleep(grace);
  CHECK(f.state()["ready"] == false);
  CHECK_FALSE(f.state().contains("idle_ms"));
  CHECK(f.sweepIdle(0ms).status == 409);
  CHECK(client->received.empty());
  f.appListens();
  requestAtApp(f).send(helloAnswer);
  f.waitText(*client, "hello");
  CHECK(f.state()["ready"] == true);
}

TEST_CASE("the waiting room is bounded in number and time", "[integration]") {
  SidecarFixture f;
  f.options.readyWaitSeconds = 1;
  f.options.maxWaiting = 3;
  f.start();
  std::vector<std::unique_ptr<RawPeer>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(f.client());
    clients.back()->send(getRequest);
  }
  f.wait("three to wait", [&] { return f.live() == 3; });
  auto fourth = f.client();
  fourth->send(getRequest);
  f.waitText(*fourth, "\"reason\":\"NotReady\"");
  CHECK(fourth->received.starts_with("HTTP/1.1 503 "));
  CHECK(contains(fourth->received, "Retry-After: 1\r\n"));
  clients[1]->close();  // leaves the room: its place is free
  f.wait("two to wait", [&] { return f.live() == 2; });
  for (int i : {0, 2}) f.waitText(*clients[i], "\"reason\":\"NotReady\"");
  f.wait("none to wait", [&] { return f.live() == 0; });
}

TEST_CASE("an application that moved is found again", "[integration]") {
  SidecarFixture f;
  f.startReady();
  sayHello(*f.app);
  CHECK(f.call(f.ports().serve, "GET", "/").body == "hello");
  const std::uint16_t port = f.reserved.port();
  f.app.reset();
  CHECK(f.call(f.ports().serve, "GET", "/").status == 502);
  f.app = std::make_unique<RawServer>(f.loop, "127.4.4.4", port);
  sayHello(*f.app);
  CHECK(f.call(f.ports().serve, "GET", "/").status == 502);
  CHECK(f.call(f.ports().serve, "GET", "/").body == "hello");
}

TEST_CASE("a request that is for another pod reaches no application, and is no use", "[integration]") {
  SidecarFixture f;
  f.startReady();
  std::string toApplication;
  f.app->onBytes = [&](RawPeer& peer) {
    toApplication += peer.received;
    peer.received.clear();
    if (toApplication.ends_with("\r\n\r\n")) peer.send(helloAnswer);
  };
  const auto refused = f.call(f.ports().serve, "GET", "/", "Spawner-Pod: pod-2\r\n");
  CHECK(refused.status == 503);
  CHECK(contains(refused.head, "\r\nSpawner-Reason: OtherPod"));
  CHECK(contains(refused.head, "\r\nRetry-After: 1"));
  CHECK(f.app->peers.empty());
  CHECK_FALSE(f.state().value("used", false));

  const auto answered = f.call(f.ports().serve, "GET", "/", "Spawner-Pod: pod-1\r\n");
  CHECK(answered.body == "hello");
  CHECK_FALSE(contains(toApplication, "Spawner-Pod"));
  CHECK(f.state().value("used", false));
}

TEST_CASE("a request that is for another pod waits for no application, and is not told of an end", "[integration]") {
  SidecarFixture f;
  f.start();
  CHECK(contains(f.call(f.ports().serve, "GET", "/", "Spawner-Pod: pod-2\r\n").head, "\r\nSpawner-Reason: OtherPod"));
  CHECK(f.sweep(session::SweepCommand::age(0ms, "StartTimeout")).status == 200);
  CHECK(contains(f.call(f.ports().serve, "GET", "/", "Spawner-Pod: pod-2\r\n").head, "\r\nSpawner-Reason: OtherPod"));
  CHECK(contains(f.call(f.ports().serve, "GET", "/", "Spawner-Pod: pod-1\r\n").head, "\r\nSpawner-Reason: StartTimeout"));
}

TEST_CASE("a sidecar that was not told its pod serves whatever pod a request names", "[integration]") {
  SidecarFixture f;
  f.options.podUid.clear();
  f.options.adminKeys.clear();
  f.startReady();
  sayHello(*f.app);
  CHECK(f.call(f.ports().serve, "GET", "/", "Spawner-Pod: pod-2\r\n").body == "hello");
}
