// Events, drain, hold, the local port, restarts, and the end of the process.

#include "http/sse.hpp"
#include "http/websocket.hpp"
#include "modes/sidecar/sidecar_fixture.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

namespace {

/// A reader of /_events; the reports so far.
struct Reader {
  Reader(SidecarFixture& f, std::uint16_t port, const std::string& fields) : peer(RawPeer::connect(f.loop, port)) {
    peer->send("GET /_events HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n");
  }
  std::vector<nlohmann::json> events() const {
    std::vector<nlohmann::json> all;
    for (std::size_t at = 0; (at = peer->received.find("data: ", at)) != std::string::npos; at += 6)
      all.push_back(nlohmann::json::parse(peer->received.substr(at + 6, peer->received.find('\n', at) - at - 6)));
    return all;
  }
  std::unique_ptr<RawPeer> peer;
};

RawPeer& openWebSocket(SidecarFixture& f, RawPeer& client) {
  client.send("GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  f.wait("the upgrade request", [&] { return !f.app->peers.empty() && contains(f.app->last().received, "websocket\r\n"); });
  f.app->last().send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  f.waitText(client, "\r\n\r\n");
  client.received.clear();
  return f.app->last();
}

}  // namespace

TEST_CASE("events tell the state at once, then every change", "[integration]") {
  SidecarFixture f;
  f.start();
  Reader reader(f, f.ports().admin, f.authorization("GET", "/_events"));
  f.wait("the first event", [&] { return reader.events().size() == 1; });
  CHECK(contains(reader.peer->received, "text/event-stream"));
  CHECK(reader.events()[0]["ready"] == false);
  CHECK(reader.events()[0]["pod_uid"] == "pod-1");
  f.appListens();
  f.wait("Ready", [&] { return reader.events().back()["ready"] == true; });
  CHECK(reader.events().back().contains("seconds_since_active"));
  auto client = f.client();
  client->send(getRequest);
  f.wait("in use", [&] { return reader.events().back().value("live_connections", 0) == 1; });
  client->close();
  f.wait("idle", [&] { return reader.events().back().contains("idle_ms"); });
  CHECK(f.sweepIdle(0ms).status == 200);
  f.wait("swept", [&] { return reader.events().back().contains("swept"); });
  CHECK(f.live() == 0);  // a reader of events is no use
}

TEST_CASE("too many readers of events are refused; one that leaves makes room", "[integration]") {
  SidecarFixture f;
  f.options.maxEventReaders = 2;
  f.startReady();
  const std::string fields = f.authorization("GET", "/_events");
  Reader one(f, f.ports().admin, fields), two(f, f.ports().admin, fields);
  f.wait("two readers", [&] { return one.events().size() == 1 && two.events().size() == 1; });
  CHECK(f.admin("GET", "/_events").status == 503);
  one.peer->close();
  f.sleep(20ms);
  Reader three(f, f.ports().admin, fields);
  f.wait("another reader", [&] { return three.events().size() == 1; });
}

TEST_CASE("fault 10: /_events on the serve port is the application's", "[integration]") {
  SidecarFixture f;
  f.startReady();
  sayHello(*f.app);
  CHECK(f.call(f.ports().serve, "GET", "/_events").body == "hello");
  for (const char* path : {"/_sweep", "/_drain", "/_hold", "/busy", "/shutdown", "/state", "/healthz"}) {
    CHECK(f.call(f.ports().serve, "POST", path).body == "hello");
    CHECK(f.call(f.ports().serve, "GET", path).body == "hello");
  }
  CHECK(f.state()["shutdown_requested"].is_null());
}

TEST_CASE("--events-on-serve-port is the original's behaviour, and no use", "[integration]") {
  SidecarFixture f;
  f.options.eventsOnServePort = true;
  f.startReady();
  sayHello(*f.app);
  Reader reader(f, f.ports().serve, "");
  f.wait("the first event", [&] { return reader.events().size() == 1; });
  CHECK(reader.events()[0]["ready"] == true);
  CHECK(reader.events()[0].contains("seconds_since_active"));
  CHECK(f.live() == 0);
  CHECK(f.call(f.ports().serve, "GET", "/").body == "hello");
}

TEST_CASE("drain: 1001 to WebSockets, what is in flight ends, what is new is refused", "[integration]") {
  SidecarFixture f;
  f.startReady();
  auto ws = f.client();
  RawPeer& app = openWebSocket(f, *ws);
  auto client = f.client();
  client->send(getRequest);
  f.wait("the request", [&] { return f.app->peers.size() == 2 && contains(f.app->last().received, "\r\n\r\n"); });
  CHECK(f.admin("POST", "/_drain").status == 202);
  f.waitText(*ws, http::encodeWsClose(1001));
  f.wait("the application's close frame",
         [&] { return !app.received.empty() && static_cast<unsigned char>(app.received.at(app.received.find("\r\n\r\n") + 4)) == 0x88; });
  const auto refused = f.call(f.ports().serve, "GET", "/");
  CHECK(refused.status == 503);
  CHECK(refused.json()["reason"] == "Draining");
  f.app->last().send(helloAnswer);
  f.waitText(*client, "hello");
}

TEST_CASE("a sidecar that is drained before its application listened ends itself, one that serves does not", "[integration]") {
  for (const bool listens : {false, true}) {
    SidecarFixture f;
    int ends = 0;
    f.options.endProcess = [&ends] { ++ends; };
    listens ? f.startReady() : f.start();
    CHECK(f.admin("POST", "/_drain").status == 202);
    CHECK(f.admin("POST", "/_drain").status == 202);
    if (!listens) f.wait("the end", [&] { return ends > 0; });
    f.sleep(1200ms);
    CHECK(ends == (listens ? 0 : 1));
  }
}

TEST_CASE("hold returns when nothing is in flight, at the latest after --drain-seconds", "[integration]") {
  const bool ends = GENERATE(true, false);
  SidecarFixture f;
  f.options.drainSeconds = ends ? 60 : 1;
  f.startReady();
  CHECK(f.call(f.ports().admin, "GET", "/_hold").status == 200);  // nothing in flight
  auto client = f.client();
  client->send(getRequest);
  f.wait("the request", [&] { return !f.app->peers.empty() && contains(f.app->last().received, "\r\n\r\n"); });
  auto hold = RawPeer::connect(f.loop, f.ports().admin);
  const TimePoint asked = f.loop.now();
  hold->send("GET /_hold HTTP/1.1\r\nHost: h\r\n\r\n");
  if (ends) {
    f.sleep(100ms);
    CHECK(hold->received.empty());
    f.app->last().send(helloAnswer);
    f.waitText(*hold, "\"idle_ms\":");
  } else {
    f.waitText(*hold, "\"live_connections\":1");
    CHECK(f.loop.now() - asked >= 1s);
  }
}

TEST_CASE("the local port: a busy lease, the wish to end, the state", "[integration]") {
  SidecarFixture f;
  f.startReady();
  const auto local = [&](const std::string& method, const std::string& target, const std::string& fields = "") {
    return f.call(f.ports().local, method, target, fields);
  };
  CHECK(local("PUT", "/busy").status == 400);
  CHECK(local("PUT", "/busy?seconds=0").status == 400);
  CHECK(local("PUT", "/busy?seconds=3601").status == 400);
  CHECK(local("PUT", "/busy?seconds=-1").status == 400);
  CHECK(local("PUT", "/busy?seconds=60").json()["busy_seconds"] == 60);
  CHECK(f.state()["busy"] == true);
  CHECK(f.sweepIdle(0ms).status == 409);
  CHECK(local("DELETE", "/busy").status == 204);
  CHECK_FALSE(f.state().value("busy", false));
  CHECK(local("POST", "/shutdown", "Origin: http://evil.example\r\n").status == 403);
  CHECK(local("POST", "/shutdown", "Sec-Fetch-Site: cross-site\r\n").status == 403);
  CHECK_FALSE(f.state().value("shutdown_requested", false));
  CHECK(f.sweep(session::SweepCommand::shutdown()).status == 409);
  CHECK(local("POST", "/shutdown").status == 202);
  CHECK(f.state()["shutdown_requested"] == true);
  CHECK(f.sweep(session::SweepCommand::shutdown()).json()["swept"]["reason"] == "Shutdown");
  CHECK(local("PUT", "/busy?seconds=60").status == 410);
  CHECK(local("GET", "/nothing").status == 404);
  CHECK(local("GET", "/shutdown").status == 405);
  CHECK(local("GET", "/healthz").status == 200);
}

TEST_CASE("a restarted sidecar goes on: idle time, Ready, swept", "[integration]") {
  SidecarFixture f;
  f.startReady();
  sayHello(*f.app);
  CHECK(f.call(f.ports().serve, "GET", "/").status == 200);
  f.wait("the end of the use", [&] { return f.state().contains("idle_ms"); });
  f.sleep(150ms);
  f.restart();
  CHECK(f.state()["idle_ms"] >= 150);
  CHECK(f.sweepIdle(100ms).status == 200);
  f.restart();
  CHECK(f.state()["swept"]["reason"] == "Idle");
  CHECK(f.call(f.ports().serve, "GET", "/").status == 503);
}

TEST_CASE("in use when the sidecar died counts as used until the restart", "[integration]") {
  SidecarFixture f;
  f.startReady();
  auto client = f.client();
  client->send(getRequest);
  f.wait("in use", [&] { return f.live() == 1; });
  f.sleep(150ms);
  const TimePoint died = f.loop.now();
  f.restart();
  const auto idle = std::chrono::milliseconds(f.state()["idle_ms"].get<std::int64_t>());
  CHECK(idle < f.loop.now() - died + 150ms);  // the machine may be busy with other things
  CHECK(f.state()["used"] == true);
}

TEST_CASE("two sidecars never share a session file; an unusable one is only a warning", "[integration]") {
  SidecarFixture f;
  f.start();
  auto second = sidecar::start({f.loop, f.kube, *f.random, Logger(), f.metrics}, f.options);
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().kind == ErrorKind::Conflict);
  CHECK(contains(second.error().message, "--session-file"));
  f.role.reset();
  f.options.sessionFile = "/nonexistent-folder/session";
  f.start();
  CHECK(f.logged("no session file"));
}

