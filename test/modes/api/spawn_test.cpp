// POST /spawn: one object for one request, whatever answers get lost.
#include "modes/api/spawn.hpp"

#include <set>

#include "base/text.hpp"
#include "modes/api/fixture.hpp"

using namespace spawner;
using namespace spawner::test;

namespace {

TransportResponse quotaRefusal() {
  const Json status = {{"kind", "Status"},
                       {"status", "Failure"},
                       {"reason", "Forbidden"},
                       {"message", "forbidden: exceeded quota: sessions"},
                       {"code", 403}};
  return {403, {{"content-type", "application/json"}}, status.dump()};
}

http::Headers keyed(const std::string& key) {
  http::Headers headers = ApiFixture::json();
  headers.add("Idempotency-Key", key);
  return headers;
}

bool says(const AnswerPtr& answer, const std::string& words) {
  return ApiFixture::body(answer)["detail"].get<std::string>().find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("spawn: the answer is the original's, byte for byte, with null where nothing is known") {
  ApiFixture api;
  api.begin();
  const AnswerPtr answer = api.spawn(R"({"image":"demo"})");
  REQUIRE(answer->status() == 200);
  const std::string object = api.store.objects.begin()->first;
  const std::string name = object.substr(8);
  CHECK(object.starts_with("spawner-"));
  CHECK(answer->response->body == R"({"url":null,"name":")" + name + R"(","readyUrl":null,"statusUrl":null})");
  CHECK(answer->header("Content-Type").starts_with("application/json"));
}

TEST_CASE("spawn: URLs come from template and base") {
  api::Options options;
  options.urlTemplate = "https://{}.example.org/x/{}";
  options.apiServerBase = "https://example.org/api/";
  options.servicePrefix = "s-";
  ApiFixture api(options);
  api.begin();
  const Json body = ApiFixture::body(api.spawn(R"({"image":"demo"})"));
  const std::string name = body["name"];
  CHECK(api.store.objects.contains("s-" + name));
  CHECK(body["url"] == "https://" + name + ".example.org/x/" + name);
  CHECK(body["readyUrl"] == "https://example.org/api/backend/" + name + "/ready");
  CHECK(body["statusUrl"] == "https://example.org/api/backend/" + name + "/status");
}

TEST_CASE("spawn: what was asked for is in the object") {
  ApiFixture api;
  api.begin();
  const std::string asked = toRfc3339Micro(api.loop.wallNow());
  REQUIRE(api.spawn(R"({"image":"demo:2","port":3000,"env":{"A":"1"},"maxLifetimeSeconds":60,"labels":{"team":"x"},)"
                    R"("resources":{"limits":{"memory":"64Mi"}}})")
              ->status() == 200);
  const Json& object = api.onlyObject();
  const Json& container = object["spec"]["template"]["containers"][0];
  CHECK(container["image"] == "demo:2");
  CHECK(container["resources"]["limits"]["memory"] == "64Mi");
  CHECK(object["spec"]["httpPort"] == 3000);
  CHECK(object["spec"]["gracePeriodSeconds"] == 300);
  CHECK(object["spec"]["maxLifetimeSeconds"] == 60);
  CHECK(object["metadata"]["labels"]["team"] == "x");
  CHECK(object["metadata"]["annotations"].contains("spawner.dev/spawn-id"));
  const auto submitted = object["metadata"]["annotations"]["spawner.dev/submitted-at"].get<std::string>();
  CHECK(asked <= submitted);
  CHECK(submitted <= toRfc3339Micro(api.loop.wallNow()));
}

TEST_CASE("spawn: only JSON that says so") {
  ApiFixture api;
  api.begin();
  for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "multipart/form-data"}) {
    http::Headers headers;
    if (*type != '\0') headers.add("Content-Type", type);
    const AnswerPtr answer = api.spawn(R"({"image":"demo"})", headers);
    INFO(type);
    CHECK(answer->status() == 415);
    CHECK(answer->header("Content-Type") == "application/problem+json");
    CHECK(answer->header("Access-Control-Allow-Origin").empty());
  }
  http::Headers headers;
  headers.add("Content-Type", "Application/JSON; charset=utf-8");
  CHECK(api.spawn(R"({"image":"demo"})", headers)->status() == 200);
  CHECK(api.store.objects.size() == 1);
}

