// Sessions through the gateway, over sockets.
#include "fixture.hpp"
#include "modes/gateway/answers.hpp"

using namespace spawner;
using namespace spawner::test;

TEST_CASE("gateway: a session by path: prefix removed and told, odd targets untouched", "[integration]") {
  GatewayFixture gateway;
  std::unique_ptr<RawServer> sidecar;
  gateway.store.add("spawner-x", GatewayFixture::ready(gateway.sidecar(sidecar)));
  gateway.begin();
  const std::string answer = gateway.get("/p/x/a?b=c", "X-Forwarded-Prefix: /forged\r\nX-Forwarded-For: 203.0.113.9\r\n");
  CHECK(GatewayFixture::status(answer) == "200");
  CHECK(contains(answer, "GET /a?b=c HTTP/1.1\r\n"));
  CHECK(contains(answer, "X-Forwarded-Prefix: /p/x\r\n"));
  CHECK(contains(answer, "X-Forwarded-For: 127.0.0.1\r\n"));
  CHECK(contains(answer, "X-Forwarded-Proto: http\r\n"));
  CHECK(contains(answer, "Host: gateway.test\r\n"));
  CHECK_FALSE(contains(answer, "forged"));
  CHECK_FALSE(contains(answer, "203.0.113.9"));

  CHECK(contains(gateway.get("/p/x//a%2Fb?c"), "GET //a%2Fb?c HTTP/1.1\r\n"));
  CHECK(contains(gateway.get("/p/x/../y/"), "GET /../y/ HTTP/1.1\r\n"));
  CHECK(contains(gateway.get("/p/x/%2e%2e/y"), "GET /%2e%2e/y HTTP/1.1\r\n"));
  CHECK(contains(gateway.get("http://gateway.test/p/x/abs?q"), "GET /abs?q HTTP/1.1\r\n"));
}

TEST_CASE("gateway: a request says which pod it is for, and a client cannot say another", "[integration]") {
  GatewayFixture gateway;
  std::unique_ptr<RawServer> sidecar;
  auto slab = GatewayFixture::ready(gateway.sidecar(sidecar));
  slab["status"]["podUID"] = "uid-1";
  gateway.store.add("spawner-x", slab);
  gateway.begin();
  const std::string answer = gateway.get("/p/x/", "Spawner-Pod: uid-2\r\n");
  CHECK(contains(answer, "\r\nSpawner-Pod: uid-1\r\n"));
  CHECK_FALSE(contains(answer, "uid-2"));
}

TEST_CASE("gateway: another session cannot be reached out of one", "[integration]") {
  GatewayFixture gateway;
  std::unique_ptr<RawServer> own, other;
  gateway.store.add("spawner-x", GatewayFixture::ready(gateway.sidecar(own)));
  gateway.store.add("spawner-y", GatewayFixture::ready(gateway.sidecar(other)));
  gateway.begin();
  for (const char* target :
       {"/p/x/../y/", "/p/x/..%2f..%2fp/y/", "/p/x//p/y/", "/p/x/?/../p/y/", "/p/x;/../y/", "/p/x%2f..%2fy/", "http://y/p/x/"})
    gateway.get(target);
  CHECK(other->peers.empty());
}

TEST_CASE("gateway: a session by host keeps its whole path", "[integration]") {
  gateway::Options options;
  options.domains = {"Sessions.test"};
  options.allowedHosts = {"gateway.test"};
  GatewayFixture gateway(options);
  std::unique_ptr<RawServer> sidecar;
  gateway.store.add("spawner-x", GatewayFixture::ready(gateway.sidecar(sidecar)));
  gateway.begin();
  const std::string answer = gateway.get("/p/y/api/?a", "", "x.sessions.test:8080");
  CHECK(contains(answer, "GET /p/y/api/?a HTTP/1.1\r\n"));
  CHECK(contains(answer, "Host: x.sessions.test:8080\r\n"));
  CHECK_FALSE(contains(answer, "X-Forwarded-Prefix"));
  CHECK(GatewayFixture::status(gateway.get("/", "", "nobody.sessions.test")) == "404");
  CHECK(GatewayFixture::status(gateway.get("/", "", "a.x.sessions.test")) == "404");
}

