// Server over loopback sockets: what counts as use, lifetimes, and limits. The client is a Session carried by the same loop.
#include "http2/server_fixture.hpp"

namespace spawner::http2 {

using namespace std::chrono_literals;
using http::Exchange;
using testing::Http2Client;
using testing::ServerFixture;
using testing::streamed;

TEST_CASE_METHOD(ServerFixture, "http2: a stream is a use, a connection is none", "[integration]") {
  start();
  http::testing::Client pieces(loop, front->port());
  pieces.send("PRI * HTTP/2.0\r\n");
  test::turns(loop, 5);
  CHECK(tokens.made == 0);
  CHECK(front->hasUnreadInput());
  pieces.close();

  Http2Client client(loop, front->port());
  client.carry();
  client.waitFor("the server's settings", [&] { return client.seen.settings > 0; });
  CHECK(tokens.made == 0);
  const StreamId one = client.request(), two = client.request("POST", false);
  exchange(client, 1);
  CHECK(tokens.alive == 2);
  CHECK(server->stats().openStreams == 2);
  http::testing::answerText(*exchanges[0], "done");
  client.waitFor("the answer", [&] { return client.at(one).closed.has_value(); });
  CHECK(client.at(one).data == "done");
  CHECK(tokens.alive == 1);
  client.session.reset(two, cancel);
  client.waitFor("the end of use", [&] { return tokens.alive == 0; });
  CHECK(gone == 1);
  CHECK(exchanges[1]->over());
  CHECK(server->stats().connections == 1);
  CHECK_FALSE(server->hasUnreadInput());
  client.session.request({{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}}, true);
  client.carry();
  bool unread = false;
  for (int i = 0; i < 1'000'000 && !unread; ++i) unread = server->hasUnreadInput();  // no turn of the loop: what a sweep must see
  CHECK(unread);
}

TEST_CASE_METHOD(ServerFixture, "http2: the beginning of a frame is seen by a sweep", "[integration]") {
  start();
  Http2Client client(loop, front->port());
  client.carry();
  client.waitFor("the server's settings", [&] { return client.seen.settings > 0; });
  client.waitFor("all to be read", [&] { return !server->hasUnreadInput(); });
  const std::string begin = GENERATE(std::string("\0\0\x01\x01\x05\0\0\0", 8),              // of a frame's head
                                     std::string("\0\0\x0a\x01\x2d\0\0\0\x01\x01\0", 11));  // HEADERS, PADDED and PRIORITY
  client.raw.send(begin);
  const auto seen = [&] { return tokens.alive == 1 || server->hasUnreadInput(); };
  test::waitFor(loop, "it to come", seen);
  for (int i = 0; i < 20 && seen(); ++i) test::turns(loop, 5);
  CHECK(seen());
}

TEST_CASE_METHOD(ServerFixture, "http2: HTTP/1.1 on the same port is as ever", "[integration]") {
  start();
  http::testing::Client client(loop, front->port());
  client.send("PR");
  test::turns(loop, 5);
  client.send("OPFIND / HTTP/1.1\r\nHost: a\r\n\r\n");
  test::waitFor(loop, "the exchange", [&] { return exchanges.size() == 1; });
  CHECK(exchanges[0]->head().method == "PROPFIND");
  CHECK(tokens.made == 1);
  CHECK_FALSE(exchanges[0]->reset(cancel));
  http::testing::answerText(*exchanges[0], "one");
  client.waitFor("one");
}

TEST_CASE_METHOD(ServerFixture, "http2: bodies pass both ways, and a paused one holds its client back", "[integration]") {
  ServerOptions options;
  options.session.streamWindow = 70'000;
  start(std::move(options));
  Http2Client client(loop, front->port());
  const StreamId id = client.request("POST", false);
  Exchange& one = exchange(client);
  std::string body;
  bool ended = false;
  one.readBody(
      [&](std::string_view bytes) {
        body += bytes;
        one.pauseBody();
      },
      [&] { ended = true; });
  client.session.send(id, std::string(200'000, 'b'));
  client.session.end(id);
  client.waitFor("a first piece", [&] { return !body.empty(); });
  for (int i = 0; i < 20; ++i) {
    client.carry();
    test::turns(loop, 2);
  }
  CHECK(body.size() <= 16 * 1024);
  CHECK(client.session.sent(id) <= 70'000 + 16 * 1024);
  int drained = 0;
  one.onDrained([&] { ++drained; });
  client.waitFor("the rest", [&] {
    one.resumeBody();
    return ended;
  });
  CHECK(body.size() == 200'000);
  one.sendHead(streamed());
  one.sendBody(std::string(100'000, 'a'));
  CHECK(one.unsent() == 100'000);
  client.waitFor("what the window lets through", [&] { return client.at(id).data.size() >= 65'535; });
  client.session.consumed(id, client.at(id).data.size());
  client.waitFor("all of it", [&] { return drained == 1; });
  http::Headers trailers;
  trailers.add("grpc-status", "0");
  trailers.add("connection", "close");
  one.sendTrailers(trailers);
  one.finish();
  client.waitFor("the trailers", [&] { return client.at(id).closed.has_value(); });
  CHECK(client.at(id).data.size() == 100'000);
  CHECK(client.at(id).trailers == std::map<std::string, std::string>{{"grpc-status", "0"}});
}

TEST_CASE_METHOD(ServerFixture, "http2: whoever lets go of an exchange first, the other is told", "[integration]") {
  start();
  auto client = std::make_unique<Http2Client>(loop, front->port());
  const StreamId dropped = client->request(), cut = client->request(), coded = client->request(), late = client->request();
  exchange(*client, 3);
  exchanges[0].reset();
  exchanges[1]->sendHead({});
  exchanges[1]->abort();
  CHECK(exchanges[2]->reset(enhanceYourCalm));
  client->waitFor("the ends", [&] { return client->at(dropped).closed && client->at(cut).closed && client->at(coded).closed; });
  CHECK(client->at(dropped).heads.at(0).status == 500);
  CHECK(client->at(coded).closed == enhanceYourCalm);
  CHECK(tokens.alive == 1);
  exchanges[3]->sendHead(streamed());
  client->waitFor("the head", [&] { return !client->at(late).heads.empty(); });
  SECTION("the client closes") {
    client->raw.close();
    test::waitFor(loop, "the exchange to be told", [&] { return gone == 1; });
  }
  SECTION("the server is destroyed, and the exchange lives on") {
    server.reset();
    test::waitFor(loop, "the exchange to be told", [&] { return gone == 1; });
  }
  CHECK(exchanges[3]->over());
  CHECK(tokens.alive == 0);
  exchanges[3]->sendBody("nobody hears this");
  exchanges[3]->finish();
  exchanges.clear();
}

TEST_CASE_METHOD(ServerFixture, "http2: a handler may destroy the server", "[integration]") {
  start({}, [this](std::unique_ptr<Exchange> exchange) {
    exchanges.push_back(std::move(exchange));
    server.reset();
  });
  Http2Client client(loop, front->port());
  client.request();
  client.request();
  client.waitFor("the handler", [&] { return !exchanges.empty(); });
  test::turns(loop, 5);
  CHECK(exchanges.size() == 1);
  CHECK(exchanges[0]->over());
  CHECK(tokens.alive == 0);
}

TEST_CASE_METHOD(ServerFixture, "http2: drain says GOAWAY, waits for what is in flight, and for nothing else", "[integration]") {
  start();
  Http2Client busy(loop, front->port()), idle(loop, front->port());
  idle.carry();
  idle.waitFor("the server's settings", [&] { return idle.seen.settings > 0; });
  const StreamId id = busy.request();
  exchange(busy);
  bool drained = false;
  server->drain([&] { drained = true; });
  idle.waitFor("GOAWAY and the end", [&] { return idle.seen.goaways > 0 && idle.raw.closed; });
  busy.waitFor("GOAWAY", [&] { return busy.seen.goaways > 1; });
  CHECK_FALSE(drained);
  http::testing::answerText(*exchanges[0], "late");
  busy.waitFor("the answer and the end", [&] { return busy.at(id).data == "late" && busy.raw.closed; });
  test::waitFor(loop, "the drain's end", [&] { return drained; });
  Http2Client after(loop, front->port());
  after.carry();
  after.waitFor("the end of a late one", [&] { return after.raw.closed; });
  CHECK(tokens.alive == 0);
}

TEST_CASE_METHOD(ServerFixture, "http2: limits of time and number", "[integration]") {
  ServerOptions options;
  options.maxConnections = 1;
  options.headTimeout = 10s;
  options.keepAliveTimeout = 20s;
  options.writeTimeout = 10s;
  under = &driven;
  start(std::move(options));
  Http2Client client(loop, front->port());
  client.carry();
  const auto inTime = [&](const std::string& what, const std::function<bool()>& predicate) {
    driven.advanceUntil(what, 1s, 60s, [&] {
      client.carry();
      return predicate();
    });
  };
  SECTION("a further connection is sent away") {
    client.waitFor("the server's settings", [&] { return client.seen.settings > 0; });
    Http2Client other(loop, front->port());
    other.carry();
    other.waitFor("GOAWAY and the end", [&] { return other.seen.goaways == 1 && other.raw.closed; });
    CHECK(counted("TooManyConnections") == 1);
    CHECK(server->stats().brokenOff == 0);
  }
  SECTION("of a further connection nothing is done, though its request came with it") {
    client.waitFor("the server's settings", [&] { return client.seen.settings > 0; });
    Http2Client other(loop, front->port());
    const StreamId id = other.session.request({{":method", "POST"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}}, true);
    other.raw.send(testing::Pair::taken(other.session));
    other.waitFor("GOAWAY and the end", [&] { return other.seen.goaways == 1 && other.raw.closed; });
    CHECK(other.at(id).closed == refusedStream);
    CHECK(exchanges.empty());
    CHECK(tokens.made == 0);
    CHECK(counted("TooManyConnections") == 1);
  }
  SECTION("without a stream: the end in time") {
    inTime("GOAWAY and the end", [&] { return client.seen.goaways > 0 && client.raw.closed; });
    CHECK(server->stats().brokenOff == 0);
    CHECK(counted("IdleTimeout") == 1);
  }
  SECTION("a head that does not end is no use for long") {
    client.waitFor("the server's settings", [&] { return client.seen.settings > 0; });
    client.raw.send(std::string("\0\0\x01\x01\0\0\0\0\x01\x82", 10));
    test::waitFor(loop, "the use", [&] { return tokens.alive == 1; });
    inTime("the end of the use", [&] { return tokens.alive == 0; });
    CHECK(server->stats().brokenOff == 1);
    CHECK(counted("HeadTimeout") == 1);
  }
  SECTION("a window that stays shut ends its stream, also when only the answer's end waits for it") {
    client.waitFor("the server's settings", [&] { return client.seen.settings > 0; });
    const StreamId id = client.request();
    exchange(client).sendHead(streamed());
    exchanges[0]->sendBody(std::string(SessionLimits{}.streamWindow, 'x'));
    client.waitFor("the body", [&] { return client.at(id).data.size() == SessionLimits{}.streamWindow; });
    http::Headers trailers;
    if (GENERATE(false, true)) trailers.add("grpc-status", "0");
    exchanges[0]->sendTrailers(trailers);
    exchanges[0]->finish();
    inTime("the reset", [&] { return client.at(id).closed == cancel; });
    CHECK(tokens.alive == 0);
    CHECK(counted("WriteTimeout") == 1);
  }
  SECTION("a window that stays shut ends its stream") {
    const StreamId id = client.request();
    exchange(client).sendHead(streamed());
    exchanges[0]->sendBody(std::string(400'000, 'x'));
    inTime("the reset", [&] { return client.at(id).closed == cancel; });
    CHECK(client.at(id).data.size() < 400'000);
    CHECK(gone == 1);
    CHECK(tokens.alive == 0);
    CHECK(counted("WriteTimeout") == 1);
  }
}

TEST_CASE_METHOD(ServerFixture, "http2: a client that does not read is sent away, and counted", "[integration]") {
  ServerOptions options;
  options.writeTimeout = options.lingerTimeout = 100ms;
  start(std::move(options));
  constexpr std::uint32_t much = 64 * 1024 * 1024;  // more than the kernel takes
  Http2Client client(loop, front->port(), {.streamWindow = much, .connectionWindow = much});
  client.request();
  exchange(client).sendHead(streamed());
  client.raw.setReading(false);
  exchanges[0]->sendBody(std::string(much, 'x'));
  test::waitFor(loop, "the end of the connection", [&] { return server->stats().connections == 0; });
  CHECK(counted("WriteTimeout") == 1);
  CHECK(gone == 1);
  Http2Client other(loop, front->port());
  other.carry();
  other.waitFor("the server's settings", [&] { return other.seen.settings > 0; });
  other.raw.send(std::string("\0\0\0\x04\0\0\0\0\x01", 9));  // SETTINGS of a stream: GOAWAY
  test::waitFor(loop, "its end, though it closes nothing", [&] { return server->stats().connections == 0; });
  CHECK(counted("LingerLimit") == 1);
}

TEST_CASE_METHOD(ServerFixture, "http2: heads of 1xx that a client does not read are bounded", "[integration]") {
  ServerOptions options;
  options.maxUnsentBytes = 1'000'000;
  start(std::move(options));
  Http2Client client(loop, front->port());
  const StreamId id = client.request();
  Exchange& one = exchange(client);
  client.raw.setReading(false);
  http::ResponseHead hints;
  hints.status = 103;
  hints.headers.add("Link", std::string(30'000, 'x'));
  std::size_t sent = 0;
  test::waitFor(loop, "the reset", [&] {  // a few at a time: what the kernel takes does not count
    for (int i = 0; i < 10 && !one.over(); ++i, ++sent) one.sendInterim(hints);
    return one.over() || sent > 3000;
  });
  CHECK(one.over());
  CHECK(counted("SlowReader") == 1);
  client.raw.setReading(true);
  client.waitFor("the reset to arrive", [&] { return client.at(id).closed == cancel; });
}

TEST_CASE_METHOD(ServerFixture, "http2: an answer that must not go on is reset at once", "[integration]") {
  ServerOptions options;
  options.maxUnsentBytes = 100'000;
  start(std::move(options));
  Http2Client client(loop, front->port(), {.streamWindow = minWindow});
  const StreamId id = client.request();
  Exchange& one = exchange(client);
  http::ResponseHead head;
  head.framing = http::Framing::Length;
  const bool beyondLength = GENERATE(true, false);
  head.contentLength = beyondLength ? 3 : 1'000'000;
  one.sendHead(head);
  client.waitFor("the head", [&] { return !client.at(id).heads.empty(); });
  if (!beyondLength) one.sendBody(std::string(minWindow + 100'001, 'x'));
  test::turns(loop);
  REQUIRE(server->stats().openStreams == 1);
  one.sendBody("four");
  test::turns(loop);  // no tick of the server's
  CHECK(server->stats().openStreams == 0);
  CHECK(counted("SlowReader") == (beyondLength ? 0 : 1));
  client.waitFor("the reset", [&] { return client.at(id).closed == (beyondLength ? internalError : cancel); });
  CHECK(gone == 1);
}

TEST_CASE_METHOD(ServerFixture, "http2: an answer of length 0 needs no window, and may have trailers", "[integration]") {
  start();
  Http2Client client(loop, front->port(), {.connectionWindow = minWindow});
  const StreamId download = client.request();
  exchange(client).sendHead(streamed());
  exchanges[0]->sendBody(std::string(200'000, 'x'));
  client.waitFor("a shut window", [&] { return client.at(download).data.size() == minWindow; });
  const bool trailers = GENERATE(false, true);
  const StreamId id = client.request();
  http::ResponseHead head;
  head.status = 302;
  head.headers.add("Location", "/y");
  head.framing = http::Framing::Length;
  exchange(client, 1).sendHead(head);
  if (trailers) {
    http::Headers fields;
    fields.add("grpc-status", "5");
    exchanges[1]->sendTrailers(fields);
    client.session.consumed(download, minWindow);  // trailers come behind a body, though it is empty
  }
  exchanges[1]->finish();
  client.waitFor("the answer", [&] { return client.at(id).closed.has_value(); });
  CHECK(client.at(id).closed == noError);
  REQUIRE(client.at(id).heads.size() == 1);
  CHECK(client.at(id).heads[0].status == 302);
  CHECK(client.at(id).heads[0].end == !trailers);
  CHECK(client.at(id).heads[0].headers.get("content-length") == "0");
  CHECK(client.at(id).trailers.size() == (trailers ? 1 : 0));
  const StreamId wrong = client.request();
  exchange(client, 2).sendHead(head);
  exchanges[2]->sendBody("x");
  client.waitFor("the reset of a wrong one", [&] { return client.at(wrong).closed == internalError; });
}

}  // namespace spawner::http2