TEST_CASE("stop finishes what is in flight and closes WebSockets", "[integration]") {
  SidecarFixture f;
  f.startReady();
  auto ws = f.client();
  RawPeer& app = openWebSocket(f, *ws);
  auto client = f.client();
  client->send(getRequest);
  f.wait("the request", [&] { return f.app->peers.size() == 2 && contains(f.app->last().received, "\r\n\r\n"); });
  bool stopped = false;
  f.role->stop([&] { stopped = true; });
  f.waitText(*ws, http::encodeWsClose(1001));
  ws->close();
  app.close();
  f.sleep(50ms);
  CHECK_FALSE(stopped);
  f.app->last().send(helloAnswer);
  f.waitText(*client, "hello");
  CHECK(contains(client->received, "Connection: close"));
  f.wait("the stop", [&] { return stopped; });
}

TEST_CASE("stop answers those who hold", "[integration]") {
  SidecarFixture f;
  f.startReady();
  auto client = f.client();
  client->send(getRequest);
  f.wait("the request", [&] { return !f.app->peers.empty() && contains(f.app->last().received, "\r\n\r\n"); });
  auto hold = RawPeer::connect(f.loop, f.ports().admin);
  hold->send("GET /_hold HTTP/1.1\r\nHost: h\r\n\r\n");
  turns(f.loop, 10);
  f.role->stop([&] { f.role.reset(); });  // as the process does
  f.app->last().send(helloAnswer);
  f.wait("the stop", [&] { return f.role == nullptr && hold->over(); });
  CHECK(hold->received.starts_with("HTTP/1.1 200 "));
  CHECK(contains(client->received, "hello"));
}