TEST_CASE("fault 10: /_events in a session is the application's, and no path of the gateway's own is taken from it", "[integration]") {
  GatewayFixture gateway;
  std::unique_ptr<RawServer> sidecar;
  gateway.store.add("spawner-x", GatewayFixture::ready(gateway.sidecar(sidecar)));
  gateway.begin();
  for (const char* path : {"/_events", "/_sweep", "/_hold", "/healthz", "/metrics", "/api/backend/x/status/stream", "/p/x/"})
    CHECK(contains(gateway.get("/p/x" + std::string(path)), "GET " + std::string(path) + " HTTP/1.1\r\n"));
  CHECK(GatewayFixture::status(gateway.get("/_events")) == "404");
  // Only the data port is ever dialled: the sidecar's admin port cannot be named.
  CHECK(GatewayFixture::status(gateway.get("/p/x:9091/_events")) == "404");
}

TEST_CASE("gateway: an upgraded connection is a tunnel, also with what Firefox sends", "[integration]") {
  GatewayFixture gateway;
  std::unique_ptr<RawServer> sidecar;
  gateway.store.add("spawner-x", GatewayFixture::ready(gateway.sidecar(sidecar)));
  sidecar->onBytes = [](RawPeer& peer) {
    if (contains(peer.received, "\r\n\r\nping"))
      peer.send("pong");
    else if (peer.received.ends_with("\r\n\r\n"))
      peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  };
  gateway.begin();
  auto client = gateway.client();
  client->send(
      "GET /p/x/socket HTTP/1.1\r\nHost: gateway.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  waitFor(gateway.loop, "101", [&] { return contains(client->received, "101 Switching"); });
  CHECK(contains(sidecar->last().received, "GET /socket HTTP/1.1\r\n"));
  client->send("ping");
  waitFor(gateway.loop, "the echo", [&] { return client->received.ends_with("pong"); });
}

TEST_CASE("gateway: --max-tunnels bounds upgraded connections", "[integration]") {
  gateway::Options options;
  options.maxTunnels = 2;
  GatewayFixture gateway(options);
  std::unique_ptr<RawServer> sidecar;
  gateway.store.add("spawner-x", GatewayFixture::ready(gateway.sidecar(sidecar)));
  gateway.begin();
  RawPeer* inside = nullptr;
  sidecar->onBytes = [&inside](RawPeer& peer) {
    inside = &peer;
    if (contains(peer.received, "\r\n\r\n"))
      peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  };
  const auto open = [&] {
    auto peer = gateway.client();
    peer->send(
        "GET /p/x/socket HTTP/1.1\r\nHost: gateway.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    waitFor(gateway.loop, "an answer", [&] { return contains(peer->received, "\r\n\r\n"); });
    return peer;
  };
  const auto first = open();
  CHECK(GatewayFixture::status(first->received) == "101");
  auto second = open();
  CHECK(GatewayFixture::status(second->received) == "101");
  RawPeer* const ofSecond = inside;
  CHECK(GatewayFixture::status(open()->received) == "503");
  ofSecond->close();
  second.reset();
  CHECK(contains(gateway.metrics.text(), "spawner_proxy_refused_total{reason=\"TooManyTunnels\"} 1\n"));
  waitFor(gateway.loop, "room", [&] { return GatewayFixture::status(open()->received) == "101"; });
}

TEST_CASE("gateway: a trusted proxy's fields are kept, and prefixes add up", "[integration]") {
  gateway::Options options;
  options.trustForwarded = true;
  GatewayFixture gateway(options);
  std::unique_ptr<RawServer> sidecar;
  gateway.store.add("spawner-x", GatewayFixture::ready(gateway.sidecar(sidecar)));
  gateway.begin();
  const std::string answer =
      gateway.get("/p/x/", "X-Forwarded-Prefix: /outer/\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n");
  CHECK(contains(answer, "X-Forwarded-Prefix: /outer/p/x\r\n"));
  CHECK(contains(answer, "X-Forwarded-For: 203.0.113.9, 127.0.0.1\r\n"));
  CHECK(contains(answer, "X-Forwarded-Proto: https\r\n"));
  const std::string named = gateway.get("/p/x/", "X-Forwarded-Prefix: /outer\r\nConnection: X-Forwarded-Prefix\r\n");
  CHECK(contains(named, "X-Forwarded-Prefix: /p/x\r\n"));
}

TEST_CASE("gateway: a session that gives no answer is told apart by what is known of it", "[integration]") {
  GatewayFixture gateway;
  gateway.store.add("spawner-x", GatewayFixture::ready(freshIp()));  // nobody listens there
  gateway.begin();
  const std::string gone = gateway.get("/p/x/");
  CHECK(GatewayFixture::status(gone) == "503");
  CHECK(contains(gone, "Retry-After: 1\r\n"));
  CHECK(contains(gone, "UpstreamUnreachable"));
  CHECK(contains(gateway.get("/p/x/", GatewayFixture::browser), "<h1>The session gives no answer</h1>"));

  std::unique_ptr<RawServer> sidecar;
  gateway.store.add("spawner-y", GatewayFixture::ready(gateway.sidecar(sidecar)));
  sidecar->onBytes = [](RawPeer& peer) { peer.close(); };
  const std::string broken = gateway.get("/p/y/");
  CHECK(GatewayFixture::status(broken) == "502");
  CHECK(contains(broken, "application/problem+json"));

  gateway.store.add("spawner-z", GatewayFixture::ready(gateway.sidecar(sidecar)));
  sidecar->onBytes = [](RawPeer& peer) { peer.send("nonsense\r\n\r\n"); };
  CHECK(GatewayFixture::status(gateway.get("/p/z/")) == "502");
}

TEST_CASE("gateway: an end that only the sidecar knows is told with its reason; an application's 503 passes", "[integration]") {
  GatewayFixture gateway;
  std::unique_ptr<RawServer> sidecar;
  gateway.store.add("spawner-x", GatewayFixture::ready(gateway.sidecar(sidecar)));
  gateway.begin();
  std::string fields = "Spawner-Reason: Idle\r\n";
  sidecar->onBytes = [&fields](RawPeer& peer) {
    peer.send("HTTP/1.1 503 Service Unavailable\r\n" + fields + "Content-Length: 4\r\nConnection: close\r\n\r\nbusy");
  };
  const std::string ending = gateway.get("/p/x/", GatewayFixture::browser);
  CHECK(GatewayFixture::status(ending) == "503");
  CHECK(contains(ending, "Spawner-Reason: Idle\r\n"));
  CHECK(contains(ending, "<h1>"));
  fields = "Spawner-Reason: UpstreamClosed\r\n";
  CHECK(contains(gateway.get("/p/x/"), R"("detail":"The application closed the connection before it had answered.")"));

  gateway.store.silentWatch = false;
  fields.clear();
  const std::string own = gateway.get("/p/x/", GatewayFixture::browser);
  CHECK(GatewayFixture::status(own) == "503");
  CHECK(own.ends_with("\r\n\r\nbusy"));
}

TEST_CASE("gateway: every failure that a sidecar tells has words for people") {
  using proxy::FailureKind;
  for (const FailureKind kind : {FailureKind::ConnectFailed, FailureKind::ConnectTimeout, FailureKind::NoDescriptors,
                                 FailureKind::ClosedEarly, FailureKind::HeadTimeout, FailureKind::Stalled, FailureKind::BadAnswer}) {
    const std::string reason(proxy::toString(kind));
    CHECK_FALSE(contains(gateway::unreachable({}, {502, reason}, {}).body, "refused the request"));
  }
  CHECK(contains(gateway::unreachable({}, {502, "Unheard"}, {}).body, "The session refused the request: Unheard."));
}

TEST_CASE("gateway: stop ends tunnels and idle connections, and then is done", "[integration]") {
  GatewayFixture gateway;
  std::unique_ptr<RawServer> sidecar;
  gateway.store.add("spawner-x", GatewayFixture::ready(gateway.sidecar(sidecar)));
  gateway.store.add("spawner-new");
  gateway.begin();
  auto idle = gateway.client();
  idle->send("GET /p/x/ HTTP/1.1\r\nHost: gateway.test\r\n\r\n");
  waitFor(gateway.loop, "an answer", [&] { return contains(idle->received, "GET / HTTP/1.1"); });
  auto held = gateway.client();
  held->send("GET /p/new/ HTTP/1.1\r\nHost: gateway.test\r\n\r\n");
  turns(gateway.loop, 20);
  bool done = false;
  gateway.gateway->stop([&] { done = true; });
  waitFor(gateway.loop, "the end", [&] { return done; });
  waitFor(gateway.loop, "the held request's answer", [&] { return held->over(); });
  CHECK(GatewayFixture::status(held->received) == "503");
  waitFor(gateway.loop, "the idle connection's end", [&] { return idle->over(); });
  CHECK_FALSE(gateway.gateway->ready());
}