TEST_CASE("fault 12: a bad body is a problem that names the field") {
  ApiFixture api;
  api.begin();
  const AnswerPtr syntax = api.spawn("{");
  CHECK(syntax->status() == 400);
  const AnswerPtr value = api.spawn(R"({"image":"x","port":"http"})");
  CHECK(value->status() == 422);
  const Json body = ApiFixture::body(value);
  CHECK(body["status"] == 422);
  CHECK(body["detail"].get<std::string>().find("port") != std::string::npos);
  CHECK(api.store.posts == 0);
}

TEST_CASE("spawn: unknown fields are warned of, refused under Strict, and passed over in silence under Ignore") {
  ApiFixture api;
  api.begin();
  const std::string body = R"({"image":"x","typo":1})";
  CHECK(api.spawn(body)->header("Warning") == R"(299 - "unknown field \"typo\"")");
  const AnswerPtr strict = api.spawn(body, ApiFixture::json(), "?fieldValidation=Strict");
  CHECK(strict->status() == 400);
  CHECK(ApiFixture::body(strict)["detail"].get<std::string>().find("typo") != std::string::npos);
  CHECK_FALSE(api.spawn(body, ApiFixture::json(), "?fieldValidation=Ignore")->response->headers.has("Warning"));
  CHECK(api.spawn(body, ApiFixture::json(), "?fieldValidation=Perhaps")->status() == 400);
  CHECK(api.store.objects.size() == 2);
}

TEST_CASE("spawn: names are DNS labels that do not repeat; without a prefix they begin with a letter") {
  const auto random = systemRandom();
  std::set<std::string> seen;
  for (int i = 0; i < 2000; ++i) {
    const std::string bare = api::randomName("", *random);
    CHECK(isDns1035Label(bare));
    CHECK(bare.size() == 12);
    seen.insert(api::randomName("spawner-", *random));
    CHECK(isDns1035Label(api::keyedName("", "key " + std::to_string(i))));
  }
  CHECK(seen.size() == 2000);
}

TEST_CASE("spawn: a POST whose answer was lost is repeated under the same name: one object, one answer") {
  const std::uint64_t seed = GENERATE(1, 2, 3, 4, 5);
  ApiFixture api({}, seed);
  api.begin();
  api.store.loseAnswers = 2;
  const AnswerPtr answer = api.send("POST", "/spawn", R"({"image":"demo"})", ApiFixture::json());
  REQUIRE(api.loop.runUntil([&] { return answer->status() != 0; }, 20s));
  CHECK(answer->status() == 200);
  CHECK(api.store.objects.size() == 1);
  CHECK("spawner-" + ApiFixture::body(answer)["name"].get<std::string>() == api.store.objects.begin()->first);
}

TEST_CASE("spawn: a lost answer whose object is gone again is repeated as well") {
  ApiFixture api;
  api.begin();
  api.store.loseAnswers = 1;
  const AnswerPtr answer = api.send("POST", "/spawn", R"({"image":"demo"})", ApiFixture::json());
  REQUIRE(api.loop.runUntil([&] { return api.store.objects.size() == 1; }, 1s));
  api.store.erase(api.store.objects.begin()->first);
  REQUIRE(api.loop.runUntil([&] { return answer->status() != 0; }, 20s));
  CHECK(answer->status() == 200);
  CHECK(api.store.objects.size() == 1);
}

