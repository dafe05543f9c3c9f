#include "http/head_parser.hpp"

#include <malloc.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace spawner::http;

namespace {

const std::string rich =
    "POST /a/b?c=d HTTP/1.1\r\nHost: example:80\r\nX-One: 1\r\nx-one:  two  \r\nConnection: keep-alive, Upgrade\r\n"
    "Upgrade: websocket\r\nEmpty:\r\n\r\n";

RequestHead parsed(const std::string& text) {
  RequestHeadParser parser;
  const HeadFeed fed = parser.feed(text);
  REQUIRE(fed.status == HeadFeed::Status::Done);
  REQUIRE(fed.consumed == text.size());
  return parser.takeHead();
}

ResponseHead answer(const std::string& text, std::string_view method = "GET") {
  ResponseHeadParser parser;
  const HeadFeed fed = parser.feed(text, method);
  REQUIRE(fed.status == HeadFeed::Status::Done);
  return parser.takeHead();
}

}  // namespace

TEST_CASE("A head split anywhere is the same head, and what follows it is not touched") {
  const std::string next = "GET /next";
  for (std::size_t first = 0; first <= rich.size(); ++first) {
    for (std::size_t second = first; second <= rich.size(); second += 7) {
      RequestHeadParser parser;
      const std::string_view text = rich;
      std::size_t consumed = 0;
      HeadFeed fed;
      for (const std::string& part :
           {std::string(text.substr(0, first)), std::string(text.substr(first, second - first)), std::string(text.substr(second)) + next}) {
        if (fed.status == HeadFeed::Status::Done) break;
        fed = parser.feed(part);
        consumed += fed.consumed;
        if (consumed > 0) CHECK(parser.started());
      }
      REQUIRE(fed.status == HeadFeed::Status::Done);
      REQUIRE(consumed == rich.size());
      const RequestHead head = parser.takeHead();
      CHECK_FALSE(parser.started());
      CHECK(head.method == "POST");
      CHECK(head.target == "/a/b?c=d");
      CHECK(head.path() == "/a/b");
      CHECK(head.query() == "c=d");
      CHECK(head.host() == "example:80");
      CHECK(head.upgrade);
      CHECK(head.keepAlive);
      REQUIRE(head.headers.fields().size() == 6);
      CHECK(head.headers.fields()[2] == Headers::Field{"x-one", "two"});
      CHECK(head.headers.has("empty"));
      CHECK(head.headers.get("EMPTY").empty());
      // The parser is ready for the next.
      REQUIRE(parser.feed(rich).status == HeadFeed::Status::Done);
    }
  }
}

TEST_CASE("A head borrows nothing of the bytes that it came in") {
  const std::string status = "HTTP/1.1 200 Good\r\nServer: x\r\nContent-Length: 3\r\n\r\n";
  for (std::size_t size = 1; size <= rich.size(); ++size) {
    RequestHeadParser requests;
    ResponseHeadParser answers;
    std::string buffer;  // one for all pieces, written over after each: what a connection's buffer goes through
    const auto inPieces = [&](std::string_view text, auto feed) {
      HeadFeed fed;
      for (; !text.empty() && fed.status == HeadFeed::Status::NeedMore; text.remove_prefix(std::min(size, text.size()))) {
        buffer = text.substr(0, size);
        fed = feed(std::string_view(buffer));
        std::fill(buffer.begin(), buffer.end(), '~');
      }
      REQUIRE(fed.status == HeadFeed::Status::Done);
    };
    inPieces(rich, [&](std::string_view piece) { return requests.feed(piece); });
    inPieces(status, [&](std::string_view piece) { return answers.feed(piece, std::string("GET")); });
    const RequestHead request = requests.takeHead();
    CHECK(request.method == "POST");
    CHECK(request.target == "/a/b?c=d");
    CHECK(request.host() == "example:80");
    REQUIRE(request.headers.fields().size() == 6);
    CHECK(request.headers.fields()[2] == Headers::Field{"x-one", "two"});
    const ResponseHead response = answers.takeHead();
    CHECK(response.reason == "Good");
    CHECK(response.headers.get("server") == "x");
    CHECK(response.contentLength == 3);
  }
}

TEST_CASE("Of a head that is not whole yet no more than its bytes is held") {
  std::string begun = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 90; ++i) begun += "X-Field-With-A-Long-Name: " + std::string(100, 'v') + "\r\n";
  constexpr std::size_t count = 100;
  std::vector<RequestHeadParser> requests(count);
  std::vector<ResponseHeadParser> answers(count);
  const std::size_t before = ::mallinfo2().uordblks;
  for (RequestHeadParser& parser : requests) REQUIRE(parser.feed(begun).status == HeadFeed::Status::NeedMore);
  begun.replace(0, begun.find('\r'), "HTTP/1.1 200 OK");
  for (ResponseHeadParser& parser : answers) REQUIRE(parser.feed(begun, "GET").status == HeadFeed::Status::NeedMore);
  CHECK(::mallinfo2().uordblks - before < 2 * count * (begun.size() + 1024));  // with sanitizers: always 0
}

