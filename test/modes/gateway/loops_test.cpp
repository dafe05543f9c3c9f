// A gateway on two loops. Enough clients come that both have some: that one of two gets none of 40 has a chance of 10^-12.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "fixture.hpp"

using namespace spawner;
using namespace spawner::test;

namespace {

constexpr std::size_t crowd = 40;

gateway::Options twoLoops(gateway::Options options = {}) {
  options.loops = 2;
  return options;
}

/// The value of a series in the metrics' text; -1 without it.
double metric(const GatewayFixture& of, const std::string& series) {
  const std::string text = of.metrics.text();
  const std::size_t at = text.find("\n" + series + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + series.size() + 2));
}
double requests(const GatewayFixture& of, const std::string& outcome) {
  return metric(of, "spawner_gateway_requests_total{outcome=\"" + outcome + "\"}");
}

/// Clients that keep their connections.
struct Crowd {
  explicit Crowd(GatewayFixture& gateway, std::size_t count = crowd) : of(gateway) {
    while (peers.size() < count) peers.push_back(of.client());
  }
  void send(const std::string& target, const std::string& fields = "") {
    for (const auto& peer : peers) {
      peer->received.clear();
      peer->send("GET " + target + " HTTP/1.1\r\nHost: gateway.test\r\n" + fields + "\r\n");
    }
  }
  /// Waits until every one has got the head and, if one is asked for, the part.
  void expect(const std::string& status, const std::string& part = "\r\n\r\n") {
    waitFor(of.loop, "answers with " + status,
            [&] { return std::ranges::all_of(peers, [&](const auto& peer) { return contains(peer->received, part); }); });
    for (const auto& peer : peers) CHECK(GatewayFixture::status(peer->received) == status);
  }
  [[nodiscard]] std::size_t answered() const {
    return static_cast<std::size_t>(std::ranges::count_if(peers, [](const auto& peer) { return !peer->received.empty(); }));
  }
  GatewayFixture& of;
  std::vector<std::unique_ptr<RawPeer>> peers;
};

/// Of the first answer, body and all; 0 while its head is not whole.
std::size_t sizeOfAnswer(const std::string& text) {
  const std::size_t head = text.find("\r\n\r\n");
  const std::size_t length = text.find("Content-Length: ");
  return head == std::string::npos || length > head ? 0 : head + 4 + std::stoul(text.substr(length + 16));
}

const std::string upgrade =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

void answerUpgrades(RawServer& sidecar) {
  sidecar.onBytes = [](RawPeer& peer) {
    if (!peer.received.ends_with("\r\n\r\n")) return;
    peer.received.clear();
    peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  };
}

}  // namespace

TEST_CASE("gateway loops: clients are spread over both, both route, and the counts are sums", "[integration]") {
  GatewayFixture gateway(twoLoops());
  std::unique_ptr<RawServer> sidecar;
  gateway.store.add("spawner-x", GatewayFixture::ready(gateway.sidecar(sidecar)));
  gateway.begin();
  CHECK(requests(gateway, "session") == 0);
  Crowd clients(gateway);
  clients.send("/p/x/a");
  clients.expect("200", "GET /a HTTP/1.1\r\n");
  clients.send("/p/x/b");
  clients.expect("200", "GET /b HTTP/1.1\r\n");
  clients.send("/");
  clients.expect("200");
  const auto connections = [&](const char* loop) {
    return metric(gateway, std::string("spawner_gateway_connections{loop=\"") + loop + "\"}");
  };
  waitFor(gateway.loop, "the counts", [&] { return connections("0") + connections("1") == crowd; });
  CHECK(connections("0") > 0);
  CHECK(connections("1") > 0);
  waitFor(gateway.loop, "the counts", [&] { return requests(gateway, "landing") == crowd; });
  CHECK(requests(gateway, "session") == 2 * crowd);
  CHECK(gateway.store.gets == 0);  // a request that is earlier than the news is answered by the control part
}

