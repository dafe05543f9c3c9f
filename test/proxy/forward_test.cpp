#include <catch2/catch.hpp>

#include "http/head_parser.hpp"
#include "proxy/forward.hpp"

using namespace spawner;
using namespace spawner::proxy;
using http::Framing;

namespace {

http::RequestHead get(std::string target = "/x") {
  http::RequestHead head;
  head.method = "GET";
  head.target = std::move(target);
  head.headers.add("Host", "example.org");
  return head;
}
std::string written(const http::RequestHead& head, const RequestEdit& edit = {}, std::string_view peer = "192.0.2.7:1234") {
  auto bytes = upstreamHead(head, peer, "127.0.0.1:8080", edit);
  REQUIRE(bytes.ok());
  return *bytes;
}
bool has(const std::string& head, const std::string& line) { return head.find("\r\n" + line + "\r\n") != std::string::npos; }
bool hasField(const std::string& head, const std::string& name) { return head.find("\r\n" + name + ":") != std::string::npos; }

}  // namespace

TEST_CASE("a plain request is HTTP/1.1 with its Host and the forwarded fields") {
  const std::string head = written(get("/a?b=c"));
  CHECK(head.starts_with("GET /a?b=c HTTP/1.1\r\n"));
  CHECK(head.ends_with("\r\n\r\n"));
  CHECK(has(head, "Host: example.org"));
  CHECK(has(head, "X-Forwarded-For: 192.0.2.7"));
  CHECK(has(head, "X-Forwarded-Proto: http"));
  CHECK(has(head, "X-Forwarded-Host: example.org"));
  CHECK_FALSE(hasField(head, "X-Forwarded-Prefix"));
  CHECK_FALSE(hasField(head, "Via"));
  CHECK_FALSE(hasField(head, "Connection"));
}

TEST_CASE("a request for HTTP/2 has the same fields, without those of a connection") {
  http::RequestHead head = get("http://other.org/a?b");
  head.headers.add("Connection", "close, X-Hop");
  head.headers.add("X-Hop", "1");
  head.headers.add("TE", "trailers, deflate");
  head.headers.add("X-Forwarded-For", "198.51.100.1");
  head.headers.add("spawner-pod", "uid");
  head.framing = Framing::Length;
  head.contentLength = 7;
  using Field = std::pair<std::string, std::string>;
  const UpstreamRequest request = upstreamRequest(head, "192.0.2.7:1234", "127.0.0.1:8080", {.trustForwarded = true});
  CHECK(request.target == "/a?b");
  CHECK(request.fields == std::vector<Field>{{"Host", "other.org"},
                                             {"X-Forwarded-For", "198.51.100.1, 192.0.2.7"},
                                             {"X-Forwarded-Proto", "http"},
                                             {"X-Forwarded-Host", "other.org"},
                                             {"Content-Length", "7"},
                                             {"TE", "trailers"}});
  CHECK(upstreamRequest(get(), "unix", "127.0.0.1:8080", {.target = "/t", .set = {{"Host", "set"}}}).fields[0] ==
        Field{"X-Forwarded-Proto", "http"});
}

TEST_CASE("fields of one hop stay behind, also those that Connection names") {
  auto head = get();
  for (const char* name : {"Keep-Alive", "Proxy-Connection", "TE", "Trailer", "X-Secret-Hop", "Upgrade"}) head.headers.add(name, "v");
  head.headers.add("Connection", "keep-alive, x-secret-hop");
  head.headers.add("Accept", "text/html");
  const std::string out = written(head);
  for (const char* name : {"Keep-Alive", "Proxy-Connection", "TE", "Trailer", "X-Secret-Hop", "Upgrade", "Connection"})
    CHECK_FALSE(hasField(out, name));
  CHECK(has(out, "Accept: text/html"));
}

TEST_CASE("framing is written from the parsed head, never copied") {
  auto head = get();
  head.method = "POST";
  head.headers.add("Content-Length", "7");
  head.framing = Framing::Length;
  head.contentLength = 7;
  std::string out = written(head);
  CHECK(out.find("Content-Length: 7") == out.rfind("Content-Length"));
  head = get();
  head.headers.add("Transfer-Encoding", "chunked");
  head.framing = Framing::Chunked;
  out = written(head);
  CHECK(has(out, "Transfer-Encoding: chunked"));
  CHECK(out.find("Transfer-Encoding") == out.rfind("Transfer-Encoding"));
}

TEST_CASE("an upgrade keeps Connection and Upgrade") {
  auto head = get();
  head.headers.add("Connection", "keep-alive, Upgrade");
  head.headers.add("Upgrade", "websocket");
  head.upgrade = true;
  const std::string out = written(head);
  CHECK(has(out, "Connection: Upgrade"));
  CHECK(has(out, "Upgrade: websocket"));
}

