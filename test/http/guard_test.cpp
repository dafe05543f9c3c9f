// The guard's tables: malformed and ambiguous heads, each with the verdict and where the rule is from. A new check gets its line here.

#include "http/guard.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

#include "http/head_parser.hpp"

using namespace spawner::http;

namespace {

struct Case {
  std::string head;
  int status;          // 0: accepted
  std::string reason;  // empty when accepted
  std::string rule;
};

/// The verdict on a whole head, and that it is the same when the head comes byte by byte.
Refusal verdictOnRequest(const std::string& head) {
  RequestHeadParser whole;
  const HeadFeed at_once = whole.feed(head);
  RequestHeadParser trickled;
  HeadFeed last;
  for (const char c : head) {
    last = trickled.feed({&c, 1});
    if (last.status != HeadFeed::Status::NeedMore) break;
  }
  CHECK(at_once.status == last.status);
  REQUIRE(at_once.status != HeadFeed::Status::NeedMore);
  if (at_once.status == HeadFeed::Status::Done) return {0, "", ""};
  CHECK(at_once.refusal.status == last.refusal.status);
  CHECK(at_once.refusal.reason == last.refusal.reason);
  return at_once.refusal;
}

/// A request line and Host around the fields given.
std::string get(const std::string& fields) { return "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"; }
std::string target(const std::string& text) { return "GET " + text + " HTTP/1.1\r\nHost: a\r\n\r\n"; }
std::string host(const std::string& text) { return "GET / HTTP/1.1\r\nHost: " + text + "\r\n\r\n"; }

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    CAPTURE(c.head, c.rule);
    const Refusal refusal = verdictOnRequest(c.head);
    CHECK(refusal.status == c.status);
    CHECK(refusal.reason == c.reason);
  }
}

std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace

