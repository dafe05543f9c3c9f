// What goes over the wire, and what an answer means.
#include "k8s/client.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "k8s/query.hpp"
#include "loop/sim_loop.hpp"
#include "support/scripted_transport.hpp"

using namespace spawner;
using namespace spawner::k8s;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

struct Fixture {
  SimLoop loop{1};
  test::ScriptedTransport transport{loop};
  Client client{transport, 3s};
  std::optional<Result<std::string>> result;
  Pending pending;

  Client::Done done() {
    return [this](Result<std::string> answer) { result = std::move(answer); };
  }
  void run() { loop.runFor(1ms); }
};

std::string header(const TransportRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers)
    if (key == name) return value;
  return {};
}

TransportResponse answer(int status, std::string body, std::vector<std::pair<std::string, std::string>> headers = {}) {
  return {status, std::move(headers), std::move(body)};
}

}  // namespace

TEST_CASE("paths of all our resources") {
  CHECK(pods.path("spawner") == "/api/v1/namespaces/spawner/pods");
  CHECK(pods.path("") == "/api/v1/pods");
  CHECK(slabs.path("s", "x", "status") == "/apis/spawner.dev/v1/namespaces/s/sessionlivedbackends/x/status");
  CHECK(leases.path("s", "l") == "/apis/coordination.k8s.io/v1/namespaces/s/leases/l");
  constexpr Resource nodes{"", "v1", "nodes", "Node", false};
  CHECK(nodes.path("ignored", "n1") == "/api/v1/nodes/n1");
}

TEST_CASE("a name from outside cannot step out of its place in a path") {
  CHECK(pods.path("n", "../secrets/x?a#b") == "/api/v1/namespaces/n/pods/..%2Fsecrets%2Fx%3Fa%23b");
  CHECK(pods.path("n", "..") == "/api/v1/namespaces/n/pods/%2E%2E");
  CHECK(pods.path("n", "a.b-c_d~e") == "/api/v1/namespaces/n/pods/a.b-c_d~e");
  std::string target = "/x";
  addParameter(target, "labelSelector", "a=b,c in (d)");
  addParameter(target, "empty", "");
  addParameter(target, "limit", "5");
  CHECK(target == "/x?labelSelector=a%3Db%2Cc%20in%20%28d%29&limit=5");
}

TEST_CASE("each verb sends its method, path, type and body, with the client's time limit") {
  Fixture f;
  SECTION("get") {
    f.pending = f.client.get(pods, "n", "p", f.done());
    const auto ask = f.transport.next();
    CHECK(ask->request.method == "GET");
    CHECK(ask->request.target == "/api/v1/namespaces/n/pods/p");
    CHECK(ask->request.timeout == Duration(3s));
    CHECK(header(ask->request, "Accept") == "application/json");
    CHECK(header(ask->request, "Content-Type").empty());
  }
  SECTION("create") {
    f.pending = f.client.create(pods, "n", "{}", f.done());
    const auto ask = f.transport.next();
    CHECK(ask->request.method == "POST");
    CHECK(ask->request.target == "/api/v1/namespaces/n/pods");
    CHECK(ask->request.body == "{}");
    CHECK(header(ask->request, "Content-Type") == "application/json");
  }
  SECTION("replace") {
    f.pending = f.client.replace(leases, "n", "l", "{}", f.done());
    CHECK(f.transport.next()->request.method == "PUT");
  }
  SECTION("merge patch of the status") {
    f.pending = f.client.mergePatch(slabs, "n", "s", "status", "{}", f.done());
    const auto ask = f.transport.next();
    CHECK(ask->request.method == "PATCH");
    CHECK(ask->request.target.ends_with("/sessionlivedbackends/s/status"));
    CHECK(header(ask->request, "Content-Type") == "application/merge-patch+json");
  }
  SECTION("JSON patch") {
    f.pending = f.client.jsonPatch(slabs, "n", "s", "", "[]", f.done());
    CHECK(header(f.transport.next()->request, "Content-Type") == "application/json-patch+json");
  }
  SECTION("remove with preconditions") {
    f.pending = f.client.remove(pods, "n", "p", {"u-1", "77", 0}, f.done());
    const auto ask = f.transport.next();
    CHECK(ask->request.method == "DELETE");
    const json body = json::parse(ask->request.body);
    CHECK(body["preconditions"] == json{{"uid", "u-1"}, {"resourceVersion", "77"}});
    CHECK(body["gracePeriodSeconds"] == 0);
  }
  SECTION("remove without") {
    f.pending = f.client.remove(pods, "n", "p", {}, f.done());
    const json body = json::parse(f.transport.next()->request.body);
    CHECK_FALSE(body.contains("preconditions"));
    CHECK_FALSE(body.contains("gracePeriodSeconds"));
  }
}