TEST_CASE("gateway loops: a session that comes, becomes Ready and ends is that for both", "[integration]") {
  GatewayFixture gateway(twoLoops());
  std::unique_ptr<RawServer> sidecar;
  const std::string ip = gateway.sidecar(sidecar);
  gateway.begin();
  Crowd clients(gateway);
  clients.send("/p/x/");
  clients.expect("404");
  gateway.store.add("spawner-x");
  turns(gateway.loop, 20);
  clients.send("/p/x/", GatewayFixture::browser);
  clients.expect("503", "data-state=\"Constructed\"");
  gateway.store.patch("spawner-x", GatewayFixture::ready(ip));
  turns(gateway.loop, 20);
  clients.send("/p/x/");
  clients.expect("200");
  gateway.store.setStatus("spawner-x", {{"swept", true}, {"end", {{"reason", "Idle"}, {"message", "Unused."}}}});
  gateway.store.erase("spawner-x");
  turns(gateway.loop, 20);
  clients.send("/p/x/");
  clients.expect("410", "\"reason\":\"Idle\"");
}

TEST_CASE("gateway loops: requests that wait on either loop go on when their session is Ready, or has ended", "[integration]") {
  GatewayFixture gateway(twoLoops());
  std::unique_ptr<RawServer> sidecar;
  const std::string ip = gateway.sidecar(sidecar);
  gateway.store.add("spawner-x");
  gateway.store.add("spawner-y");
  gateway.begin();
  Crowd good(gateway), bad(gateway);
  good.send("/p/x/data");
  bad.send("/p/y/data");
  waitFor(gateway.loop, "all to wait", [&] { return metric(gateway, "spawner_gateway_waiting") == 2 * crowd; });
  CHECK(requests(gateway, "held") == 2 * crowd);
  CHECK(good.answered() == 0);
  gateway.store.patch("spawner-x", GatewayFixture::ready(ip));
  good.expect("200", "GET /data HTTP/1.1\r\n");
  CHECK(bad.answered() == 0);
  gateway.store.setStatus("spawner-y", {{"failed", true}, {"end", {{"reason", "Error"}, {"message", "It broke."}}}});
  bad.expect("410");
  waitFor(gateway.loop, "none to wait", [&] { return metric(gateway, "spawner_gateway_waiting") == 0; });
}

TEST_CASE("gateway loops: a session comes and goes while all ask for it without a pause", "[integration]") {
  GatewayFixture gateway(twoLoops());
  std::unique_ptr<RawServer> sidecar;
  const std::string ip = gateway.sidecar(sidecar);
  gateway.begin();
  Crowd clients(gateway);
  std::map<std::string, int> answers;
  bool asking = true;
  int sent = static_cast<int>(crowd);
  const std::string request = "GET /p/x/ HTTP/1.1\r\nHost: gateway.test\r\n\r\n";
  for (const auto& peer : clients.peers)
    peer->onBytes = [&](RawPeer& from, std::string_view) {
      const std::size_t size = sizeOfAnswer(from.received);
      if (size == 0 || from.received.size() < size) return;
      ++answers[GatewayFixture::status(from.received)];
      from.received.erase(0, size);
      if (!asking) return;
      ++sent;
      from.send(request);
    };
  for (const auto& peer : clients.peers) peer->send(request);
  // As many rounds as it takes: a machine that is busy with other things answers less in each.
  const auto enough = [&] { return answers["200"] > 100 && answers["410"] > 100; };
  for (int round = 0; round < 100 || !enough(); ++round) {
    if (round == 5000) FAIL("after 5000 sessions there are " << answers["200"] << " answers of 200 and " << answers["410"] << " of 410");
    gateway.store.add("spawner-x");
    turns(gateway.loop, 5);
    gateway.store.patch("spawner-x", GatewayFixture::ready(ip));
    turns(gateway.loop, 30);
    if (round % 2 == 0) gateway.store.setStatus("spawner-x", {{"swept", true}, {"end", {{"reason", "Idle"}, {"message", "Unused."}}}});
    gateway.store.erase("spawner-x");
    turns(gateway.loop, 5);
  }
  asking = false;
  gateway.store.add("spawner-x", GatewayFixture::ready(ip));
  const auto answered = [&] {
    int all = 0;
    for (const auto& [status, count] : answers) all += count;
    return all;
  };
  waitFor(gateway.loop, "the last answers", [&] { return answered() == sent; });
  waitFor(gateway.loop, "the counts", [&] { return requests(gateway, "session") + requests(gateway, "refused") == sent; });
  CHECK(metric(gateway, "spawner_gateway_waiting") == 0);
  const int before = answers["200"];
  clients.send("/p/x/");
  waitFor(gateway.loop, "one answer more for each", [&] { return answered() == sent + static_cast<int>(crowd); });
  CHECK(answers["200"] == before + static_cast<int>(crowd));
  // 404: the first ones. Nothing was lost, refused for want of room, or went to a session that was not there.
  for (const auto& [status, count] : answers) CHECK((status == "200" || status == "404" || status == "410"));
}

