// Calls: what goes out, what comes back, and every way it can fail.
#include "fetch_fixture.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

TEST_CASE("a request goes out as it is, and nothing is added that was not asked for", "[integration]") {
  std::string seen;
  FetchFixture f([&](const Connection& c) {
    seen = c->request;
    c->respond(201, "body", "X-One:  a b \r\nx-two:\r\n");
  });
  TransportRequest request = FetchFixture::get("/a/../b?x=1%2F2&y");
  request.method = "PATCH";
  request.body = "{\"n\":1}";
  request.headers = {{"Content-Type", "application/merge-patch+json"}, {"Authorization", "Bearer s"}, {"X-Empty", ""}};
  const auto answer = f.call(std::move(request));
  REQUIRE(answer.ok());
  CHECK(answer->status == 201);
  CHECK(answer->body == "body");
  CHECK(answer->header("x-one") == "a b");
  CHECK(answer->header("x-two").empty());
  CHECK(answer->header("content-length") == "4");
  CHECK(seen.starts_with("PATCH /a/../b?x=1%2F2&y HTTP/1.1\r\nHost: " + f.server.authority() + "\r\n"));
  CHECK(seen.find("User-Agent: spawner\r\n") != std::string::npos);
  CHECK(seen.find("Content-Type: application/merge-patch+json\r\n") != std::string::npos);
  CHECK(seen.find("Authorization: Bearer s\r\n") != std::string::npos);
  CHECK(seen.find("X-Empty:\r\n") != std::string::npos);
  CHECK(seen.find("Expect") == std::string::npos);
  CHECK(seen.ends_with("\r\n\r\n{\"n\":1}"));
}

TEST_CASE("methods with and without a body", "[integration]") {
  std::string seen;
  FetchFixture f([&](const Connection& c) {
    seen = c->request;
    if (c->request.starts_with("HEAD")) return c->send("HTTP/1.1 200 X\r\nContent-Length: 500\r\n\r\n");
    c->request.starts_with("DELETE") ? c->send("HTTP/1.1 204 X\r\n\r\n") : c->respond(200, "ok");
  });
  TransportRequest request = FetchFixture::get("/");
  request.method = "POST";
  CHECK(f.call(request).ok());
  CHECK(seen.find("Content-Length: 0\r\n") != std::string::npos);
  CHECK(seen.find("Content-Type") == std::string::npos);
  request.method = "DELETE";
  CHECK(f.call(request)->status == 204);
  CHECK(seen.find("Content-Length") == std::string::npos);
  request.body = "{}";
  CHECK(f.call(request)->status == 204);
  CHECK(seen.ends_with("\r\n\r\n{}"));
  request = FetchFixture::get("/");
  request.method = "HEAD";
  const auto head = f.call(request);
  REQUIRE(head.ok());
  CHECK(head->body.empty());
  CHECK(head->header("content-length") == "500");
  CHECK(f.call(FetchFixture::get("/")).ok());
  CHECK(f.server.accepted() == 1);  // one connection for all of it
  CHECK(f.transport->stats().connects == 1);
}

TEST_CASE("a large body passes both ways, and interim heads and trailers are not taken for the answer", "[integration]") {
  const std::string large(5 * 1024 * 1024, 'x');
  FetchFixture f([&](const Connection& c) {
    CHECK(c->request.ends_with(large));
    c->send("HTTP/1.1 103 Early\r\nX-Early: 1\r\n\r\n");
    c->send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Head: 1\r\n\r\n");
    c->chunk(large);
    c->send("0\r\nX-Trailer: 1\r\n\r\n");
  });
  TransportRequest request = FetchFixture::get("/");
  request.method = "PUT";
  request.body = large;
  const auto answer = f.call(std::move(request));
  REQUIRE(answer.ok());
  CHECK(answer->body == large);
  CHECK(answer->header("x-head") == "1");
  CHECK(answer->header("x-early").empty());
  CHECK(answer->header("x-trailer").empty());
}

TEST_CASE("redirects, proxies and credentials of the environment are not followed", "[integration]") {
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  ::setenv("all_proxy", "http://127.0.0.1:1", 1);
  FetchFixture f([](const Connection& c) { c->respond(302, "", "Location: /elsewhere\r\nSet-Cookie: a=b\r\n"); });
  CHECK(f.call(FetchFixture::get("/"))->status == 302);
  ::unsetenv("http_proxy");
  ::unsetenv("all_proxy");
}