TEST_CASE("Heads refused for their start line or target") {
  check({
      {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "BadTarget", "RFC 9112 §3: one space"},
      {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "NotHttp", "RFC 9112 §3"},
      {"\tGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "NotHttp", "RFC 9112 §3"},
      {"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "BadMethod", "RFC 9110 §9.1: token"},
      {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400, "BadSyntax", "RFC 9112 §3"},
      {"GET /\r\nHost: a\r\n\r\n", 400, "BadTarget", "RFC 9112 §3: HTTP/0.9"},
      {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505, "UnsupportedVersion", "RFC 9110 §15.6.6"},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "UnsupportedVersion", "RFC 9110 §15.6.6"},
      {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505, "UnsupportedVersion", "RFC 9110 §15.6.6"},
      {"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400, "BadSyntax", "RFC 9112 §2.3: one digit each"},
      {"GET / http/1.1\r\nHost: a\r\n\r\n", 400, "BadSyntax", "RFC 9112 §2.3: case matters"},
      {"GET / HTTPS/1.1\r\nHost: a\r\n\r\n", 400, "BadSyntax", "RFC 9112 §2.3"},
      {"PRI * HTTP/2.0\r\n\r\n", 505, "UnsupportedVersion", "RFC 9113 §3.4: an HTTP/2 preface"},
      {target("/caf\xC3\xA9"), 400, "BadTarget", "RFC 9112 §3.2: printable ASCII"},
      {target("/\xff"), 400, "BadTarget", "RFC 9112 §3.2"},
      {target(std::string("/a\0b", 4)), 400, "BadTarget", "RFC 9112 §3.2"},
      {target("/a\x7f"), 400, "BadTarget", "RFC 9112 §3.2"},
      {target("/a b"), 400, "BadSyntax", "RFC 9112 §3.2"},
      {target("/a\tb"), 400, "BadTarget", "RFC 9112 §3.2"},
      {target("/a#fragment"), 400, "BadTarget", "RFC 9112 §3.2.1: no fragment"},
      {target("a"), 400, "BadTarget", "RFC 9112 §3.2.1"},
      {target("?q"), 400, "BadTarget", "RFC 9112 §3.2.1"},
      {target("*"), 400, "BadTarget", "RFC 9112 §3.2.4: only OPTIONS"},
      {target("ftp://a/"), 400, "BadTarget", "RFC 9112 §3.2.2"},
      {target("http:///x"), 400, "BadTarget", "RFC 9110 §4.2.1: a host"},
      {target("http://u:p@a/"), 400, "BadTarget", "RFC 9110 §4.2.4: no user information"},
      {target("http:/a"), 400, "BadTarget", "RFC 9112 §3.2.2"},
      {target("a:80"), 400, "BadTarget", "RFC 9112 §3.2.3: authority-form is for CONNECT"},
      {"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501, "ConnectUnsupported", "RFC 9110 §9.3.6"},
      {target("http://a/x?y"), 0, "", "RFC 9112 §3.2.2"},
      {target("HTTPS://a:1"), 0, "", "RFC 3986 §3.1: schemes without case"},
      {target("/%00|{}^\"<>"), 0, "", "browsers send some of these; the application decides"},
      {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0, "", "RFC 9112 §3.2.4"},
      {"PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n", 0, "", "RFC 9110 §9.1: any token"},
      {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, "", "RFC 9112 §2.2: one empty line in front"},
      {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "NotHttp", "RFC 9112 §2.2: one, not many"},
      {"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "NotHttp", "RFC 9112 §2.2"},
      {"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "BadLineEnding", "RFC 9112 §2.2"},
  });
}

TEST_CASE("Heads refused for their lines") {
  check({
      {"GET / HTTP/1.1\nHost: a\r\n\r\n", 400, "BadLineEnding", "RFC 9112 §2.2: bare LF"},
      {"GET / HTTP/1.1\r\nHost: a\n\r\n", 400, "BadLineEnding", "RFC 9112 §2.2"},
      {"GET / HTTP/1.1\r\nHost: a\r\n\n", 400, "BadLineEnding", "RFC 9112 §2.2"},
      {get("X: a\rb\r\n"), 400, "BadSyntax", "RFC 9112 §2.2: bare CR"},
      {get("X: a\r\r\n"), 400, "BadSyntax", "RFC 9112 §2.2"},
      {get("X: 1\r\n folded\r\n"), 400, "FoldedHeader", "RFC 9112 §5.2"},
      {get("X: 1\r\n\tfolded\r\n"), 400, "FoldedHeader", "RFC 9112 §5.2"},
      {get("X:\r\n 1\r\n"), 400, "FoldedHeader", "RFC 9112 §5.2"},
      {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, "BadFieldName", "RFC 9112 §2.2: white space before the first field"},
      {get("X : 1\r\n"), 400, "BadFieldName", "RFC 9112 §5.1: space before the colon"},
      {get("X\t: 1\r\n"), 400, "BadFieldName", "RFC 9112 §5.1"},
      {get("X\r\n"), 400, "BadFieldName", "RFC 9112 §5: no colon"},
      {get(": 1\r\n"), 400, "BadFieldName", "RFC 9112 §5: no name"},
      {get("X@Y: 1\r\n"), 400, "BadFieldName", "RFC 9110 §5.1: token"},
      {get("X\xC3\xA9: 1\r\n"), 400, "BadFieldName", "RFC 9110 §5.1"},
      {get(std::string("X: a\0b\r\n", 8)), 400, "BadFieldValue", "RFC 9110 §5.5: NUL"},
      {get("X: a\x01\r\n"), 400, "BadFieldValue", "RFC 9110 §5.5: control characters"},
      {get("X: a\x7f\r\n"), 400, "BadFieldValue", "RFC 9110 §5.5"},
      {get("X: a long value with a tab\tand then\x01\r\n"), 400, "BadFieldValue", "RFC 9110 §5.5"},
      {get("Connection: a b\r\n"), 400, "BadFieldValue", "RFC 9110 §7.6.1: a list of tokens"},
      {get("Connection: close;q=1\r\n"), 400, "BadFieldValue", "RFC 9110 §7.6.1"},
      {get("Connection: close\r\nConnection: \"x\"\r\n"), 400, "BadFieldValue", "RFC 9110 §7.6.1"},
      {get("Proxy-Connection: a/b\r\n"), 400, "BadFieldValue", "the same list"},
      {get("Connection: , a ,,b\t,\r\nProxy-Connection:\r\n"), 0, "", "RFC 9110 §5.6.1: empty elements"},
      {get("Connection: " + repeated("a,", 99) + "b\r\n"), 0, "", "each field is compared with each of them"},
      {get("Connection: " + repeated("a,", 100) + "b\r\n"), 400, "BadFieldValue", "each field is compared with each of them"},
      {get("Connection: " + repeated(",", 50) + "\r\nConnection: " + repeated(",", 50) + "\r\n"), 400, "BadFieldValue", "the same"},
      {get("X: caf\xC3\xA9\r\n"), 0, "", "RFC 9110 §5.5: obs-text"},
      {get("X:1\r\nY: \t 2 \t\r\nZ:\r\n"), 0, "", "RFC 9112 §5: optional white space"},
  });
}

TEST_CASE("Heads refused for Host") {
  check({
      {"GET / HTTP/1.1\r\n\r\n", 400, "MissingHost", "RFC 9112 §3.2"},
      {"GET http://a/ HTTP/1.1\r\n\r\n", 400, "MissingHost", "RFC 9112 §3.2"},
      {"GET / HTTP/1.0\r\n\r\n", 0, "", "RFC 9112 §3.2: HTTP/1.1 only"},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "RepeatedHost", "RFC 9112 §3.2: even when equal"},
      {"GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", 400, "RepeatedHost", "RFC 9112 §3.2"},
      {host(""), 400, "BadHost", "RFC 9112 §3.2"},
      {host("a b"), 400, "BadHost", "RFC 3986 §3.2.2"},
      {host("a,b"), 400, "BadHost", "RFC 3986 §3.2.2"},
      {host("a/b"), 400, "BadHost", "RFC 3986 §3.2.2"},
      {host("u@a"), 400, "BadHost", "RFC 9110 §7.2"},
      {host("a:b"), 400, "BadHost", "RFC 3986 §3.2.3"},
      {host("a:80:80"), 400, "BadHost", "RFC 3986 §3.2.3"},
      {host("a:65536"), 400, "BadHost", "RFC 3986 §3.2.3"},
      {host(":80"), 400, "BadHost", "RFC 9110 §4.2.1"},
      {host("[::1"), 400, "BadHost", "RFC 3986 §3.2.2"},
      {host("[::1]x"), 400, "BadHost", "RFC 3986 §3.2.2"},
      {host("::1"), 400, "BadHost", "RFC 3986 §3.2.2"},
      {host("[]"), 400, "BadHost", "RFC 3986 §3.2.2"},
      {host("a.b-c_d.example:8080"), 0, "", "RFC 3986 §3.2.2"},
      {host("[::1]:9090"), 0, "", "RFC 3986 §3.2.2"},
      {host("a:"), 400, "BadHost", "RFC 3986 §3.2.3 allows it; nobody sends it"},
  });
}

TEST_CASE("Heads refused for their framing") {
  const auto post = [](const std::string& fields) { return "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"; };
  check({
      {post("Content-Length: 5\r\nContent-Length: 5\r\n"), 400, "RepeatedContentLength", "RFC 9112 §6.3: even when equal"},
      {post("Content-Length: 5\r\nContent-Length: 6\r\n"), 400, "RepeatedContentLength", "RFC 9112 §6.3"},
      {post("Content-Length: 5, 5\r\n"), 400, "RepeatedContentLength", "RFC 9112 §6.3"},
      {post("Content-Length: 5, 6\r\n"), 400, "RepeatedContentLength", "RFC 9112 §6.3"},
      {post("Content-Length: +5\r\n"), 400, "BadContentLength", "RFC 9110 §8.6: digits"},
      {post("Content-Length: -5\r\n"), 400, "BadContentLength", "RFC 9110 §8.6"},
      {post("Content-Length: 0x5\r\n"), 400, "BadContentLength", "RFC 9110 §8.6"},
      {post("Content-Length: 5 5\r\n"), 400, "BadContentLength", "RFC 9110 §8.6"},
      {post("Content-Length:\r\n"), 400, "BadContentLength", "RFC 9110 §8.6"},
      {post("Content-Length: 99999999999999999999\r\n"), 400, "BadContentLength", "RFC 9110 §8.6: overflow"},
      {post("Content-Length: 18446744073709551615\r\n"), 400, "BadContentLength", "RFC 9110 §8.6: nothing is that long"},
      {post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400, "LengthAndTransferEncoding", "RFC 9112 §6.3"},
      {post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400, "LengthAndTransferEncoding", "RFC 9112 §6.3"},
      {post("Content-Length: 5\r\nTransfer-Encoding: identity\r\n"), 400, "LengthAndTransferEncoding", "RFC 9112 §6.3"},
      {post("Transfer-Encoding: gzip, chunked\r\n"), 400, "BadTransferEncoding", "RFC 9112 §6.1"},
      {post("Transfer-Encoding: chunked, chunked\r\n"), 400, "BadTransferEncoding", "RFC 9112 §6.1"},
      {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400, "BadTransferEncoding", "RFC 9112 §6.1"},
      {post("Transfer-Encoding: identity\r\n"), 400, "BadTransferEncoding", "RFC 9112 §6.1"},
      {post("Transfer-Encoding: xchunked\r\n"), 400, "BadTransferEncoding", "RFC 9112 §6.1"},
      {post("Transfer-Encoding: \"chunked\"\r\n"), 400, "BadTransferEncoding", "RFC 9112 §6.1"},
      {post("Transfer-Encoding: chunked;q=1\r\n"), 400, "BadTransferEncoding", "RFC 9112 §6.1"},
      {post("Transfer-Encoding: \r\n"), 400, "BadTransferEncoding", "RFC 9112 §6.1: empty"},
      {post("Transfer-Encoding: ,\r\n"), 400, "BadTransferEncoding", "RFC 9112 §6.1"},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "TransferEncodingInHttp10", "RFC 9112 §6.1"},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\n", 400, "UpgradeWithBody",
       "RFC 9110 §7.8"},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "UpgradeWithBody",
       "RFC 9110 §7.8"},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 0\r\n\r\n", 0, "", "no body"},
      {post("Transfer-Encoding: Chunked\r\n"), 0, "", "RFC 9112 §7: codings without case"},
      {post("Content-Length: 007\r\n"), 0, "", "RFC 9110 §8.6: 1*DIGIT"},
      {post("content-length: 5\r\n"), 0, "", "RFC 9110 §5.1"},
  });
}

TEST_CASE("Answers of an upstream are judged as strictly") {
  const std::vector<Case> cases = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 502, "LengthAndTransferEncoding", "RFC 9112 §6.3"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\n", 502, "LengthAndTransferEncoding", "RFC 9112 §6.3"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 502, "RepeatedContentLength", "RFC 9112 §6.3"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5,5\r\n\r\n", 502, "RepeatedContentLength", "RFC 9112 §6.3"},
      {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", 502, "BadContentLength", "RFC 9110 §8.6"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 502, "BadTransferEncoding", "RFC 9112 §6.1"},
      {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 502, "TransferEncodingInHttp10", "RFC 9112 §6.1"},
      {"HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\n\r\n", 502, "FoldedHeader", "RFC 9112 §5.2"},
      {"HTTP/1.1 200 OK\r\nConnection: a b\r\n\r\n", 502, "BadFieldValue", "RFC 9110 §7.6.1"},
      {"HTTP/1.1 200 O\x01K\r\n\r\n", 502, "BadSyntax", "RFC 9112 §4"},
      {"HTTP/1.1 200\r\n\r\n", 502, "BadSyntax", "RFC 9112 §4: a space before the phrase"},
      {"HTTP/1.1 099 Low\r\n\r\n", 502, "BadStatus", "RFC 9110 §15"},
      {"HTTP/1.1 2000 OK\r\n\r\n", 502, "BadSyntax", "RFC 9112 §4"},
      {"HTTP/1.1 OK\r\n\r\n", 502, "BadSyntax", "RFC 9112 §4"},
      {"HTTP/2.0 200 OK\r\n\r\n", 502, "UnsupportedVersion", "RFC 9112 §2.3"},
      {"HTTP/1.1 200 OK\nX: 1\n\n", 502, "BadLineEnding", "RFC 9112 §2.2"},
      {"ICY 200 OK\r\n\r\n", 502, "BadSyntax", "RFC 9112 §4"},
      {"\x15\x03\x01 TLS alert", 502, "NotHttp", "RFC 9112 §4"},
      {"HTTP/1.1 200 \r\n\r\n", 0, "", "RFC 9112 §4: the phrase may be empty"},
      {"HTTP/1.1 999 Odd\r\n\r\n", 0, "", "RFC 9110 §15: like 5xx"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.head, c.rule);
    ResponseHeadParser parser;
    const HeadFeed fed = parser.feed(c.head, "GET");
    CHECK(fed.status == (c.status == 0 ? HeadFeed::Status::Done : HeadFeed::Status::Refused));
    CHECK(fed.refusal.reason == c.reason);
    if (c.status != 0) CHECK(fed.refusal.status == c.status);
  }
}

TEST_CASE("Every rule says what, why and from where") {
  for (const auto rules : {requestRules(), responseRules()}) {
    CHECK_FALSE(rules.empty());
    for (const HeadRule& rule : rules) {
      CHECK(isToken(rule.reason));
      CHECK(rule.source.starts_with("RFC "));
      CHECK(rule.detail.ends_with("."));
      CHECK(rule.status >= 400);
    }
  }
}
