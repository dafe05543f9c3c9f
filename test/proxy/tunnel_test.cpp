// Upgraded connections, byte by byte.

#include "http/websocket.hpp"
#include "proxy/tunnel_fixture.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

TEST_CASE("fault 04: Connection: keep-alive, Upgrade is a WebSocket", "[integration]") {
  TunnelFixture f;
  f.start();
  const std::string connection = GENERATE("keep-alive, Upgrade", "Upgrade", "upgrade,keep-alive", "UPGRADE");
  auto client = f.client();
  client->send(upgradeRequest(connection));
  f.wait("the upgrade request", [&] { return !f.upstream.peers.empty() && contains(f.upstream.last().received, "\r\n\r\n"); });
  CHECK(contains(f.upstream.last().received, "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  CHECK(contains(f.upstream.last().received, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
  f.upstream.last().send(switching());
  f.waitText(*client, "\r\n\r\n");
  CHECK(client->received.starts_with("HTTP/1.1 101 "));
  CHECK(contains(client->received, "Upgrade: websocket\r\n"));
  CHECK(contains(client->received, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  client->send("ping");
  f.waitText(f.upstream.last(), "ping");
  f.upstream.last().send("pong");
  f.waitText(*client, "pong");
  CHECK(f.tokens == 1);
}

TEST_CASE("bytes right behind the request and right behind the 101 are not lost", "[integration]") {
  TunnelFixture f;
  f.start();
  auto client = f.client();
  client->send(upgradeRequest("Upgrade", "chat") + "early from client");
  f.wait("the upgrade request", [&] { return !f.upstream.peers.empty() && contains(f.upstream.last().received, "\r\n\r\n"); });
  CHECK_FALSE(contains(f.upstream.last().received, "early"));
  f.upstream.last().send(switching("chat") + "early from upstream");
  f.waitText(*client, "\r\n\r\nearly from upstream");
  f.waitText(f.upstream.last(), "\r\n\r\nearly from client");
}

TEST_CASE("a refused upgrade is an ordinary answer, and the connection goes on", "[integration]") {
  TunnelFixture f;
  f.start();
  f.answerAll("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
  auto client = f.client();
  for (int i = 0; i < 2; ++i) {
    client->received.clear();
    client->send(upgradeRequest());
    f.waitText(*client, "\r\n\r\nno");
    f.wait("the token's end", [&] { return f.tokens == 0; });
  }
  CHECK(f.proxy->counters().upgrades == 0);
  CHECK(f.proxy->counters().tunnels == 0);
}

TEST_CASE("a 101 for what nobody asked for is a bad answer", "[integration]") {
  TunnelFixture f;
  f.start();
  const std::string fields = GENERATE("", "Upgrade: chat\r\n", "Upgrade: websocket, chat\r\n", "Upgrade:\r\n");
  f.answerAll("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n" + fields + "\r\n");
  auto client = f.client();
  client->send(upgradeRequest());
  f.waitText(*client, "UpstreamBadAnswer");
  CHECK(client->received.starts_with("HTTP/1.1 502 "));
  CHECK(f.proxy->counters().tunnels == 0);
}

TEST_CASE("the token lives as long as the tunnel", "[integration]") {
  TunnelFixture f;
  f.start();
  f.open();
  turns(f.loop, 10);
  CHECK(f.tokens == 1);
  const int how = GENERATE(0, 1, 2, 3);
  if (how == 0) f.ws->reset();
  if (how == 1) f.up->reset();
  if (how >= 2) {  // both ends, in both orders
    (how == 2 ? *f.ws : *f.up).halfClose();
    f.wait("the half-close to be passed on", [&] { return (how == 2 ? *f.up : *f.ws).ended; });
    CHECK(f.tokens == 1);
    (how == 2 ? *f.up : *f.ws).halfClose();
  }
  f.wait("the token's end", [&] { return f.tokens == 0; });
  f.wait("both sides' end", [&] { return (how == 0 || f.ws->over() || !f.ws->isOpen()) && (how == 1 || f.up->over()); });
  CHECK(f.proxy->counters().tunnels == 0);
}

TEST_CASE("a client that is gone when the 101 comes leaves nothing behind", "[integration]") {
  TunnelFixture f;
  f.start();
  auto client = f.client();
  client->send(upgradeRequest());
  f.wait("the upgrade request", [&] { return !f.upstream.peers.empty() && contains(f.upstream.last().received, "\r\n\r\n"); });
  f.upstream.last().send(switching());  // the proxy sees this first, and then that nobody is there to take it
  client->reset();
  f.wait("the upstream's connection to end", [&] { return f.upstream.last().over(); });
  CHECK(f.tokens == 0);
  CHECK(f.proxy->counters().tunnels == 0);
  CHECK(f.proxy->counters().active == 0);
}

TEST_CASE("upgraded connections are bounded; others go on", "[integration]") {
  TunnelFixture f;
  f.options.maxTunnels = 1;
  f.start();
  f.open();
  auto second = f.client();
  second->send(upgradeRequest());
  f.waitText(*second, "\"reason\":\"TooManyTunnels\"");
  CHECK(second->received.starts_with("HTTP/1.1 503 "));
  second->received.clear();
  f.answerAll(okAnswer);
  second->send(simpleGet);
  f.waitText(*second, "hello");
  f.ws->reset();
  f.wait("the first one's end", [&] { return f.proxy->counters().tunnels == 0; });
  f.upstream.onBytes = nullptr;
  f.open();
}

TEST_CASE("after a half-close the other direction goes on, until nothing moves", "[integration]") {
  TunnelFixture f;
  f.options.tunnels.halfCloseTimeout = 200ms;
  f.under = &f.driven;
  f.start();
  f.open("chat");
  f.ws->halfClose();
  f.wait("the half-close to be passed on", [&] { return f.up->ended; });
  for (std::size_t sent = 1; sent <= 10; ++sent) {
    f.driven.advance(199ms);
    f.up->send("x");
    f.wait("a byte of the other direction", [&] { return f.ws->received.size() == sent; });
    REQUIRE(f.tokens == 1);
  }
  f.driven.advance(199ms);
  CHECK(f.tokens == 1);
  CHECK_FALSE(f.ws->over());
  f.driven.advance(1ms);
  f.wait("the end after silence", [&] { return f.ws->over(); });
  CHECK(f.tokens == 0);
}

TEST_CASE("a side that is broken off is broken off for the other one too", "[integration]") {
  TunnelFixture f;
  f.start();
  const bool byClient = GENERATE(true, false);
  const std::string protocol = GENERATE("websocket", "chat");
  f.open(protocol);
  RawPeer& gone = byClient ? *f.ws : *f.up;
  RawPeer& left = byClient ? *f.up : *f.ws;
  gone.send("last words");
  f.waitText(left, "last words");
  SECTION("while it is quiet") {}
  SECTION("while the tunnel holds bytes for it") {
    gone.pauseReading(true);
    left.send(std::string(1'000'000, 'z'));
    f.wait("all to be sent", [&] { return left.unsent() == 0; });
  }
  gone.reset();
  f.wait("the end", [&] { return left.over(); });
  CHECK(left.failed);  // a FIN would say that this was all
  f.wait("the tunnel's end", [&] { return f.tokens == 0; });
}

TEST_CASE("a tunnel carries 32 MB each way at once", "[integration]") {
  TunnelFixture f;
  f.start();
  f.open("chat");
  const std::string piece(100'000, 'z');
  const std::uint64_t wanted = 32'000'000;
  f.ws->keep = f.up->keep = false;
  std::uint64_t down = 0, up = 0;
  const auto pump = [&](RawPeer& peer, std::uint64_t& count) {
    peer.onDrained = [&](RawPeer& to) {
      if (count >= wanted) return;
      count += piece.size();
      to.send(piece);
    };
    peer.send("");
  };
  const auto before = f.ws->total;
  const auto beforeUp = f.up->total;
  pump(*f.up, down);
  pump(*f.ws, up);
  f.wait(
      "all of it", [&] { return f.ws->total - before == wanted && f.up->total - beforeUp == wanted; }, 60s);
  CHECK(f.proxy->counters().bytesToClient == wanted);
  CHECK(f.proxy->counters().bytesToUpstream == wanted);
}

TEST_CASE("drain closes WebSockets with 1001 on both sides, between frames", "[integration]") {
  TunnelFixture f;
  f.under = &f.driven;  // no time passes: nothing here waits for a limit
  f.start();
  f.open();
  const std::string frame = http::encodeWsFrame(http::WsOpcode::Text, "hello world");
  f.up->send(frame.substr(0, 5));  // in the middle of a frame
  f.waitText(*f.ws, frame.substr(0, 5));
  bool drained = false;
  f.proxy->drain([&] { drained = true; });
  const std::string closeUp = http::encodeMaskedWsFrame(http::WsOpcode::Close, std::string("\x03\xe9"), {0x5a, 0xa5, 0x3c, 0xc3});
  f.waitText(*f.up, closeUp);
  turns(f.loop, 5);
  CHECK(f.ws->received == frame.substr(0, 5));
  f.up->send(frame.substr(5) + frame);  // the frame's end, and another one that is too late
  const std::string closeDown = http::encodeWsClose(1001);
  f.waitText(*f.ws, closeDown);
  CHECK(f.ws->received == frame + closeDown);
  CHECK(f.tokens == 1);
  // Both answer in kind: then it is over, before the limit.
  f.ws->send(http::encodeMaskedWsFrame(http::WsOpcode::Close, std::string("\x03\xe9"), {1, 2, 3, 4}));
  f.up->send(http::encodeWsClose(1001));
  f.wait("the tunnel's end", [&] { return f.tokens == 0; });
  f.wait("the drain's end", [&] { return drained; });
  f.wait("both sides' end", [&] { return f.ws->over() && f.up->over(); });
  CHECK(f.ws->received == frame + closeDown);
  CHECK(f.up->received == closeUp);
}

TEST_CASE("drain ends a WebSocket that does not answer, after the limit", "[integration]") {
  TunnelFixture f;
  f.options.tunnels.closeTimeout = 5s;
  f.under = &f.driven;
  f.start();
  f.open();
  bool drained = false;
  f.proxy->drain([&] { drained = true; });
  f.waitText(*f.ws, http::encodeWsClose(1001));
  f.driven.advance(5s - 1ms);
  CHECK_FALSE(drained);
  CHECK(f.tokens == 1);
  f.driven.advance(1ms);
  f.wait("the end", [&] { return drained && f.tokens == 0; });
  CHECK(f.ws->received == http::encodeWsClose(1001));
}

TEST_CASE("drain leaves other protocols and exchanges to their own end", "[integration]") {
  TunnelFixture f;
  f.start();
  f.open("chat");
  auto client = f.client();
  client->send(simpleGet);
  f.wait("a request under way", [&] { return f.proxy->counters().active == 1 && contains(f.upstream.last().received, "\r\n\r\n"); });
  bool drained = false;
  f.proxy->drain([&] { drained = true; });
  f.up->send("still here");
  f.waitText(*f.ws, "still here");
  f.upstream.last().send(okAnswer);
  f.waitText(*client, "hello");
  turns(f.loop, 5);
  CHECK_FALSE(drained);
  f.proxy->abortAll();
  f.wait("drained", [&] { return drained; });
  CHECK(f.tokens == 0);
}
