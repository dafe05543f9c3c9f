// Session: what one side says the other hears, in any pieces; windows; ends; limits.
#include "http2/session_fixture.hpp"

#include <algorithm>

namespace spawner::http2 {
namespace {

using testing::Pair;
using Found = std::map<std::string, std::string>;

const Fields ok = {{":status", "200"}, {"content-type", "application/grpc"}};

TEST_CASE("a call with bodies and trailers comes over in pieces of any size", "[http2]") {
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, std::size_t{10'000}}) {
    Pair pair;
    const StreamId id = pair.client.request({{":method", "POST"},
                                             {":scheme", "http"},
                                             {":authority", "a.example"},
                                             {":path", "/t/echo"},
                                             {"cookie", "a=1"},
                                             {"cookie", "b=2"},
                                             {"te", "trailers"}},
                                            false);
    pair.client.send(id, "question");
    pair.client.end(id);
    pair.settle(step);
    const auto& seen = pair.atServer.streams[id];
    REQUIRE(seen.heads.size() == 1);
    CHECK(seen.began);
    CHECK(seen.heads[0].method == "POST");
    CHECK(seen.heads[0].path == "/t/echo");
    CHECK(seen.heads[0].authority == "a.example");
    CHECK(seen.heads[0].headers.get("cookie") == "a=1; b=2");
    CHECK(seen.heads[0].headers.get("te") == "trailers");
    CHECK_FALSE(seen.heads[0].end);
    CHECK(seen.data == "question");
    CHECK(seen.ended);
    CHECK_FALSE(seen.closed);

    pair.server.interim(id, {{":status", "103"}});
    pair.server.answer(id, ok, false);
    pair.server.send(id, "ans");
    pair.settle(step);
    pair.server.send(id, "wer");
    pair.server.end(id, Fields{{"grpc-status", "0"}});
    pair.settle(step);
    const auto& answer = pair.atClient.streams[id];
    REQUIRE(answer.heads.size() == 2);
    CHECK(answer.heads[0].status == 103);
    CHECK(answer.heads[1].status == 200);
    CHECK(answer.data == "answer");
    CHECK(answer.trailers == Found{{"grpc-status", "0"}});
    CHECK(answer.ended);
    CHECK(answer.closed == noError);
    CHECK(pair.atServer.streams[id].closed == noError);
    CHECK(pair.atServer.streams[id].drained >= 1);
  }
}

TEST_CASE("an answer without a body ends with its head", "[http2]") {
  Pair pair;
  const StreamId id = pair.get();
  pair.settle();
  CHECK(pair.atServer.streams[id].heads.at(0).end);
  pair.server.answer(id, {{":status", "200"}, {"grpc-status", "5"}}, true);
  pair.settle();
  CHECK(pair.atClient.streams[id].heads.at(0).end);
  CHECK(pair.atClient.streams[id].closed == noError);
}

TEST_CASE("an answer that is complete before its request ends the request", "[http2]") {
  Pair pair;
  const StreamId id = pair.get(false);
  pair.settle();
  pair.server.answer(id, {{":status", "413"}}, true);
  pair.settle();
  CHECK(pair.atClient.streams[id].ended);
  CHECK(pair.atClient.streams[id].closed == noError);  // RST_STREAM(NO_ERROR)
  CHECK(pair.atServer.streams[id].closed == noError);
}

TEST_CASE("no more comes than was consumed, of a stream and of a connection", "[http2]") {
  Pair pair({.streamWindow = 100'000, .connectionWindow = 150'000});
  pair.settle();
  const StreamId one = pair.get(false), two = pair.get(false);
  const std::string much(400'000, 'x');
  pair.client.send(one, much);
  pair.settle();
  CHECK(pair.atServer.streams[one].data.size() == 100'000);
  CHECK(pair.client.unsent(one) == 300'000);
  CHECK(pair.client.sent(one) == 100'000);
  pair.client.send(two, much);
  pair.settle();
  CHECK(pair.atServer.streams[two].data.size() == 50'000);
  pair.server.consumed(one, 100'000);
  pair.settle();
  CHECK(pair.atServer.streams[one].data.size() + pair.atServer.streams[two].data.size() == 250'000);
  pair.client.reset(one, cancel);
  pair.settle();
  CHECK(pair.atServer.streams[one].closed == cancel);
}

TEST_CASE("a head beyond the limits is told as such, and its stream alone suffers", "[http2]") {
  Pair pair({.maxHeadBytes = 1000, .maxHeadFields = 10});
  const StreamId large = pair.client.request(
      {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}, {"x", std::string(2000, 'x')}}, true);
  Fields many = {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}};
  for (int i = 0; i < 20; ++i) many.emplace_back("x" + std::to_string(i), "");
  const StreamId fields = pair.client.request(many, true);
  const StreamId good = pair.get();
  pair.settle();
  CHECK(pair.atServer.streams[large].heads.at(0).tooLarge);
  CHECK(pair.atServer.streams[fields].heads.at(0).tooLarge);
  CHECK_FALSE(pair.atServer.streams[good].heads.at(0).tooLarge);
}

TEST_CASE("resets are counted, and too many end the connection", "[http2]") {
  Pair pair({.maxResets = 10, .resetsPerSecond = 5});
  pair.settle();
  const auto resetOne = [&] {
    const StreamId id = pair.get();
    const std::string head = Pair::taken(pair.client);
    pair.client.reset(id, cancel);
    const std::string reset = Pair::taken(pair.client);
    if (auto taken = pair.server.receive(head, pair.now); !taken) return taken;
    return pair.server.receive(reset, pair.now);
  };
  for (int i = 0; i < 10; ++i) REQUIRE(resetOne());
  pair.now += std::chrono::seconds(1);  // five more
  for (int i = 0; i < 5; ++i) REQUIRE(resetOne());
  const auto flooded = resetOne();
  REQUIRE_FALSE(flooded);
  CHECK(flooded.error().kind == ErrorKind::Limit);
  CHECK(pair.server.resets() == 16);
  const std::string last = Pair::taken(pair.server);
  CHECK(pair.server.faulty());
  CHECK(pair.server.over());
  // GOAWAY, ENHANCE_YOUR_CALM: the last frame.
  REQUIRE(last.size() >= 17);
  CHECK(last[last.size() - 17 + 3] == 7);
  CHECK(last.back() == static_cast<char>(enhanceYourCalm));
}

TEST_CASE("a head that cannot be sent ends its stream", "[http2]") {
  const bool allowed = GENERATE(false, true);
  Pair pair({.maxSendHeadBytes = allowed ? 120'000UL : 80'000UL}, {.maxHeadBytes = 200'000});
  const Fields large = {{":status", "200"}, {"x", std::string(50'000, '\xe9')}, {"y", std::string(50'000, '\xe9')}};
  const Fields trailers(large.begin() + 1, large.end());
  const StreamId head = pair.get(), headOnly = pair.get(), end = pair.get(), early = pair.get(), good = pair.get();
  pair.settle();
  pair.server.answer(head, large, false);
  pair.server.send(head, "body");
  pair.server.end(head);
  pair.server.answer(headOnly, large, true);
  pair.server.answer(end, ok, false);
  pair.server.send(end, "body");
  pair.server.end(end, trailers);
  Fields hints = large;
  hints[0].second = "103";
  pair.server.interim(early, hints);
  pair.server.answer(early, ok, true);
  pair.server.answer(good, ok, true);
  pair.settle();
  for (const StreamId id : {head, headOnly, end, early}) CHECK(pair.atClient.streams[id].closed == (allowed ? noError : internalError));
  CHECK(pair.atClient.streams[good].closed == noError);
  CHECK(pair.atClient.streams[end].trailers.size() == (allowed ? 2 : 0));
  CHECK(pair.server.resets() == 0);
}

TEST_CASE("streams that a peer makes us reset are counted as its resets", "[http2]") {
  Pair pair({.maxResets = 10, .resetsPerSecond = 5});
  pair.settle();
  const bool shorter = GENERATE(false, true);  // than was announced
  const auto breakOne = [&] {
    const StreamId id = pair.client.request(
        {{":method", "POST"}, {":scheme", "http"}, {":authority", "a.example"}, {":path", "/"}, {"content-length", shorter ? "3" : "1"}},
        false);
    pair.client.send(id, "ab");
    if (shorter) pair.client.end(id);
    pair.settle();
    return id;
  };
  for (int i = 0; i < 10; ++i) CHECK(pair.atServer.streams[breakOne()].closed == protocolError);
  CHECK(pair.server.resets() == 10);
  CHECK_FALSE(pair.server.faulty());
  breakOne();
  const auto flooded = pair.server.receive({}, pair.now);
  REQUIRE_FALSE(flooded);
  CHECK(flooded.error().kind == ErrorKind::Limit);
  pair.settle();
  CHECK(pair.server.resets() == 11);
  CHECK(pair.server.faulty());
}

TEST_CASE("a stream that is refused counts once, one that we reset does not", "[http2]") {
  Pair pair({.maxStreams = 1});
  const StreamId ours = pair.get();
  pair.get();  // the client does not know the limit yet
  pair.settle();
  CHECK(pair.server.resets() == 1);
  pair.server.reset(ours, cancel);
  pair.settle();
  CHECK(pair.atClient.streams[ours].closed == cancel);
  const StreamId early = pair.get(false);
  pair.settle();
  pair.server.answer(early, ok, true);  // RST_STREAM(NO_ERROR) for the rest of the request
  pair.settle();
  CHECK(pair.atClient.streams[early].closed == noError);
  CHECK(pair.server.resets() == 1);
}

TEST_CASE("a reset that crosses the end of its stream is no reset of it", "[http2]") {
  Pair pair({.maxResets = 3, .resetsPerSecond = 0});
  pair.settle();
  const bool answered = GENERATE(true, false);
  for (int i = 0; i < 10; ++i) {
    const StreamId id = pair.get(false);
    pair.settle();
    if (answered) pair.server.answer(id, ok, true);
    const std::string down = Pair::taken(pair.server);  // END_STREAM, and RST_STREAM for the rest of the request
    CHECK(pair.atServer.streams[id].closed.has_value() == answered);
    pair.client.reset(id, cancel);
    const bool flooded = !answered && i >= 3;
    CHECK(pair.server.receive(Pair::taken(pair.client), pair.now).ok() == !flooded);
    if (flooded) break;
    (void)pair.client.receive(down, pair.now);
  }
  CHECK(pair.server.resets() == (answered ? 0 : 4));
  CHECK(pair.server.faulty() == false);
}

TEST_CASE("part of a frame is seen, wherever it is cut", "[http2]") {
  Pair pair;
  std::string all = Pair::taken(pair.client);
  std::vector<std::size_t> borders = {0, 24};  // begin, preface
  const StreamId id = pair.get(false);
  pair.client.send(id, std::string(300, 'x'));
  pair.client.end(id);
  all += Pair::taken(pair.client);
  for (std::size_t at = 24; at < all.size(); borders.push_back(at))
    at += 9 + (static_cast<unsigned char>(all[at + 1]) << 8) + static_cast<unsigned char>(all[at + 2]);
  REQUIRE(borders.size() >= 6);
  for (std::size_t at = 0; at <= all.size(); ++at) {
    const bool border = std::find(borders.begin(), borders.end(), at) != borders.end();
    CHECK(pair.server.midFrame() == !border);
    if (at < all.size()) REQUIRE(pair.server.receive(all.substr(at, 1), pair.now));
  }
  CHECK(pair.atServer.streams[id].data.size() == 300);
  Pair whole;
  REQUIRE(whole.server.receive(all.substr(0, all.size() - 1), whole.now));
  CHECK(whole.server.midFrame());
  REQUIRE(whole.server.receive(all.substr(all.size() - 1), whole.now));
  CHECK_FALSE(whole.server.midFrame());
  REQUIRE(whole.client.receive(Pair::taken(whole.server), whole.now));
  CHECK_FALSE(whole.client.midFrame());
}

TEST_CASE("PINGs that nobody reads the answers of end the connection", "[http2]") {
  Pair pair({.maxOutboundAcks = 50});
  pair.settle();
  const std::string ping = std::string("\0\0\x08\x06\0\0\0\0\0", 9) + std::string(8, 'p');
  Result<void> taken;
  int sent = 0;
  for (; taken && sent < 100; ++sent) taken = pair.server.receive(ping, pair.now);
  REQUIRE_FALSE(taken);
  CHECK(taken.error().kind == ErrorKind::Limit);
  CHECK(sent <= 51);
}

TEST_CASE("what is not HTTP/2 is refused", "[http2]") {
  Pair pair;
  CHECK_FALSE(pair.server.receive("GET / HTTP/1.1\r\nHost: x\r\n\r\n", pair.now));
  Pair other;
  (void)other.client.receive("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", other.now);
  (void)Pair::taken(other.client);
  CHECK(other.client.over());
  CHECK(other.client.faulty());
  CHECK(other.atClient.settings == 0);
}

TEST_CASE("a graceful end: what is in flight goes on, nothing new comes", "[http2]") {
  Pair pair;
  const StreamId id = pair.get();
  pair.settle();
  pair.server.announceShutdown();
  pair.settle();
  CHECK(pair.atServer.seen == 1);
  CHECK(pair.atClient.goaways == 1);
  pair.server.shutdown();
  pair.settle();
  CHECK_FALSE(pair.server.over());
  const StreamId late = pair.get();
  pair.settle();
  CHECK(pair.atClient.streams[late].closed == refusedStream);
  CHECK_FALSE(pair.atServer.streams.contains(late));
  pair.server.answer(id, ok, false);
  pair.server.send(id, "late");
  pair.server.end(id);
  pair.settle();
  CHECK(pair.atClient.streams[id].data == "late");
  CHECK(pair.server.over());
}

TEST_CASE("Upgrade: h2c makes the request stream 1", "[http2]") {
  Pair pair;
  // SETTINGS_INITIAL_WINDOW_SIZE 5
  REQUIRE(pair.server.upgraded(std::string("\0\x04\0\0\0\x05", 6), false));
  pair.server.answer(1, ok, false);
  pair.server.send(1, "more than five");
  (void)Pair::taken(pair.server);
  CHECK(pair.server.sent(1) == 5);
  Pair other;
  CHECK_FALSE(other.server.upgraded("odd", false));
}

TEST_CASE("many streams share a connection", "[http2]") {
  Pair pair;
  pair.settle();
  std::vector<StreamId> ids;
  for (int i = 0; i < 500; ++i) ids.push_back(pair.get(false));
  pair.settle();
  CHECK(pair.client.peerMaxStreams() == 1000);
  for (const StreamId id : ids) {
    pair.server.answer(id, ok, false);
    pair.client.send(id, "q" + std::to_string(id));
    pair.server.send(id, "a" + std::to_string(id));
  }
  pair.settle();
  for (const StreamId id : ids) {
    CHECK(pair.atServer.streams[id].data == "q" + std::to_string(id));
    CHECK(pair.atClient.streams[id].data == "a" + std::to_string(id));
    pair.client.end(id);
    pair.server.end(id);
  }
  pair.settle();
  for (const StreamId id : ids) CHECK(pair.atServer.streams[id].closed == noError);
}

}  // namespace
}  // namespace spawner::http2