TEST_CASE("gateway loops: both ask for what no watch has told, with one budget and one memory of misses", "[integration]") {
  GatewayFixture gateway(twoLoops());
  std::unique_ptr<RawServer> sidecar;
  gateway.begin();
  gateway.store.silentWatch = true;
  gateway.store.add("spawner-x", GatewayFixture::ready(gateway.sidecar(sidecar)));
  Crowd clients(gateway);
  clients.send("/p/x/");
  clients.expect("200");
  CHECK(gateway.store.gets == 1);
  clients.send("/p/nobody/");
  clients.expect("404");
  CHECK(gateway.store.gets <= 3);  // the second one, and a third where the first answer was a second ago
  gateway.store.away = true;
  clients.send("/p/x/");
  clients.expect("200");
  clients.send("/p/stranger/");
  clients.expect("503");
}

TEST_CASE("gateway loops: an end that is forgotten is forgotten by both", "[integration]") {
  gateway::Options options = twoLoops();
  options.rememberEndsMax = 1;
  GatewayFixture gateway(options);
  for (const char* name : {"spawner-x", "spawner-y"}) gateway.store.add(name);
  gateway.begin();
  Crowd clients(gateway);
  gateway.store.erase("spawner-x");
  turns(gateway.loop, 20);
  clients.send("/p/x/");
  clients.expect("410");
  gateway.store.erase("spawner-y");
  turns(gateway.loop, 20);
  clients.send("/p/y/");
  clients.expect("410");
  clients.send("/p/x/");
  clients.expect("404");
}

TEST_CASE("gateway loops: limits hold over both", "[integration]") {
  gateway::Options options = twoLoops();
  options.maxTunnels = 7;
  GatewayFixture gateway(options);
  std::unique_ptr<RawServer> sidecar;
  gateway.store.add("spawner-x", GatewayFixture::ready(gateway.sidecar(sidecar)));
  answerUpgrades(*sidecar);
  gateway.begin();
  std::vector<std::unique_ptr<RawPeer>> open;
  std::size_t refused = 0;
  for (std::size_t i = 0; i < crowd; ++i) {
    auto peer = gateway.client();
    peer->send("GET /p/x/socket HTTP/1.1\r\nHost: gateway.test\r\n" + upgrade + "\r\n");
    waitFor(gateway.loop, "an answer", [&] { return contains(peer->received, "\r\n\r\n"); });
    const std::string status = GatewayFixture::status(peer->received);
    if (status == "101")
      open.push_back(std::move(peer));
    else
      refused += status == "503" ? 1 : 0;
  }
  CHECK(open.size() == 7);
  CHECK(refused == crowd - 7);
  waitFor(gateway.loop, "the counts",
          [&] { return metric(gateway, "spawner_proxy_refused_total{reason=\"TooManyTunnels\"}") == crowd - 7; });
  CHECK(metric(gateway, "spawner_http_accepted_total{listener=\"gateway\"}") == crowd);
}