TEST_CASE("an answer of 2xx is its body; a failure keeps its kind; a cancelled call is silent") {
  Fixture f;
  f.pending = f.client.get(pods, "n", "p", f.done());
  CHECK_FALSE(f.result.has_value());
  SECTION("body") {
    f.transport.next()->respond(201, "text");
    f.run();
    REQUIRE(f.result);
    REQUIRE(f.result->ok());
    CHECK(**f.result == "text");
  }
  SECTION("lost answer") {
    f.transport.next()->fail(ErrorKind::Disconnected, "reset");
    f.run();
    REQUIRE(f.result);
    CHECK(f.result->error().kind == ErrorKind::Disconnected);
  }
  SECTION("no answer") {
    f.loop.runFor(4s);
    REQUIRE(f.result);
    CHECK(f.result->error().kind == ErrorKind::Timeout);
  }
  SECTION("error says verb, object and the server's reason") {
    f.transport.next()->respond(404, R"({"kind":"Status","reason":"NotFound","message":"pods \"p\" not found"})");
    f.run();
    REQUIRE(f.result);
    CHECK(f.result->error().kind == ErrorKind::NotFound);
    CHECK(f.result->error().message == "get pods n/p: 404 NotFound: pods \"p\" not found");
  }
  SECTION("cancel") {
    f.transport.next()->respond(200, "text");
    f.pending.reset();
    f.run();
    CHECK_FALSE(f.result.has_value());
  }
}

TEST_CASE("status codes and reasons become kinds") {
  const auto kind = [](int status, const std::string& reason) {
    return errorOf(answer(status, R"({"kind":"Status","reason":")" + reason + R"("})"), "x").kind;
  };
  CHECK(kind(400, "BadRequest") == ErrorKind::InvalidArgument);
  CHECK(kind(401, "Unauthorized") == ErrorKind::Unauthorized);
  CHECK(kind(403, "Forbidden") == ErrorKind::Forbidden);
  CHECK(kind(404, "NotFound") == ErrorKind::NotFound);
  CHECK(kind(409, "AlreadyExists") == ErrorKind::AlreadyExists);
  CHECK(kind(409, "Conflict") == ErrorKind::Conflict);
  CHECK(kind(409, "") == ErrorKind::Conflict);
  CHECK(kind(410, "Expired") == ErrorKind::Gone);
  CHECK(kind(415, "UnsupportedMediaType") == ErrorKind::Unsupported);
  CHECK(kind(422, "Invalid") == ErrorKind::Invalid);
  CHECK(kind(429, "TooManyRequests") == ErrorKind::TooManyRequests);
  CHECK(kind(500, "InternalError") == ErrorKind::Server);
  CHECK(kind(503, "ServiceUnavailable") == ErrorKind::Server);
  CHECK(kind(504, "Timeout") == ErrorKind::Server);
  CHECK(kind(302, "") == ErrorKind::Protocol);
}

TEST_CASE("how long to wait comes from the header, else from the details") {
  const std::string details = R"({"kind":"Status","details":{"retryAfterSeconds":4}})";
  CHECK(errorOf(answer(429, details, {{"retry-after", "9"}}), "x").retryAfter == std::optional<Duration>(9s));
  CHECK(errorOf(answer(503, details), "x").retryAfter == std::optional<Duration>(4s));
  CHECK_FALSE(errorOf(answer(503, details, {{"retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"}}), "x").retryAfter ==
              std::optional<Duration>(0s));
  CHECK_FALSE(errorOf(answer(503, "{}", {{"retry-after", "-3"}}), "x").retryAfter.has_value());
}

TEST_CASE("a version that is too large for the server means: list again") {
  const std::string body =
      R"({"kind":"Status","reason":"Timeout","code":504,"details":{"causes":[{"reason":"ResourceVersionTooLarge","message":"m"}]}})";
  CHECK(errorOf(answer(504, body), "x").kind == ErrorKind::Gone);
}

TEST_CASE("a body that is no Status is quoted: short, on one line, whole characters") {
  const Error error = errorOf(answer(502, "<html>\nbad gateway\r\n" + std::string(3000, 'x')), "get");
  CHECK(error.kind == ErrorKind::Server);
  CHECK(error.message.starts_with("get: 502: <html> bad gateway"));
  CHECK(error.message.size() < 1100);
  CHECK(error.message.find('\n') == std::string::npos);
  for (std::size_t shift = 0; shift < 3; ++shift) {
    std::string body(shift, 'a');
    while (body.size() < 2000) body += "\xE2\x82\xAC";  // €
    const std::string message = errorOf(answer(502, body), "x").message;
    CHECK_NOTHROW(json(message).dump());  // dump() throws on half a character
  }
}