TEST_CASE("Framing and persistence of requests") {
  CHECK(parsed("GET / HTTP/1.1\r\nHost: a\r\n\r\n").framing == Framing::None);
  const RequestHead length = parsed("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n");
  CHECK(length.framing == Framing::Length);
  CHECK(length.contentLength == 12);
  const RequestHead zero = parsed("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  CHECK(zero.framing == Framing::Length);
  CHECK(zero.contentLength == 0);
  CHECK(parsed("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").framing == Framing::Chunked);

  CHECK(parsed("GET / HTTP/1.1\r\nHost: a\r\n\r\n").keepAlive);
  CHECK_FALSE(parsed("GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, CLOSE\r\n\r\n").keepAlive);
  CHECK_FALSE(parsed("GET / HTTP/1.0\r\n\r\n").keepAlive);
  CHECK(parsed("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keepAlive);
  CHECK_FALSE(parsed("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n").keepAlive);
  CHECK(parsed("GET / HTTP/1.0\r\n\r\n").minorVersion == 0);
}

TEST_CASE("An upgrade needs the field, the connection token and HTTP/1.1") {
  const auto upgrade = [](const std::string& version, const std::string& fields) {
    return parsed("GET / " + version + "\r\nHost: a\r\n" + fields + "\r\n").upgrade;
  };
  CHECK(upgrade("HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  CHECK(upgrade("HTTP/1.1", "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"));  // Firefox (fault 4)
  CHECK(upgrade("HTTP/1.1", "Connection: keep-alive\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"));
  CHECK_FALSE(upgrade("HTTP/1.1", "Upgrade: websocket\r\n"));
  CHECK_FALSE(upgrade("HTTP/1.1", "Connection: Upgrade\r\n"));
  CHECK_FALSE(upgrade("HTTP/1.1", "Connection: Upgrades\r\nUpgrade: websocket\r\n"));
  CHECK_FALSE(upgrade("HTTP/1.0", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
}

TEST_CASE("Limits of a head hold exactly, whatever the split") {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, head.size()}) {
    const auto run = [&](HeadLimits limits) {
      RequestHeadParser parser(limits);
      HeadFeed fed;
      for (std::size_t at = 0; at < head.size() && fed.status == HeadFeed::Status::NeedMore; at += piece)
        fed = parser.feed(std::string_view(head).substr(at, piece));
      return fed;
    };
    CHECK(run({head.size(), 2}).status == HeadFeed::Status::Done);
    const HeadFeed large = run({head.size() - 1, 2});
    CHECK(large.status == HeadFeed::Status::Refused);
    CHECK(large.refusal.status == 431);
    CHECK(large.refusal.reason == "HeadTooLarge");
    const HeadFeed many = run({head.size(), 1});
    CHECK(many.refusal.status == 431);
    CHECK(many.refusal.reason == "TooManyFields");
  }
}

TEST_CASE("A head that never ends is refused as soon as it is too large") {
  RequestHeadParser parser({1000, 10});
  HeadFeed fed = parser.feed("GET / HTTP/1.1\r\nHost: a\r\nX: ");
  std::size_t taken = fed.consumed;
  while (fed.status == HeadFeed::Status::NeedMore) {
    fed = parser.feed("xxxxxxxxxxxxxxxx");
    taken += fed.consumed;
    REQUIRE(taken < 1100);
  }
  CHECK(fed.refusal.status == 431);
}

TEST_CASE("Framing of answers (RFC 9112 §6.3)") {
  const std::string length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
  CHECK(answer(length).framing == Framing::Length);
  CHECK(answer(length).contentLength == 5);
  CHECK(answer(length, "HEAD").framing == Framing::None);
  CHECK(answer(length, "HEAD").contentLength == 5);
  CHECK(answer("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n").framing == Framing::None);
  CHECK(answer("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n").framing == Framing::None);
  CHECK(answer("HTTP/1.1 100 Continue\r\n\r\n").framing == Framing::None);
  CHECK(answer("HTTP/1.1 101 Switching Protocols\r\n\r\n").framing == Framing::None);
  CHECK(answer("HTTP/1.1 200 OK\r\n\r\n", "CONNECT").framing == Framing::None);
  const ResponseHead chunked = answer("HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(chunked.framing == Framing::Chunked);
  CHECK(chunked.keepAlive);
  CHECK(chunked.reason == "Fine");
  const ResponseHead untilClose = answer("HTTP/1.1 200 OK\r\n\r\n");
  CHECK(untilClose.framing == Framing::UntilClose);
  CHECK_FALSE(untilClose.keepAlive);
  CHECK_FALSE(answer("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").keepAlive);
  CHECK_FALSE(answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").keepAlive);
}

TEST_CASE("Interim answers are heads like others: the final one follows in the same bytes, split anywhere") {
  const std::string stream =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    ResponseHeadParser parser;
    std::vector<int> statuses;
    std::string rest;
    for (const std::string& part : {stream.substr(0, cut), stream.substr(cut)}) {
      std::string_view bytes = part;
      while (!bytes.empty()) {
        if (!statuses.empty() && statuses.back() == 200) {
          rest += bytes;
          break;
        }
        const HeadFeed fed = parser.feed(bytes, "POST");
        REQUIRE(fed.status != HeadFeed::Status::Refused);
        bytes.remove_prefix(fed.consumed);
        if (fed.status == HeadFeed::Status::Done) statuses.push_back(parser.takeHead().status);
      }
    }
    CHECK(statuses == std::vector<int>{100, 103, 200});
    CHECK(rest == "hi");
  }
}
