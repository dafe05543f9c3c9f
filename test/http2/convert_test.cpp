// Heads of HTTP/2 as those of HTTP/1.1, and back.
#include <catch2/catch.hpp>

#include <algorithm>

#include "http2/convert.hpp"
#include "http2/server.hpp"

namespace spawner::http2 {
namespace {

Head get(std::string path = "/a?b", std::string authority = "a.example:8080") {
  Head head;
  head.method = "GET";
  head.scheme = "http";
  head.path = std::move(path);
  head.authority = std::move(authority);
  head.end = true;
  return head;
}

std::string refusedFor(Head head) {
  const http::RequestHead request = requestHead(head);
  const auto refusal = refusalOf(head, request);
  return refusal ? std::string(refusal->reason) : std::string();
}

TEST_CASE("a request's pseudo fields become target and Host", "[http2]") {
  Head head = get();
  head.headers.add("host", "a.example:8080");
  head.headers.add("content-length", "12");
  head.end = false;
  CHECK(refusedFor(head).empty());
  const http::RequestHead request = requestHead(head);
  CHECK(request.method == "GET");
  CHECK(request.target == "/a?b");
  CHECK(request.host() == "a.example:8080");
  CHECK(request.framing == http::Framing::Length);
  CHECK(request.contentLength == 12);
  CHECK(std::count_if(request.headers.fields().begin(), request.headers.fields().end(),
                      [](const auto& field) { return http::equalsIgnoreCase(field.first, "host"); }) == 1);
  CHECK_FALSE(request.upgrade);
  CHECK(requestHead(get()).framing == http::Framing::None);
  head.headers.remove("content-length");
  CHECK(requestHead(head).framing == http::Framing::Chunked);
}

TEST_CASE("a request without a body has a length where HTTP/1.1 expects one", "[http2]") {
  const auto framing = [](const char* method, const char* length = nullptr) {
    Head head = get();
    head.method = method;
    if (length != nullptr) head.headers.add("content-length", length);
    const http::RequestHead request = requestHead(head);
    CHECK(request.contentLength == 0);
    return request.framing;
  };
  for (const char* method : {"POST", "PUT", "PATCH"}) {
    CAPTURE(method);
    CHECK(framing(method) == http::Framing::Length);
    CHECK(framing(method, "0") == http::Framing::Length);
  }
  for (const char* method : {"GET", "HEAD", "DELETE", "OPTIONS", "post"}) {
    CAPTURE(method);
    CHECK(framing(method) == http::Framing::None);
    CHECK(framing(method, "0") == http::Framing::Length);
  }
}

TEST_CASE("the guard stands before HTTP/2 too", "[http2]") {
  CHECK(refusedFor(get("/", "")) == "MissingHost");
  CHECK(refusedFor(get("/", "a/b")) == "BadHost");
  CHECK(refusedFor(get("/", "user@a")) == "BadHost");
  CHECK(refusedFor(get("/a b")) == "BadTarget");
  CHECK(refusedFor(get("/a#b")) == "BadTarget");
  CHECK(refusedFor(get("*")) == "BadTarget");
  Head connect = get("");
  connect.method = "CONNECT";
  CHECK(refusedFor(connect) == "ConnectUnsupported");
  Head hosts = get();
  hosts.headers.add("host", "other.example");
  CHECK(refusedFor(hosts) == "RepeatedHost");
  Head large = get();
  large.tooLarge = true;
  CHECK(refusedFor(large) == "HeadTooLarge");
}

TEST_CASE("an answer's head has no field of a connection", "[http2]") {
  http::ResponseHead head;
  head.headers.add("Content-Type", "text/plain");
  head.headers.add("Connection", "close, X-Hop");
  head.headers.add("X-Hop", "1");
  head.headers.add("Transfer-Encoding", "chunked");
  head.headers.add("Content-Length", "99");
  head.framing = http::Framing::Length;
  head.contentLength = 5;
  const auto fields = answerFields(head);
  REQUIRE(fields);
  CHECK(*fields == Fields{{":status", "200"}, {"content-type", "text/plain"}, {"content-length", "5"}});
  head.framing = http::Framing::None;
  CHECK(answerFields(head)->size() == 2);
  CHECK(answerFields(head, true)->back() == std::pair<std::string, std::string>("content-length", "99"));
  head.headers.add("X-Bad", "a\r\nb");
  CHECK_FALSE(answerFields(head));
}

TEST_CASE("a request goes out with its Host as authority", "[http2]") {
  const auto fields = requestFields("POST", "/x", {{"Host", "a.example"}, {"Content-Type", "application/grpc"}, {"TE", "trailers"}});
  REQUIRE(fields);
  CHECK(*fields == Fields{{":method", "POST"},
                          {":scheme", "http"},
                          {":authority", "a.example"},
                          {":path", "/x"},
                          {"content-type", "application/grpc"},
                          {"te", "trailers"}});
  CHECK_FALSE(requestFields("GET", "/", {{"a b", "c"}}));
}

TEST_CASE("Upgrade: h2c is taken only as RFC 7540 has it", "[http2]") {
  const auto asks = [](std::vector<http::Headers::Field> fields) {
    http::RequestHead head;
    head.upgrade = true;
    for (auto& [name, value] : fields) head.headers.add(name, value);
    return Server::wantsUpgrade(head);
  };
  const http::Headers::Field upgrade = {"Upgrade", "h2c"}, connection = {"Connection", "Upgrade, HTTP2-Settings"};
  CHECK(asks({upgrade, connection, {"HTTP2-Settings", "AAMAAABkAAQAAP__"}}));
  CHECK(asks({upgrade, connection, {"HTTP2-Settings", ""}}));
  CHECK_FALSE(asks({upgrade, connection}));
  CHECK_FALSE(asks({upgrade, connection, {"HTTP2-Settings", "AAMAAABk"}, {"HTTP2-Settings", "AAMAAABk"}}));
  CHECK_FALSE(asks({upgrade, {"Connection", "Upgrade"}, {"HTTP2-Settings", ""}}));
  CHECK_FALSE(asks({upgrade, connection, {"HTTP2-Settings", "AA+/"}}));
  CHECK_FALSE(asks({upgrade, connection, {"HTTP2-Settings", "AAMA"}}));
  CHECK_FALSE(asks({{"Upgrade", "websocket"}, connection, {"HTTP2-Settings", ""}}));
}

}  // namespace
}  // namespace spawner::http2
