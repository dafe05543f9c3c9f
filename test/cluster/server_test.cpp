// The API server over real sockets on the loopback.

#include "cluster/server.hpp"

#include "cluster/controllers.hpp"
#include "fixture.hpp"
#include "http/front_fixture.hpp"

using namespace spawner;
using namespace spawner::cluster;
using namespace spawner::cluster::test;
using http::testing::Client;

namespace {

struct ServerFixture {
  explicit ServerFixture(ServerOptions options = {}, ApiServerOptions api = {})
      : random(seededRandom(1)), core(std::move(api), *random, now()), server(std::in_place, loop, core, std::move(options)) {
    REQUIRE(server->listen(SocketAddress::parse("127.0.0.1:0").value()));
  }
  [[nodiscard]] Now now() const { return {loop.now(), loop.wallNow()}; }
  Client client(int receiveBuffer = 0) { return Client(loop, server->port(), receiveBuffer); }
  std::string exchange(std::string_view request, std::string_view until = "\r\n\r\n") {
    Client one = client();
    one.send(request);
    one.waitFor(until);
    return one.received;
  }
  void make(std::string_view path, std::string body) {
    REQUIRE(core.call("POST", std::string(path), std::move(body), now()).status == 201);
  }
  void waitFor(const std::string& what, const std::function<bool()>& predicate) { spawner::test::waitFor(loop, what, predicate); }

  Reactor loop;
  std::unique_ptr<Random> random;
  ApiServer core;
  std::optional<Server> server;
};

std::string get(std::string_view target, std::string_view more = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(more) + "\r\n";
}
std::string post(std::string_view target, std::string_view body, std::string_view more = "Content-Type: application/json\r\n") {
  return "POST " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(more) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

}  // namespace

TEST_CASE("Requests and answers over a connection that is kept", "[cluster][integration]") {
  ServerFixture f;
  Client client = f.client();
  client.send(post(slabsPath, slabJson("a")));
  client.waitFor("\"uid\"");
  CHECK(client.received.starts_with("HTTP/1.1 201 "));
  client.received.clear();
  client.send(get(under(slabsPath, "none")));
  client.waitFor("\"code\":404");
  CHECK(client.has("HTTP/1.1 404 "));
  client.received.clear();
  client.send(post(slabsPath, slabJson("b"), "Content-Type: text/plain\r\n"));
  client.waitFor("\"code\":415");
  CHECK_FALSE(client.closed);
  CHECK(f.core.store().objects(types::slabs).size() == 1);
}

TEST_CASE("A watch is streamed: each event as it happens, and a clean end", "[cluster][integration]") {
  ServerFixture f;
  Client client = f.client();
  client.send(get(std::string(slabsPath) + "?watch=true&timeoutSeconds=1"));
  client.waitFor("\r\n\r\n");
  CHECK(client.has("Transfer-Encoding: chunked"));
  f.make(slabsPath, slabJson("a"));
  client.waitFor("\"ADDED\"");
  f.make(slabsPath, slabJson("b"));
  f.waitFor("the second event", [&] { return client.count("\"ADDED\"") == 2; });
  client.waitFor("\r\n0\r\n\r\n");
  CHECK_FALSE(client.closed);  // the connection goes on
  f.waitFor("the watch to be forgotten", [&] { return f.core.watches() == 0; });
}

TEST_CASE("A watcher that goes away is forgotten", "[cluster][integration]") {
  ServerFixture f;
  Client client = f.client();
  client.send(get(std::string(slabsPath) + "?watch=true"));
  client.waitFor("\r\n\r\n");
  CHECK(f.core.watches() == 1);
  client.reset();
  f.waitFor("the watch to be forgotten", [&] { return f.core.watches() == 0; });
  f.make(slabsPath, slabJson("a"));
  spawner::test::turns(f.loop);
}

TEST_CASE("A watcher that does not read costs a bounded amount and is told 410 when it reads on", "[cluster][integration]") {
  ApiServerOptions api;
  api.store.maxLog = 50;
  ServerFixture f({}, api);
  Client client = f.client(4096);
  client.send(get("/api/v1/configmaps?watch=true"));
  client.waitFor("\r\n\r\n");
  client.setReading(false);
  const std::string blob(20'000, 'x');
  for (int i = 0; i < 1000; ++i) {
    f.make("/api/v1/namespaces/default/configmaps", R"({"metadata":{"generateName":"m-"},"data":{"x":")" + blob + "\"}}");
    spawner::test::turns(f.loop, 1);
  }
  client.setReading(true);
  client.waitFor("too old resource version");
  client.waitFor("\r\n0\r\n\r\n");
}

TEST_CASE("Hosts that are not allowed get nothing; a token is asked for, but not by health checks", "[cluster][integration]") {
  ServerOptions options;
  options.allowedHosts = {"localhost", "127.0.0.1", "::1"};
  options.bearerToken = "s3cret";
  ServerFixture f(options);
  const auto status = [&](std::string_view host, std::string_view path, std::string_view more) {
    return f.exchange("GET " + std::string(path) + " HTTP/1.1\r\nHost: " + std::string(host) + "\r\n" + std::string(more) + "\r\n")
        .substr(9, 3);
  };
  CHECK(status("evil.example", "/version", "Authorization: Bearer s3cret\r\n") == "403");
  CHECK(status("evil.example:80", "/healthz", "") == "403");
  CHECK(status("LOCALHOST:8001", "/version", "Authorization: Bearer s3cret\r\n") == "200");
  CHECK(status("[::1]:8001", "/version", "Authorization: Bearer s3cret\r\n") == "200");
  CHECK(status("localhost", "/readyz", "") == "200");
  CHECK(status("localhost", "/version", "Authorization: Basic dTpzM2NyZXQ=\r\n") == "200");  // u:s3cret, as kubectl sends it
  for (const std::string_view wrong :
       {"", "Authorization: Bearer s3cre\r\n", "Authorization: Bearer s3cret0\r\n", "Authorization: Bearer \r\n",
        "Authorization: Basic s3cret\r\n", "Authorization: Basic dTpzM2NyZQ==\r\n" /* u:s3cre */,
        "Authorization: Basic czNjcmV0\r\n" /* s3cret */})
    CHECK(status("localhost", "/api/v1/secrets", wrong) == "401");
  CHECK(f.exchange(get("/api"), "}").find("\"reason\":\"Unauthorized\"") != std::string::npos);
}

TEST_CASE("Bodies have a limit", "[cluster][integration]") {
  ApiServerOptions api;
  api.maxBodyBytes = 1000;
  ServerFixture f({}, api);
  CHECK(f.exchange(post(slabsPath, std::string(1001, ' '))).starts_with("HTTP/1.1 413 "));
}

TEST_CASE("Draining ends watches cleanly and finishes", "[cluster][integration]") {
  ServerFixture f;
  Client client = f.client();
  client.send(get(std::string(slabsPath) + "?watch=true"));
  client.waitFor("\r\n\r\n");
  bool drained = false;
  f.server->drain([&drained] { drained = true; });
  client.waitFor("\r\n0\r\n\r\n");
  f.waitFor("the end of draining", [&] { return drained; });
  client.waitClosed();
}

TEST_CASE("The server may go while a watch is open", "[cluster][integration]") {
  ServerFixture f;
  Client client = f.client();
  client.send(get(std::string(slabsPath) + "?watch=true"));
  client.waitFor("\r\n\r\n");
  f.server.reset();
  client.waitClosed();
  CHECK(f.core.watches() == 0);
  f.make(slabsPath, slabJson("a"));
  spawner::test::turns(f.loop);
}
