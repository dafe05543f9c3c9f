// The body of POST /spawn.
#include "modes/api/spawn_request.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "modes/api/label_syntax.hpp"

using namespace spawner;
using api::parseSpawnRequest;

namespace {

Error refusalOf(const std::string& body) {
  const auto request = parseSpawnRequest(body, 300);
  INFO(body);
  REQUIRE_FALSE(request.ok());
  return request.error();
}

}  // namespace

TEST_CASE("spawn request: the original's four fields") {
  const auto request = parseSpawnRequest(R"({"image":"demo:1","port":3000,"env":{"A":"1","B":""},"gracePeriodSeconds":0})", 300);
  REQUIRE(request.ok());
  CHECK(request->parameters.image == "demo:1");
  CHECK(request->parameters.port == 3000);
  CHECK(request->parameters.env == std::map<std::string, std::string>{{"A", "1"}, {"B", ""}});
  CHECK(request->parameters.gracePeriodSeconds == 0U);
  CHECK(request->unknownFields.empty());
}

TEST_CASE("fault 09: a missing grace period is the default, never 0") {
  for (const char* body : {R"({"image":"x"})", R"({"image":"x","gracePeriodSeconds":null})"}) {
    const auto request = parseSpawnRequest(body, 300);
    REQUIRE(request.ok());
    CHECK(request->parameters.gracePeriodSeconds == 300U);
  }
}

TEST_CASE("spawn request: null is as good as absent for every optional field") {
  const auto request = parseSpawnRequest(
      R"({"image":"x","port":null,"env":null,"startupTimeoutSeconds":null,"maxLifetimeSeconds":null,"labels":null,"resources":null})", 300);
  REQUIRE(request.ok());
  CHECK_FALSE(request->parameters.port);
  CHECK_FALSE(request->parameters.maxLifetimeSeconds);
  CHECK(request->parameters.resourcesJson.empty());
}

TEST_CASE("spawn request: what the application speaks becomes an annotation") {
  const auto request = parseSpawnRequest(R"({"image":"x","upstreamProtocol":"h2c"})", 300);
  REQUIRE(request.ok());
  CHECK(request->parameters.annotations == std::map<std::string, std::string>{{"spawner.dev/upstream-protocol", "h2c"}});
}

TEST_CASE("spawn request: a wrong type or range is refused with the field's name") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({})", "image"},
      {R"({"image":null})", "image"},
      {R"({"image":7})", "image"},
      {R"({"image":""})", "image"},
      {R"({"image":"a b"})", "image"},
      {R"({"image":"x","upstreamProtocol":"http2"})", "upstreamProtocol"},
      {R"({"image":"x","upstreamProtocol":2})", "upstreamProtocol"},
      {R"({"image":"x","port":0})", "port"},
      {R"({"image":"x","port":65536})", "port"},
      {R"({"image":"x","port":-1})", "port"},
      {R"({"image":"x","port":80.5})", "port"},
      {R"({"image":"x","port":"80"})", "port"},
      {R"({"image":"x","port":true})", "port"},
      {R"({"image":"x","port":9090})", "9090"},
      {R"({"image":"x","gracePeriodSeconds":4294967296})", "gracePeriodSeconds"},
      {R"({"image":"x","gracePeriodSeconds":1e99})", "gracePeriodSeconds"},
      {R"({"image":"x","startupTimeoutSeconds":0})", "startupTimeoutSeconds"},
      {R"({"image":"x","maxLifetimeSeconds":0})", "maxLifetimeSeconds"},
      {R"({"image":"x","env":[]})", "env"},
      {R"({"image":"x","env":{"A":1}})", "env.A"},
      {R"({"image":"x","env":{"":"1"}})", "env"},
      {R"({"image":"x","env":{"A=B":"1"}})", "env"},
      {R"({"image":"x","env":{"A":"\u0000"}})", "env.A"},
      {R"({"image":"x","labels":{"a b":"1"}})", "labels"},
      {R"({"image":"x","labels":{"a":"not ok"}})", "labels.a"},
      {R"({"image":"x","labels":{"run":"other"}})", "labels.run"},
      {R"({"image":"x","labels":{"app.kubernetes.io/managed-by":"me"}})", "managed-by"},
      {R"({"image":"x","labels":{"spawner.dev/x":"me"}})", "spawner.dev/x"},
      {R"({"image":"x","resources":{"limit":{}}})", "resources.limit"},
      {R"({"image":"x","resources":{"limits":{"cpu":[]}}})", "resources.limits.cpu"},
      {R"({"image":"x","resources":{"limits":{"memory":"lots"}}})", "resources.limits.memory"},
      {R"({"image":"x","resources":{"limits":{"foo":"1"}}})", "resources.limits.foo"},
      {R"({"image":"x","resources":{"limits":{"cpu":1},"requests":{"cpu":2}}})", "resources.requests.cpu"},
      {R"({"image":"x","env":{"PORT":"1"}})", "field port"},
      {R"({"image":"x","env":{"SPAWNER_NAME":"x"}})", "env.SPAWNER_NAME"},
  };
  for (const auto& [body, field] : cases) {
    const Error refusal = refusalOf(body);
    INFO(body << " → " << refusal.message);
    CHECK(refusal.kind == ErrorKind::Invalid);
    CHECK(refusal.message.find(field) != std::string::npos);
  }
}