TEST_CASE("a prefix of the base stands before each target; an authority of its own takes neither base nor prefix", "[integration]") {
  std::string seen;
  TinyServer::Handler handler = [&](const Connection& c) {
    seen = c->request;
    c->respond(200, "");
  };
  FetchFixture f(handler);
  fetch::HttpTransportOptions options;
  options.baseUrl = f.server.url() + "/k8s/clusters/c1/";
  auto prefixed = fetch::HttpTransport::make(f.loop, options);
  REQUIRE(prefixed.ok());
  f.transport = std::move(*prefixed);
  CHECK(f.call(FetchFixture::get("/api")).ok());
  CHECK(seen.starts_with("GET /k8s/clusters/c1/api HTTP"));
  TransportRequest other = FetchFixture::get("/events");
  TinyServer second(f.loop, handler);
  other.authority = second.authority();
  CHECK(f.call(other).ok());
  CHECK(seen.starts_with("GET /events HTTP/1.1\r\nHost: " + second.authority()));
}

TEST_CASE("what cannot be sent is refused: nothing of it reaches a server", "[integration]") {
  FetchFixture f([](const Connection& c) { c->respond(200, ""); });
  auto broken = std::vector<TransportRequest>(10, FetchFixture::get("/"));
  broken[0].target = "no-slash";
  broken[1].target = "/a b";
  broken[2].target = "/a\r\nX: y";
  broken[3].target = "/a#b";
  broken[4].method = "GET / HTTP/1.1\r\nX: y";
  broken[5].headers = {{"X", "a\r\nEvil: 1"}};
  broken[6].headers = {{"X: 1\r\nEvil", "a"}};
  broken[7].authority = "user@host/..";
  broken[8].timeout = 0s;
  broken[9].headers = {{"X", std::string("a\0b", 3)}};
  for (const TransportRequest& request : broken) {
    const auto answer = f.call(request);
    REQUIRE_FALSE(answer.ok());
    CHECK(answer.error().kind == ErrorKind::InvalidArgument);
  }
  CHECK(f.server.accepted() == 0);
  CHECK(f.transport->stats().errors == 10);
}

TEST_CASE("a request without a server, of a transport without one, is refused and ends nothing else", "[integration]") {
  FetchFixture f([](const Connection& c) { c->respond(200, ""); });
  auto without = fetch::HttpTransport::make(f.loop, {});
  REQUIRE(without.ok());
  f.transport = std::move(*without);
  const auto answer = f.call(FetchFixture::get("/_drain?x=1"));
  REQUIRE_FALSE(answer.ok());
  CHECK(answer.error().kind == ErrorKind::InvalidArgument);
  CHECK(answer.error().message.starts_with("GET /_drain: the request names no server"));
}

TEST_CASE("base URLs that make no sense are refused at the start", "[integration]") {
  Reactor loop;
  for (const char* url :
       {"ftp://h", "h:80", "http://", "https://:443", "http://u:p@h", "http://h?q", "http://h#f", "http://h:99999", "http://a b"}) {
    fetch::HttpTransportOptions options;
    options.baseUrl = url;
    INFO(url);
    const auto made = fetch::HttpTransport::make(loop, options);
    REQUIRE_FALSE(made.ok());
    CHECK(made.error().kind == ErrorKind::InvalidArgument);
  }
  for (const char* url : {"http://h", "https://h:443/", "https://[::1]:6443/x"}) {
    fetch::HttpTransportOptions options;
    options.baseUrl = url;
    INFO(url);
    CHECK(fetch::HttpTransport::make(loop, options).ok());
  }
}

TEST_CASE("nobody listens: Disconnected, with method and URL but without the query", "[integration]") {
  FetchFixture f([](const Connection&) {});
  TransportRequest request = FetchFixture::get("/path?secret=1");
  // A port that was free a moment ago.
  const std::string authority = TinyServer(f.loop, [](const Connection&) {}).authority();
  request.authority = authority;
  request.headers = {{"Authorization", "Bearer s3cret"}};
  const auto answer = f.call(std::move(request));
  REQUIRE_FALSE(answer.ok());
  CHECK(answer.error().kind == ErrorKind::Disconnected);
  CHECK(answer.error().message.starts_with("GET http://" + authority + "/path: "));
  CHECK(answer.error().message.find("secret") == std::string::npos);
  CHECK(answer.error().message.find("s3cret") == std::string::npos);
  CHECK(answer.error().retriable());
}