TEST_CASE("stop cuts off what does not end in time", "[integration]") {
  SidecarFixture f;
  f.options.drainSeconds = 1;
  f.startReady();
  auto client = f.client();
  client->send(getRequest);
  f.wait("the request", [&] { return !f.app->peers.empty() && contains(f.app->last().received, "\r\n\r\n"); });
  bool stopped = false;
  f.role->stop([&] { stopped = true; });
  f.wait("the stop", [&] { return stopped; });
  f.wait("the client's end", [&] { return client->over(); });
}

TEST_CASE("options that make no sense are refused by name", "[integration]") {
  SidecarFixture f;
  const auto refused = [&](auto change) {
    sidecar::Options options = f.options;
    change(options);
    const auto started = sidecar::start({f.loop, f.kube, *f.random, Logger(), f.metrics}, options);
    REQUIRE_FALSE(started.ok());
    return started.error().message;
  };
  CHECK(contains(refused([](auto& o) { o.adminKeys = {"nonsense"}; }), "--admin-key"));
  CHECK(contains(refused([](auto& o) { o.podUid.clear(); }), "--pod-uid"));
  CHECK(contains(refused([](auto& o) { o.podUid = std::string(64, 'u'); }), "--pod-uid"));
  CHECK(contains(refused([](auto& o) { o.adminPort = o.upstreamPort; }), std::to_string(f.options.upstreamPort)));
  CHECK(contains(refused([](auto& o) { o.address = "localhost:80"; }), "-port"));
  RawServer taken(f.loop);
  CHECK(contains(refused([&](auto& o) { o.servePort = taken.port(); }), "--serve-port"));
}
