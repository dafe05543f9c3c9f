#include "http/message.hpp"

#include <catch2/catch.hpp>
#include <functional>

#include "http/guard.hpp"
#include "http/head_writer.hpp"

using namespace spawner;
using namespace spawner::http;

TEST_CASE("Tokens are found in any line of a list field") {
  Headers headers;
  headers.add("Connection", "keep-alive ,\tUpgrade");
  headers.add("connection", "foo");
  headers.add("X", "close");
  CHECK(headers.hasToken("Connection", "upgrade"));
  CHECK(headers.hasToken("Connection", "FOO"));
  CHECK_FALSE(headers.hasToken("Connection", "close"));
  CHECK_FALSE(headers.hasToken("Connection", "keep"));
}

TEST_CASE("Targets come apart") {
  const auto head = [](const char* target, const char* host = "h:1") {
    RequestHead made;
    made.target = target;
    made.headers.add("Host", host);
    return made;
  };
  CHECK(head("/a/b?c?d").path() == "/a/b");
  CHECK(head("/a/b?c?d").query() == "c?d");
  CHECK(head("/a").query().empty());
  CHECK(head("/a").host() == "h:1");
  CHECK(head("http://x:2/a/b?q").path() == "/a/b");
  CHECK(head("http://x:2/a/b?q").host() == "x:2");
  CHECK(head("http://x:2/a/b?q").query() == "q");
  CHECK(head("http://x").path() == "/");
  CHECK(head("http://x?q").path() == "/");
  CHECK(head("http://x?q").query() == "q");
  CHECK(head("*").path() == "*");
  CHECK(head("//x/y").path() == "//x/y");
  CHECK(head("/a?u=http://b/").host() == "h:1");
}

TEST_CASE("Percent coding") {
  CHECK(percentDecode("a%20b%2fc+%C3%a4") == "a b/c+\xC3\xA4");
  for (const char* bad : {"%", "%1", "%zz", "a%2"}) CHECK_FALSE(percentDecode(bad));
  CHECK(percentEncode("a b/c~\xC3\xA4") == "a%20b%2Fc~%C3%A4");
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  CHECK(percentDecode(percentEncode(all)) == all);
}

TEST_CASE("Query parameters") {
  CHECK(queryParameter("a=1&b=2&b=3", "b") == "2");
  CHECK(queryParameter("a=1&b&c=", "b") == "");
  CHECK(queryParameter("c=", "c") == "");
  CHECK_FALSE(queryParameter("a=1", "b"));
  CHECK_FALSE(queryParameter("", "b"));
  CHECK(queryParameter("l%61bel=x%3Dy", "label") == "x=y");
  CHECK_FALSE(queryParameter("a=%zz", "a"));
  CHECK(queryParameter("&&a=1", "a") == "1");
}

TEST_CASE("HTTP dates") {
  using namespace std::chrono;
  CHECK(toHttpDate(sys_days(year(1994) / 11 / 6) + hours(8) + minutes(49) + seconds(37)) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(toHttpDate(sys_days(year(2024) / 2 / 29) + microseconds(999999)) == "Thu, 29 Feb 2024 00:00:00 GMT");
}

TEST_CASE("Heads are written as they are") {
  RequestHead request;
  request.method = "GET";
  request.target = "/a";
  request.headers.add("Host", "h");
  CHECK(writeHead(request).value() == "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
  ResponseHead response;
  response.status = 404;
  CHECK(writeHead(response).value() == "HTTP/1.1 404 Not Found\r\n\r\n");
  response.reason = "Gone fishing";
  response.minorVersion = 0;
  CHECK(writeHead(response).value() == "HTTP/1.0 404 Gone fishing\r\n\r\n");
}

TEST_CASE("Nothing that would break a head is ever written") {
  const std::vector<std::string> evils = {"a\r\nb", "a\nb", "a\rb", std::string("a\0b", 3), "a\x01", "a\x7f"};
  for (const std::string& evil : evils) {
    CAPTURE(evil);
    const auto refused = [](const std::function<void(ResponseHead&)>& change) {
      ResponseHead response;
      response.headers.add("Ok", "1");
      change(response);
      return !writeHead(response);
    };
    CHECK_FALSE(refused([](ResponseHead&) {}));
    CHECK(refused([&](ResponseHead& head) { head.headers.add("X", evil); }));
    CHECK(refused([&](ResponseHead& head) { head.headers.add(evil, "x"); }));
    CHECK(refused([&](ResponseHead& head) { head.headers.add("", "x"); }));
    CHECK(refused([&](ResponseHead& head) { head.reason = evil; }));
    CHECK(refused([&](ResponseHead& head) { head.status = 20; }));
  }
  RequestHead request;
  request.method = "GET";
  for (const char* target : {"", "/a b", "/a\r\nX: y", "/\xC3\xA4"}) {
    request.target = target;
    CHECK_FALSE(writeHead(request));
  }
  request.target = "/";
  request.method = "GET /x";
  const auto failed = writeHead(request);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().kind == ErrorKind::InvalidArgument);

  std::string out = "before";
  HeadWriter writer(out);
  writer.statusLine(200);
  writer.field("X", "a\nb");
  CHECK_FALSE(writer.finish());
  CHECK(out == "before");
}

TEST_CASE("Hop-by-hop fields, and those that Connection names") {
  Headers headers;
  headers.add("Connection", "close, X-Hop");
  for (const char* name : {"connection", "Keep-Alive", "proxy-connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "x-hop"})
    CHECK(HopByHop(headers).has(name));
  for (const char* name : {"Content-Length", "Host", "X-Hop-2", "Cache-Control"}) {
    CHECK_FALSE(HopByHop(headers).has(name));
    CHECK_FALSE(HopByHop(Headers()).has(name));
  }
  CHECK(HopByHop(Headers()).has("Transfer-Encoding"));

  headers.add("Connection", "keep-alive");
  headers.add("Connection", ",\t ," + std::string(100, ' ') + "Y-Hop\t, ,z-hop");
  for (const char* name : {"X-Hop", "y-hop", "Z-Hop"}) CHECK(HopByHop(headers).has(name));
  for (const char* name : {"", " ", "Y", "hop"}) CHECK_FALSE(HopByHop(headers).has(name));
}