TEST_CASE("a server that is there but does not answer: Timeout, and the connection is given up", "[integration]") {
  FetchFixture f([](const Connection& c) {
    if (c->request.starts_with("GET /half")) c->send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  });
  for (const char* target : {"/silent", "/half"}) {
    const auto answer = f.call(FetchFixture::get(target, 50ms));
    REQUIRE_FALSE(answer.ok());
    CHECK(answer.error().kind == ErrorKind::Timeout);
    CHECK(answer.error().message.find("no complete answer within 50 ms") != std::string::npos);
  }
  waitFor(f.loop, "both connections' end", [&] { return f.server.open() == 0; });
  CHECK(f.transport->stats().active == 0);
}

TEST_CASE("answers that break off or make no sense", "[integration]") {
  const std::map<std::string, std::pair<std::string, ErrorKind>> answers = {
      {"/nothing", {"", ErrorKind::Disconnected}},
      {"/head", {"HTTP/1.1 200 OK\r\nContent-Le", ErrorKind::Disconnected}},
      {"/short", {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive5", ErrorKind::Disconnected}},
      {"/chunk", {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfi", ErrorKind::Disconnected}},
      {"/badchunk", {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nfi", ErrorKind::Disconnected}},
      {"/garbage", {"SSH-2.0-OpenSSH_9\r\n", ErrorKind::Protocol}},
      {"/upgrade", {"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", ErrorKind::Protocol}},
  };
  FetchFixture f([&](const Connection& c) {
    const std::string target = c->request.substr(4, c->request.find(' ', 4) - 4);
    if (target == "/reset") return c->reset();
    c->send(answers.at(target).first);
    c->close();
  });
  for (const auto& [target, expected] : answers) {
    const auto answer = f.call(FetchFixture::get(target));
    INFO(target);
    REQUIRE_FALSE(answer.ok());
    CHECK(answer.error().kind == expected.second);
  }
  CHECK(f.call(FetchFixture::get("/reset")).error().kind == ErrorKind::Disconnected);
}

TEST_CASE("answers larger than the bounds: Limit, and no more is read", "[integration]") {
  fetch::HttpTransportOptions options;
  options.maxResponseBytes = 1000;
  options.maxHeadBytes = 2000;
  FetchFixture f(
      [](const Connection& c) {
        if (c->request.starts_with("GET /fits")) return c->respond(200, std::string(1000, 'x'));
        if (c->request.starts_with("GET /announced")) return c->respond(200, std::string(1001, 'x'));
        if (c->request.starts_with("GET /fields"))
          return c->respond(200, "", std::string(300, 'n') + ": v\r\n" + std::string(1900, 'm') + ": v\r\n");
        if (c->request.starts_with("GET /field")) return c->respond(200, "", "X: " + std::string(200'000, 'm') + "\r\n");
        c->head();
        for (int i = 0; i < 100; ++i) c->chunk(std::string(100, 'x'));
      },
      options);
  CHECK(f.call(FetchFixture::get("/fits"))->body.size() == 1000);
  for (const char* target : {"/announced", "/endless", "/fields", "/field"}) {
    const auto answer = f.call(FetchFixture::get(target));
    INFO(target);
    REQUIRE_FALSE(answer.ok());
    CHECK(answer.error().kind == ErrorKind::Limit);
  }
  CHECK(f.call(FetchFixture::get("/fits")).ok());  // the transport is none the worse for it
}

TEST_CASE("a connection that the server has closed meanwhile costs no request", "[integration]") {
  FetchFixture f([](const Connection& c) { c->respond(200, std::to_string(c->requests)); });
  CHECK(f.call(FetchFixture::get("/"))->body == "1");
  CHECK(f.call(FetchFixture::get("/"))->body == "2");
  f.server.closeAll();
  TransportRequest request = FetchFixture::get("/");
  request.method = "POST";
  request.body = "x";
  CHECK(f.call(request)->body == "1");
  CHECK(f.server.accepted() == 2);
}