TEST_CASE("an absolute target becomes origin-form and gives the Host") {
  auto head = get("http://real.example:81/p?q");
  CHECK(written(head).starts_with("GET /p?q HTTP/1.1\r\nHost: real.example:81\r\n"));
  head.target = "http://real.example";
  CHECK(written(head).starts_with("GET / HTTP/1.1\r\n"));
  head.target = "http://real.example?q";
  CHECK(written(head).starts_with("GET /?q HTTP/1.1\r\n"));
  head.method = "OPTIONS";
  head.target = "http://real.example";
  CHECK(written(head).starts_with("OPTIONS * HTTP/1.1\r\n"));
}

TEST_CASE("a request without a Host gets the upstream's address") {
  http::RequestHead head;
  head.method = "GET";
  head.target = "/";
  head.minorVersion = 0;
  head.headers.add("Expect", "100-continue");
  const std::string out = written(head);
  CHECK(has(out, "Host: 127.0.0.1:8080"));
  CHECK_FALSE(hasField(out, "Expect"));
  CHECK_FALSE(hasField(out, "X-Forwarded-Host"));
}

TEST_CASE("what a client claims of its way is thrown away unless trusted") {
  auto head = get();
  head.headers.add("X-Forwarded-For", "10.0.0.1");
  head.headers.add("X-Forwarded-For", "10.0.0.2");
  head.headers.add("X-Forwarded-Proto", "https");
  head.headers.add("X-Forwarded-Host", "outer.example");
  head.headers.add("X-Forwarded-Prefix", "/outer");
  head.headers.add("Forwarded", "for=1.2.3.4");
  head.headers.add("X-Real-IP", "1.2.3.4");
  SECTION("not trusted") {
    const std::string out = written(head, {.forwardedPrefix = "/p/x"});
    CHECK(has(out, "X-Forwarded-For: 192.0.2.7"));
    CHECK(has(out, "X-Forwarded-Proto: http"));
    CHECK(has(out, "X-Forwarded-Host: example.org"));
    CHECK(has(out, "X-Forwarded-Prefix: /p/x"));
    CHECK(out.find("1.2.3.4") == std::string::npos);
    CHECK(out.find("10.0.0") == std::string::npos);
  }
  SECTION("trusted") {
    const std::string out = written(head, {.forwardedPrefix = "/p/x", .trustForwarded = true});
    CHECK(has(out, "X-Forwarded-For: 10.0.0.1, 10.0.0.2, 192.0.2.7"));
    CHECK(has(out, "X-Forwarded-Proto: https"));
    CHECK(has(out, "X-Forwarded-Host: outer.example"));
    CHECK(has(out, "X-Forwarded-Prefix: /outer"));
    CHECK(has(out, "Forwarded: for=1.2.3.4"));
  }
}

TEST_CASE("other names of the client's way are thrown away unless trusted, and those that fold into one always") {
  auto head = get();
  for (const char* name :
       {"X-Scheme", "X-Forwarded-Scheme", "X-Forwarded-Ssl", "X-Forwarded-Protocol", "X_Forwarded_Proto", "x-forwarded_proto",
        "X_FORWARDED-FOR", "X_Forwarded_Prefix", "X_Real_IP", "X_Scheme", "X_Custom", "Content_Length", "Host_"})
    head.headers.add(name, "https");
  const bool trust = GENERATE(false, true);
  const std::string out = written(head, {.trustForwarded = trust});
  for (const char* name : {"X-Scheme", "X-Forwarded-Scheme", "X-Forwarded-Ssl", "X-Forwarded-Protocol"})
    CHECK(hasField(out, name) == trust);
  for (const char* name : {"X_Forwarded_Proto", "x-forwarded_proto", "X_FORWARDED-FOR", "X_Forwarded_Prefix", "X_Real_IP", "X_Scheme"})
    CHECK_FALSE(hasField(out, name));
  for (const char* name : {"X_Custom", "Content_Length", "Host_"}) CHECK(has(out, std::string(name) + ": https"));
  CHECK(has(out, "X-Forwarded-Proto: http"));
  CHECK(has(out, "X-Forwarded-For: 192.0.2.7"));
}

TEST_CASE("what Connection names of the forwarded fields is not taken away from what is written") {
  const std::vector<std::pair<std::string, std::string>> ours = {
      {"X-Forwarded-For", "192.0.2.7"}, {"X-Forwarded-Proto", "http"}, {"X-Forwarded-Host", "example.org"}, {"X-Forwarded-Prefix", "/p/x"}};
  for (const bool trust : {false, true}) {
    for (const bool sent : {false, true}) {
      for (const auto& named : ours) {
        CAPTURE(trust, sent, named.first);
        auto head = get();
        if (sent)
          for (const auto& field : ours) head.headers.add(field.first, "theirs");
        std::string option = named.first;
        for (char& c : option) c = static_cast<char>(std::tolower(c));
        head.headers.add("Connection", "keep-alive, " + option);
        const RequestEdit edit{.forwardedPrefix = "/p/x", .trustForwarded = trust};
        const std::string out = written(head, edit);
        CHECK(has(out, named.first + ": " + named.second));
        CHECK(out.find(named.first + ":") == out.rfind(named.first + ":"));
        for (const auto& [name, value] : ours) {
          const bool kept = trust && sent && name != named.first;
          CHECK(has(out, name + ": " + (!kept ? value : name == "X-Forwarded-For" ? "theirs, " + value : "theirs")));
        }
        const auto fields = upstreamRequest(head, "192.0.2.7:1", "u", edit).fields;
        CHECK(std::count(fields.begin(), fields.end(), named) == 1);
      }
    }
  }
}