TEST_CASE("gateway loops: stop closes the tunnels of both with 1001, answers what waits, and then is done", "[integration]") {
  GatewayFixture gateway(twoLoops());
  std::unique_ptr<RawServer> sidecar;
  gateway.store.add("spawner-x", GatewayFixture::ready(gateway.sidecar(sidecar)));
  gateway.store.add("spawner-new");
  answerUpgrades(*sidecar);
  gateway.begin();
  Crowd sockets(gateway), waiting(gateway);
  sockets.send("/p/x/socket", upgrade);
  sockets.expect("101");
  waiting.send("/p/new/");
  waitFor(gateway.loop, "all to wait", [&] { return metric(gateway, "spawner_gateway_waiting") == crowd; });
  CHECK(metric(gateway, "spawner_gateway_tunnels") == crowd);
  const std::string close = "\x88\x02\x03\xE9";  // RFC 6455 §5.5.1: 1001
  for (const auto& peer : sockets.peers) {
    peer->received.clear();
    // As a browser: the close frame is answered by one.
    peer->onBytes = [&close](RawPeer& from, std::string_view) {
      if (from.received == close) from.send("\x88\x82" + std::string(4, '\0') + "\x03\xE9");
    };
  }
  for (const auto& peer : sidecar->peers) peer->onBytes = nullptr;
  bool done = false;
  const std::uint16_t port = gateway.gateway->port();
  gateway.gateway->stop([&] { done = true; });
  CHECK_FALSE(gateway.gateway->ready());
  CHECK_FALSE(done);
  waiting.expect("503");
  waitFor(gateway.loop, "the close frames",
          [&] { return std::ranges::all_of(sockets.peers, [&](const auto& peer) { return peer->received == close; }); });
  for (const auto& peer : sidecar->peers) peer->close();
  waitFor(gateway.loop, "the end", [&] { return done; });
  CHECK(metric(gateway, "spawner_gateway_waiting") == 0);
  CHECK(metric(gateway, "spawner_gateway_tunnels") == 0);
  CHECK(requests(gateway, "refused") == crowd);
  gateway.gateway.reset();
  CHECK(listenOn(*SocketAddress::fromIp("127.0.0.1", port)).ok());
}

TEST_CASE("gateway loops: destroyed without a stop, with requests, tunnels and look-ups under way, nothing runs afterwards",
          "[integration]") {
  GatewayFixture gateway(twoLoops());
  std::unique_ptr<RawServer> sidecar;
  gateway.store.add("spawner-x", GatewayFixture::ready(gateway.sidecar(sidecar)));
  gateway.store.add("spawner-new");
  answerUpgrades(*sidecar);
  gateway.begin();
  Crowd sockets(gateway), waiting(gateway), asking(gateway);
  sockets.send("/p/x/socket", upgrade);
  sockets.expect("101");
  waiting.send("/p/new/");
  asking.send("/p/nobody/");
  gateway.store.patch("spawner-new", {{"status", {{"constructed", true}}}});
  gateway.gateway.reset();
  turns(gateway.loop, 20);
  const auto over = [](const auto& peer) { return peer->over(); };
  for (Crowd* group : {&sockets, &waiting, &asking})
    waitFor(gateway.loop, "every connection's end", [&] { return std::ranges::all_of(group->peers, over); });
}

TEST_CASE("gateway loops: a port that another gateway serves is refused, however many loops either has", "[integration]") {
  for (const std::uint32_t first : {1U, 2U})
    for (const std::uint32_t second : {1U, 2U}) {
      gateway::Options options;
      options.loops = first;
      GatewayFixture gateway(options);
      gateway.begin();
      Metrics metrics;
      options.loops = second;
      options.listen = "127.0.0.1:" + std::to_string(gateway.gateway->port());
      const auto made = gateway::start(role::Context{gateway.loop, gateway.store, *gateway.random, Logger(), metrics}, options);
      REQUIRE_FALSE(made.ok());
      CHECK(made.error().message == "--listen: cannot listen on " + options.listen + ": address already in use");
    }
}

TEST_CASE("gateway loops: options that do not go together are refused by name", "[integration]") {
  struct Case {
    const char* flag;
    void (*spoil)(gateway::Options&);
  };
  const std::vector<Case> cases = {
      {"--loops", [](gateway::Options& o) { o.loops = 0; }},
      {"--loops", [](gateway::Options& o) { o.loops = 65; }},
      {"--loops", [](gateway::Options& o) { o.listen = "unix:/nonexistent/socket"; }},
      {"--max-connections", [](gateway::Options& o) { o.maxConnections = 1; }},
      {"--max-tunnels", [](gateway::Options& o) { o.maxTunnels = 1; }},
      {"--max-waiting", [](gateway::Options& o) { o.maxWaiting = 1; }},
  };
  GatewayFixture of;
  for (const auto& [flag, spoil] : cases) {
    gateway::Options options = twoLoops();
    options.listen = "127.0.0.1:0";
    spoil(options);
    const auto made = gateway::start(role::Context{of.loop, of.store, *of.random, Logger(), of.metrics}, options);
    INFO(flag);
    REQUIRE_FALSE(made.ok());
    CHECK(contains(made.error().message, flag));
  }
}