TEST_CASE("spawn: an API server that is away is 503 with Retry-After, within the limit, and says what is not known") {
  ApiFixture api;
  api.begin();
  api.store.away = true;
  const TimePoint begun = api.loop.now();
  const AnswerPtr answer = api.send("POST", "/spawn", R"({"image":"demo"})", ApiFixture::json());
  REQUIRE(api.loop.runUntil([&] { return answer->status() != 0; }, 60s));
  CHECK(api.loop.now() - begun <= 20s);
  CHECK(answer->status() == 503);
  CHECK(answer->header("Retry-After") == "1");
  CHECK(api.store.posts > 2);
}

TEST_CASE("spawn: refusals of Kubernetes keep their meaning") {
  ApiFixture api;
  api.begin();
  const auto refused = [&](int code, const std::string& reason, const std::string& message) {
    const Json status = {{"kind", "Status"}, {"status", "Failure"}, {"reason", reason}, {"message", message}, {"code", code}};
    api.store.refuse = TransportResponse{code, {{"content-type", "application/json"}}, status.dump()};
    return api.spawn(R"({"image":"demo"})");
  };
  const AnswerPtr quota = refused(403, "Forbidden", "forbidden: exceeded quota: sessions");
  CHECK(quota->status() == 503);
  CHECK(ApiFixture::body(quota)["reason"] == "QuotaExceeded");
  CHECK(refused(403, "Forbidden", "cannot create")->status() == 500);
  CHECK(refused(422, "Invalid", "spec.httpPort: must not be 1")->status() == 422);
  CHECK(refused(404, "NotFound", "the server could not find the requested resource")->status() == 500);
  CHECK(api.store.objects.empty());
}

TEST_CASE("spawn: an Idempotency-Key makes one session, through any replica") {
  ApiFixture api;
  api.begin();
  api.begin();
  http::Headers headers = ApiFixture::json();
  headers.add("Idempotency-Key", "9f6c1a52-order-17");
  const AnswerPtr first = api.ask("POST", "/spawn", R"({"image":"demo"})", headers, 0);
  const AnswerPtr second = api.ask("POST", "/spawn", R"({ "image" : "demo" })", headers, 1);
  REQUIRE(first->status() == 200);
  REQUIRE(second->status() == 200);
  CHECK(first->response->body == second->response->body);
  CHECK(api.store.objects.size() == 1);

  const AnswerPtr other = api.ask("POST", "/spawn", R"({"image":"another"})", headers, 1);
  CHECK(other->status() == 409);
  CHECK(api.store.objects.size() == 1);

  http::Headers bad = ApiFixture::json();
  bad.add("Idempotency-Key", std::string(256, 'k'));
  CHECK(api.spawn(R"({"image":"demo"})", bad)->status() == 400);
}

TEST_CASE("spawn: a repeat with the same key finds its session, also where a full quota refuses the POST") {
  ApiFixture api;
  api.begin();
  const AnswerPtr first = api.spawn(R"({"image":"demo"})", keyed("k"));
  REQUIRE(first->status() == 200);
  api.store.refuse = quotaRefusal();
  const AnswerPtr second = api.spawn(R"({"image":"demo"})", keyed("k"));
  CHECK(second->status() == 200);
  CHECK(second->response->body == first->response->body);

  api.store.refuse = quotaRefusal();
  CHECK(api.spawn(R"({"image":"another"})", keyed("k"))->status() == 409);

  api.store.refuse = quotaRefusal();
  const AnswerPtr none = api.spawn(R"({"image":"demo"})", keyed("of no session"));
  CHECK(none->status() == 503);
  CHECK(ApiFixture::body(none)["reason"] == "QuotaExceeded");
  CHECK(says(none, "could not be made"));
}

