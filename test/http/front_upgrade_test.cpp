// The front over loopback sockets: connections given away, and the look at unread input.

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "http/front_fixture.hpp"

using namespace spawner;
using namespace spawner::http;
using namespace spawner::http::testing;

namespace {

constexpr std::string_view upgradeRequest = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";

ResponseHead switching() {
  ResponseHead head;
  head.status = 101;
  head.headers.add("Upgrade", "websocket");
  head.headers.add("Connection", "Upgrade");
  head.headers.add("Sec-WebSocket-Accept", "x");
  return head;
}

}  // namespace

TEST_CASE_METHOD(FrontFixture, "An upgrade gives away the socket, the bytes behind the request, and the token", "[integration]") {
  std::optional<Upgraded> upgraded;
  bool inHandler = false;
  SECTION("inside the handler") { inHandler = true; }
  SECTION("later") {}
  start({}, [&](std::unique_ptr<Exchange> exchange) {
    CHECK(exchange->head().upgrade);
    if (inHandler) {
      upgraded = exchange->upgrade(switching());
    } else {
      exchanges.push_back(std::move(exchange));
    }
  });
  Client client = this->client();
  client.send(std::string(upgradeRequest) + "frames right behind");
  if (!inHandler) {
    waitForExchanges(1);
    settle();
    upgraded = exchanges[0]->upgrade(switching());
    exchanges.clear();
  }
  waitFor("the upgrade", [&] { return upgraded.has_value(); });
  CHECK(upgraded->socket);
  CHECK(upgraded->received == "frames right behind");
  CHECK(upgraded->unsent.empty());
  CHECK(upgraded->peer.starts_with("127.0.0.1:"));
  client.waitFor("\r\n\r\n");
  CHECK(client.received ==
        "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  CHECK(front->stats().connections == 0);
  CHECK(front->stats().exchanges == 0);
  CHECK(tokens.alive == 1);

  // The socket lives on without the front.
  front.reset();
  client.received.clear();
  CHECK(writeSome(upgraded->socket.get(), "hello").bytes == 5);
  client.waitFor("hello");
  int userTimeout = 0;
  socklen_t length = sizeof userTimeout;
  REQUIRE(::getsockopt(upgraded->socket.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &userTimeout, &length) == 0);
  CHECK(userTimeout == 60'000);  // inherited from the listening socket
  int keepAlive = 0;
  length = sizeof keepAlive;
  REQUIRE(::getsockopt(upgraded->socket.get(), SOL_SOCKET, SO_KEEPALIVE, &keepAlive, &length) == 0);
  CHECK(keepAlive == 1);
  upgraded.reset();
  CHECK(tokens.alive == 0);
}

TEST_CASE_METHOD(FrontFixture, "A refused upgrade leaves the connection to HTTP", "[integration]") {
  start({}, [](std::unique_ptr<Exchange> exchange) { answerText(*exchange, "no " + exchange->head().target, 403); });
  Client client = this->client();
  client.send(upgradeRequest);
  client.waitFor("no /ws");
  client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
  client.waitFor("no /next");
}

TEST_CASE_METHOD(FrontFixture, "An upgrade after the client left gives an empty socket", "[integration]") {
  start();
  Client client = this->client();
  client.send(upgradeRequest);
  waitForExchanges(1);
  client.reset();
  waitFor("the end of the connection", [&] { return front->stats().connections == 0; });
  const Upgraded upgraded = exchanges[0]->upgrade(switching());
  CHECK_FALSE(upgraded.socket);
  CHECK(upgraded.token == nullptr);
}

TEST_CASE_METHOD(FrontFixture, "hasUnreadInput sees what the loop has not", "[integration]") {
  start({}, echoPath());
  CHECK_FALSE(front->hasUnreadInput());

  // (a) a new connection that was not accepted yet, with bytes
  Client fresh = client();
  fresh.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(front->hasUnreadInput());
  CHECK(front->stats().accepted == 1);
  fresh.waitFor("path=/a");
  CHECK_FALSE(front->hasUnreadInput());

  // (b) an idle keep-alive connection with a new byte
  fresh.send("G");
  CHECK(front->hasUnreadInput());
  settle();
  CHECK(front->hasUnreadInput());  // read, but no handler has seen the request
  fresh.send("ET /b HTTP/1.1\r\nHost: a\r\n\r\n");
  fresh.waitFor("path=/b");
  CHECK_FALSE(front->hasUnreadInput());

  // a client that leaves says nothing
  fresh.halfClose();
  CHECK_FALSE(front->hasUnreadInput());

  // a new connection without bytes: somebody has come
  Client silent = client();
  CHECK(front->hasUnreadInput());
  CHECK_FALSE(front->hasUnreadInput());
}