TEST_CASE("an IPv6 peer is written without brackets; a unix peer not at all") {
  CHECK(has(written(get(), {}, "[2001:db8::1]:99"), "X-Forwarded-For: 2001:db8::1"));
  CHECK_FALSE(hasField(written(get(), {}, "unix:"), "X-Forwarded-For"));
}

TEST_CASE("edits replace and remove") {
  auto head = get("/p/name/rest");
  head.headers.add("Cookie", "a=b");
  head.headers.add("X-Role", "admin");
  const std::string out = written(head, {.target = "/rest", .set = {{"Host", "inner"}, {"x-role", "user"}}, .remove = {"cookie"}});
  CHECK(out.starts_with("GET /rest HTTP/1.1\r\n"));
  CHECK(has(out, "Host: inner"));
  CHECK(out.find("\r\nHost:") == out.rfind("\r\nHost:"));
  CHECK(has(out, "x-role: user"));
  CHECK(out.find("admin") == std::string::npos);
  CHECK_FALSE(hasField(out, "Cookie"));
}

TEST_CASE("an edit that would break the head is refused") {
  CHECK(upstreamHead(get(), "192.0.2.7:1", "h", {.set = {{"X-A", "b\r\nX-C: d"}}}).error().kind == ErrorKind::InvalidArgument);
  CHECK(upstreamHead(get(), "192.0.2.7:1", "h", {.target = "/a b"}).ok() == false);
}

TEST_CASE("which methods may be sent twice") {
  for (const char* method : {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"}) CHECK(isIdempotent(method));
  for (const char* method : {"POST", "PATCH", "CONNECT", "get", "X"}) CHECK_FALSE(isIdempotent(method));
}

TEST_CASE("Keep-Alive: timeout bounds the pool, with a second's margin") {
  http::ResponseHead head;
  CHECK(keepAliveLimit(head) == Duration::max());
  head.headers.add("Keep-Alive", "timeout=5, max=100");
  CHECK(keepAliveLimit(head) == std::chrono::seconds(4));
  head.headers.set("Keep-Alive", "max=3, Timeout=1");
  CHECK(keepAliveLimit(head) == Duration::zero());
  head.headers.set("Keep-Alive", "timeout=zzz");
  CHECK(keepAliveLimit(head) == Duration::max());
}

TEST_CASE("what is copied as it was read is what would have been written field by field") {
  const std::string many = "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: 6\r\n";
  const RequestEdit edited{.set = {{"C", "set"}}, .remove = {"E", "x-hop"}};
  for (const std::string& fields :
       {std::string("Host: h\r\n"), "Host: h\r\n" + many, many + "Host: h\r\n", "A: 1\r\nHost: h\r\n" + many + many,
        "Host: h\r\nConnection: close, upgrade, x-hop\r\nX-Hop: 1\r\n" + many,
        many + "Host: h\r\nConnection: close\r\nX-Hop: 1\r\nConnection: X-hop\r\n",
        "Connection: Host, Content-Length, Spawner-Pod, A\r\nHost: h\r\nSpawner-Pod: p\r\nContent-Length: 3\r\n" + many,
        "Host: h\r\nX-Forwarded-For: f\r\nA:1\r\nB:  2\r\nC: 3 \r\nD:\r\nForwarded: x\r\nExpect: 100-continue\r\nX-Real-IP: y\r\n" + many,
        many + many + "TE: trailers\r\nHost: h\r\nTransfer-Encoding: chunked\r\nE: 9\r\nKeep-Alive: 1\r\n"}) {
    for (const char* version : {"1.1", "1.0"}) {
      CAPTURE(fields, version);
      if (fields.find("chunked") != std::string::npos && std::string_view(version) == "1.0") continue;
      http::RequestHeadParser parser;
      REQUIRE(parser.feed("POST /x HTTP/" + std::string(version) + "\r\n" + fields + "\r\n").status == http::HeadFeed::Status::Done);
      const http::RequestHead read = parser.takeHead();
      http::RequestHead added = read;
      added.headers = {};
      for (const auto& [name, value] : read.headers.fields()) added.headers.add(name, value);
      for (const bool trust : {false, true}) {
        RequestEdit edit = edited;
        edit.trustForwarded = trust;
        CHECK(written(read, edit) == written(added, edit));
        CHECK(written(read, {.trustForwarded = trust}) == written(added, {.trustForwarded = trust}));
      }
    }
  }
}