TEST_CASE("spawn: a lost answer whose repeat is refused is looked up") {
  ApiFixture api;
  api.begin();
  api.store.loseAnswers = 1;
  const AnswerPtr answer = api.send("POST", "/spawn", R"({"image":"demo"})", ApiFixture::json());
  REQUIRE(api.loop.runUntil([&] { return api.store.objects.size() == 1; }, 1s));
  api.store.refuse = quotaRefusal();
  const bool gone = GENERATE(false, true);
  if (gone) api.store.erase(api.store.objects.begin()->first);
  REQUIRE(api.loop.runUntil([&] { return answer->status() != 0; }, 20s));
  CHECK(api.store.posts == 2);
  if (gone) {
    CHECK(answer->status() == 503);
    CHECK(ApiFixture::body(answer)["reason"] == "QuotaExceeded");
  } else {
    CHECK(answer->status() == 200);
    CHECK("spawner-" + ApiFixture::body(answer)["name"].get<std::string>() == api.store.objects.begin()->first);
  }
}

TEST_CASE("spawn: a refusal whose look-up fails does not say that nothing was made") {
  ApiFixture api;
  api.begin();
  api.store.refuse = quotaRefusal();
  const AnswerPtr answer = api.send("POST", "/spawn", R"({"image":"demo"})", keyed("k"));
  REQUIRE(api.loop.runUntil([&] { return api.store.posts == 1; }, 1s));
  api.store.away = true;
  REQUIRE(api.loop.runUntil([&] { return answer->status() != 0; }, 60s));
  CHECK(answer->status() == 503);
  CHECK(says(answer, "it is not known whether the session was made"));
}

TEST_CASE("spawn: an error of the server may hide a session that was made") {
  const bool server = GENERATE(true, false);
  api::Options options;
  options.spawnTimeoutSeconds = 0;  // no repeat
  ApiFixture api(options);
  api.begin();
  api.store.refuse = TransportResponse{server ? 500 : 429, {}, "no"};
  const AnswerPtr answer = api.spawn(R"({"image":"demo"})");
  CHECK(answer->status() == 503);
  CHECK(says(answer, server ? "it is not known whether the session was made" : "the session could not be made"));
}

TEST_CASE("spawn: a key whose name belongs to somebody else's object is a conflict") {
  ApiFixture api;
  api.begin();
  api.store.add(api::keyedName("spawner-", "k"));
  http::Headers headers = ApiFixture::json();
  headers.add("Idempotency-Key", "k");
  CHECK(api.spawn(R"({"image":"demo"})", headers)->status() == 409);
}

TEST_CASE("spawn: a client that leaves takes its repeats with it") {
  ApiFixture api;
  api.begin();
  api.store.away = true;
  const AnswerPtr answer = api.send("POST", "/spawn", R"({"image":"demo"})", ApiFixture::json());
  api.loop.runFor(300ms);
  answer->leave();
  const int posts = api.store.posts;
  api.loop.runFor(30s);
  CHECK(api.store.posts == posts);
  CHECK(answer->dropped);
}

TEST_CASE("spawn: requests that wait for Kubernetes are bounded") {
  api::Options options;
  options.maxRequests = 2;
  ApiFixture api(options);
  api.begin();
  api.store.away = true;
  const AnswerPtr first = api.send("POST", "/spawn", R"({"image":"demo"})", ApiFixture::json());
  const AnswerPtr second = api.send("POST", "/spawn", R"({"image":"demo"})", ApiFixture::json());
  const AnswerPtr third = api.spawn(R"({"image":"demo"})");
  CHECK(first->status() == 0);
  CHECK(third->status() == 503);
  CHECK(third->header("Retry-After") == "1");
  second->leave();
  CHECK(api.send("POST", "/spawn", R"({"image":"demo"})", ApiFixture::json())->status() == 0);
}

TEST_CASE("fault 13: replicas share nothing, and a spawn costs one request to Kubernetes") {
  ApiFixture api;
  api.begin();
  api.begin();
  const int lists = api.store.lists;
  for (std::size_t i = 0; i < 10; ++i)
    REQUIRE(api.ask("POST", "/spawn", R"({"image":"demo"})", ApiFixture::json(), i % 2)->status() == 200);
  CHECK(api.store.posts == 10);
  CHECK(api.store.gets == 0);
  CHECK(api.store.lists == lists);
  CHECK(api.store.watches == 2);
}