TEST_CASE("spawn request: what is no JSON object is refused as such, and never ends the process") {
  const std::string deep = R"({"image":"x","y":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  for (const std::string& body : {std::string(), std::string("{"), std::string("[]"), std::string("null"), std::string("\"image\""),
                                  std::string("{\"image\":\"\xff\"}"), deep, std::string("{\"image\":\"x\"} x"), std::string(200'000, '[')})
    CHECK(refusalOf(body).kind == ErrorKind::InvalidArgument);

  const std::string digits(400, '9');
  for (const std::string& body :
       {std::string(R"({"image":"x","z":1e999})"), std::string(R"({"image":"x","z":-1e999})"), R"({"image":"x","port":)" + digits + "}",
        R"({"image":)" + digits + "}", R"({"image":"x","y":[{"z":[)" + digits + "]}]}",
        std::string(R"({"image":"x","resources":{"limits":{"cpu":1e999}}})"), std::string("1e999")}) {
    const Error refusal = refusalOf(body);
    CHECK(refusal.kind == ErrorKind::InvalidArgument);
    CHECK(refusal.message == "a number in the body is too large: no double holds it");
  }
}

TEST_CASE("spawn request: unknown fields are named, not refused") {
  const auto request = parseSpawnRequest(R"({"image":"x","zeta":1,"Image":"y"})", 300);
  REQUIRE(request.ok());
  CHECK(request->unknownFields == std::vector<std::string>{"Image", "zeta"});
  CHECK(refusalOf(R"({"imag\u00e9\n":"x"})").message == "image is required: the name of a container image; \"imag???\" is no field");
  CHECK(refusalOf(R"({"port":1})").message == "image is required: the name of a container image");
}

TEST_CASE("spawn request: equal requests have equal hashes, whatever their spelling") {
  const auto hash = [](const char* body) { return parseSpawnRequest(body, 300)->bodyHash; };
  CHECK(hash(R"({"image":"x","port":1})") == hash(R"({ "port" : 1, "image" : "x" })"));
  CHECK(hash(R"({"image":"x","port":1})") != hash(R"({"image":"x","port":2})"));
}

TEST_CASE("spawn request: the warning is one field value whatever the name is") {
  CHECK(api::unknownFieldWarning("x") == R"(299 - "unknown field \"x\"")");
  CHECK(api::unknownFieldWarning("a\"b") == R"(299 - "unknown field \"a\\\"b\"")");
  const std::string nasty = api::unknownFieldWarning("a\r\nSet-Cookie: b\xc3\xa9" + std::string(5000, 'x'));
  CHECK(nasty.find_first_of("\r\n") == std::string::npos);
  CHECK(nasty.size() < 200);
}

TEST_CASE("labels: Kubernetes' syntax") {
  for (const char* key : {"a", "A-b_c.d", "example.org/name", "0"}) CHECK(api::isLabelKey(key));
  for (const char* key : {"", "-a", "a-", "a/b/c", "/a", "a/", "Upper.org/a", "a b"}) CHECK_FALSE(api::isLabelKey(key));
  CHECK_FALSE(api::isLabelKey(std::string(64, 'a')));
  CHECK(api::isLabelValue(""));
  CHECK_FALSE(api::isLabelValue("a/b"));
  CHECK(api::isReservedLabel("x.kubernetes.io/y"));
  CHECK_FALSE(api::isReservedLabel("mykubernetes.io/y"));
}
