// GET and DELETE: status, ready, list, detail, ends, and what is not there.
#include "modes/api/fixture.hpp"

using namespace spawner;
using namespace spawner::test;

namespace {

const Json readyStatus = {{"ready", true},
                          {"running", true},
                          {"podIP", "10.1.2.3"},
                          {"nodeName", "n1"},
                          {"url", "http://spawner-x.spawner:9090/"},
                          {"stateTimes", {{"running", "2026-01-01T00:00:01.000000Z"}, {"ready", "2026-01-01T00:00:02.000000Z"}}}};
const Json idleStatus = {{"swept", true},
                         {"stateTimes", {{"swept", "2026-01-01T00:10:00.000000Z"}}},
                         {"end", {{"reason", "Idle"}, {"message", "It was not used for 300 s."}, {"time", "2026-01-01T00:10:00.000000Z"}}}};

}  // namespace

TEST_CASE("status: the newest change of state, in the original's form") {
  ApiFixture api;
  api.store.add("spawner-x", {{"status", readyStatus}});
  api.begin();
  const AnswerPtr answer = api.get("/backend/x/status");
  CHECK(answer->status() == 200);
  CHECK(answer->response->body == R"({"state":"Ready","time":"2026-01-01T00:00:02.000000Z"})");
}

TEST_CASE("ready: 409 while it is not, 302 to the URL when it is, 410 with the reason after the end, 404 when there is none") {
  api::Options options;
  options.urlTemplate = "http://{}.example.org/";
  ApiFixture api(options);
  api.store.add("spawner-x");
  api.begin();
  const AnswerPtr early = api.get("/backend/x/ready");
  CHECK(early->status() == 409);
  CHECK(ApiFixture::body(early)["reason"] == "NotReady");

  api.store.setStatus("spawner-x", readyStatus);
  api.settle();
  const AnswerPtr ready = api.get("/backend/x/ready");
  CHECK(ready->status() == 302);
  CHECK(ready->header("Location") == "http://x.example.org/");

  api.store.setStatus("spawner-x", idleStatus);
  api.settle();
  const AnswerPtr over = api.get("/backend/x/ready");
  CHECK(over->status() == 410);
  CHECK(ApiFixture::body(over)["reason"] == "Idle");
  CHECK(ApiFixture::body(over)["detail"] == "It was not used for 300 s.");

  api.store.erase("spawner-x");
  api.settle();
  CHECK(api.get("/backend/x/ready")->status() == 410);
  CHECK(api.get("/backend/nobody/ready")->status() == 404);
}

TEST_CASE("ready: without a template it goes to the in-cluster URL, as in the original") {
  ApiFixture api;
  api.store.add("spawner-x", {{"status", readyStatus}});
  api.begin();
  CHECK(api.get("/backend/x/ready")->header("Location") == "http://spawner-x.spawner:9090/");
}

TEST_CASE("ready: a browser gets a page that waits, and pages that say why") {
  ApiFixture api;
  api.store.add("spawner-x");
  api.begin();
  const AnswerPtr waiting = api.ask("GET", "/backend/x/ready", "", ApiFixture::browser());
  CHECK(waiting->status() == 409);
  CHECK(waiting->header("Content-Type").starts_with("text/html"));
  CHECK(waiting->response->body.find("data-stream=\"status/stream\"") != std::string::npos);
  CHECK(waiting->header("Content-Security-Policy").find("default-src 'none'") != std::string::npos);
  api.store.setStatus("spawner-x", {{"failed", true}, {"end", {{"reason", "OOMKilled"}, {"message", "<b>boom</b>"}}}});
  api.settle();
  const AnswerPtr failed = api.ask("GET", "/backend/x/ready", "", ApiFixture::browser());
  CHECK(failed->status() == 410);
  CHECK(failed->response->body.find("&lt;b&gt;boom") != std::string::npos);
  CHECK(failed->response->body.find("<b>boom") == std::string::npos);
  CHECK(api.ask("GET", "/backend/nobody/ready", "", ApiFixture::browser())->header("Content-Type").starts_with("text/html"));
}

TEST_CASE("a session spawned through one replica is seen through another at once") {
  ApiFixture api;
  api.begin();
  api.begin();
  api.store.silentWatch = true;  // the other's watch lags
  const Json spawned = ApiFixture::body(api.spawn(R"({"image":"demo"})"));
  const std::string path = "/backend/" + spawned["name"].get<std::string>() + "/status";
  CHECK(api.ask("GET", path, "", {}, 1)->status() == 200);
  CHECK(api.store.gets == 1);
  CHECK(api.ask("GET", path, "", {}, 1)->status() == 200);
  CHECK(api.store.gets == 1);
}

TEST_CASE("look-ups of unknown names are joined, cached for a second, and limited") {
  api::Options options;
  options.lookupsPerSecond = 5;
  ApiFixture api(options);
  api.begin();
  const AnswerPtr one = api.send("GET", "/backend/nobody/status");
  const AnswerPtr two = api.send("GET", "/backend/nobody/status");
  api.settle();
  CHECK(one->status() == 404);
  CHECK(two->status() == 404);
  CHECK(api.store.gets == 1);
  CHECK(api.get("/backend/nobody/status")->status() == 404);
  CHECK(api.store.gets == 1);
  api.loop.runFor(1s);
  CHECK(api.get("/backend/nobody/status")->status() == 404);
  CHECK(api.store.gets == 2);
  CHECK(api.get("/backend/NOT%2FA..NAME/status")->status() == 404);
  CHECK(api.store.gets == 2);

  int refused = 0;
  for (int i = 0; i < 100; ++i) {
    const AnswerPtr answer = api.send("GET", "/backend/n" + std::to_string(i) + "/status");
    api.loop.runFor(1us);
    if (answer->status() == 503) ++refused;
    answer->leave();
  }
  CHECK(api.store.gets <= 13);
  CHECK(refused >= 85);
}

TEST_CASE("a look-up when Kubernetes is away is 503, not 404") {
  ApiFixture api;
  api.begin();
  api.store.away = true;
  const AnswerPtr answer = api.get("/backend/unknown/status");
  CHECK(answer->status() == 503);
  CHECK(answer->response->headers.has("Retry-After"));
}

TEST_CASE("ends are remembered for ten minutes, and no more of them than allowed") {
  api::Options options;
  options.rememberEndsMax = 3;
  ApiFixture api(options);
  for (int i = 0; i < 5; ++i) api.store.add("spawner-s" + std::to_string(i));
  api.begin();
  for (int i = 0; i < 5; ++i) {
    api.store.setStatus("spawner-s" + std::to_string(i), idleStatus);
    api.store.erase("spawner-s" + std::to_string(i));
    api.settle();
  }
  CHECK(api.get("/backend/s0/status")->status() == 404);
  CHECK(api.get("/backend/s1/status")->status() == 404);
  CHECK(ApiFixture::body(api.get("/backend/s4/status"))["state"] == "Swept");
  api.loop.runFor(9min);
  CHECK(api.get("/backend/s4/status")->status() == 200);
  api.loop.runFor(1min);
  CHECK(api.get("/backend/s4/status")->status() == 404);
}

TEST_CASE("an object deleted without an end has ended as Deleted") {
  ApiFixture api;
  api.store.add("spawner-x", {{"status", readyStatus}});
  api.begin();
  api.store.erase("spawner-x");
  api.settle();
  const Json body = ApiFixture::body(api.get("/backend/x/status"));
  CHECK(body["state"] == "Swept");
  CHECK(body["reason"] == "Deleted");
  std::map<std::string, std::string> conditions;
  const Json detail = ApiFixture::body(api.get("/backend/x"));
  CHECK(detail["image"] == "demo");
  for (const Json& condition : detail["conditions"]) conditions[condition["type"]] = condition["status"];
  CHECK(conditions == std::map<std::string, std::string>{{"Ready", "False"}, {"Finished", "True"}});
}

TEST_CASE("a name that is used again is the new session") {
  ApiFixture api;
  api.store.add("spawner-x", {{"status", readyStatus}});
  api.begin();
  api.store.erase("spawner-x");
  api.settle();
  api.store.add("spawner-x");
  api.settle();
  CHECK(ApiFixture::body(api.get("/backend/x/status"))["state"] == "Submitted");
}

TEST_CASE("fault 12: list, in pages; objects of others are not in it") {
  ApiFixture api;
  for (const char* name : {"other", "spawner-a", "spawner-b", "spawner-c", "zeta"}) api.store.add(name);
  api.store.setStatus("spawner-b", readyStatus);
  api.begin();
  const Json all = ApiFixture::body(api.get("/backends"));
  REQUIRE(all["items"].size() == 3);
  CHECK(all["continue"].is_null());
  CHECK(all["items"][1]["name"] == "b");
  CHECK(all["items"][1]["state"] == "Ready");
  CHECK(all["items"][1]["node"] == "n1");
  const Json first = ApiFixture::body(api.get("/backends?limit=2"));
  CHECK(first["items"].size() == 2);
  const Json second = ApiFixture::body(api.get("/backends?limit=2&continue=" + first["continue"].get<std::string>()));
  REQUIRE(second["items"].size() == 1);
  CHECK(second["items"][0]["name"] == "c");
  CHECK(second["continue"].is_null());
  CHECK(api.get("/backends?limit=0")->status() == 400);
  CHECK(api.get("/backends?limit=x")->status() == 400);
}

TEST_CASE("fault 12: detail tells all that is known, the end too") {
  ApiFixture api;
  api.store.add("spawner-x", {{"status", readyStatus}, {"metadata", {{"labels", {{"team", "blue"}}}}}});
  api.begin();
  Json body = ApiFixture::body(api.get("/backend/x"));
  CHECK(body["image"] == "demo");
  CHECK(body["labels"]["team"] == "blue");
  CHECK(body["states"].size() == 5);
  CHECK(body["end"].is_null());
  api.store.setStatus(
      "spawner-x",
      {{"failed", true}, {"end", {{"reason", "Error"}, {"message", "exit 3"}, {"exitCode", 3}, {"time", "2026-01-01T01:00:00Z"}}}});
  api.settle();
  body = ApiFixture::body(api.get("/backend/x"));
  CHECK(body["state"] == "Failed");
  CHECK(body["end"]["exitCode"] == 3);
  CHECK(body["end"]["signal"].is_null());
  CHECK(body["end"]["reason"] == "Error");
}

TEST_CASE("fault 12: delete removes the object, this incarnation of it, once") {
  ApiFixture api;
  api.store.add("spawner-x");
  api.begin();
  const AnswerPtr answer = api.ask("DELETE", "/backend/x");
  CHECK(answer->status() == 202);
  CHECK(api.store.objects.empty());
  CHECK(Json::parse(api.store.lastBody)["preconditions"]["uid"] == "uid-1");
  CHECK(api.ask("DELETE", "/backend/x")->status() == 410);
  CHECK(api.ask("DELETE", "/backend/nobody")->status() == 404);
  api.store.add("spawner-y");
  api.settle();
  api.store.away = true;
  CHECK(api.ask("DELETE", "/backend/y")->status() == 503);
}

TEST_CASE("delete never ends a session that was made anew behind our back") {
  ApiFixture api;
  api.store.add("spawner-x");
  api.begin();
  api.store.silentWatch = true;
  api.store.erase("spawner-x");
  api.store.add("spawner-x");
  CHECK(api.ask("DELETE", "/backend/x")->status() == 409);
  CHECK(api.store.objects.size() == 1);
}

TEST_CASE("fault 12: wrong paths and methods are answered as such") {
  ApiFixture api;
  api.begin();
  const AnswerPtr nothing = api.get("/nothing");
  CHECK(nothing->status() == 404);
  CHECK(nothing->header("Content-Type") == "application/problem+json");
  const AnswerPtr method = api.ask("GET", "/spawn");
  CHECK(method->status() == 405);
  CHECK(method->header("Allow").find("POST") != std::string::npos);
  CHECK(api.ask("OPTIONS", "/backend/x")->header("Allow").find("DELETE") != std::string::npos);
  CHECK(api.ask("HEAD", "/backends")->status() == 200);
  CHECK(api.get("/healthz")->status() == 200);
  CHECK(api.get("/readyz")->status() == 200);
  CHECK(Json::parse(api.get("/openapi.json")->response->body)["paths"].size() == 6);
  CHECK(api.get("/metrics")->response->body.find("spawner_api_spawns_total") != std::string::npos);
}

TEST_CASE("before the first list: not ready, and a list would be a lie") {
  ApiFixture api;
  api.store.away = true;
  api.api.push_back(std::make_unique<api::Api>(role::Context{api.loop, api.store, *api.random, Logger(), api.metrics}, api.options));
  api.api.back()->start();
  api.settle();
  CHECK(api.get("/healthz")->status() == 200);
  CHECK(api.get("/readyz")->status() == 503);
  CHECK(api.get("/backends")->status() == 503);
  CHECK_FALSE(api.api.back()->ready());
}

TEST_CASE("a host name that is not allowed is refused with an explanation; probes are not") {
  api::Options options;
  options.allowedHosts = {"localhost", "127.0.0.1", "*.localhost"};
  ApiFixture api(options);
  api.begin();
  const auto from = [&](const std::string& host, const std::string& path) {
    http::Headers headers;
    headers.add("Host", host);
    return api.ask("GET", path, "", headers);
  };
  CHECK(from("localhost:8080", "/backends")->status() == 200);
  CHECK(from("a.localhost", "/backends")->status() == 200);
  CHECK(from("rebound.example.org:8080", "/backends")->status() == 421);
  CHECK(ApiFixture::body(from("rebound.example.org", "/backends"))["detail"].get<std::string>().find("--allowed-hosts") !=
        std::string::npos);
  CHECK(from("10.1.2.3:8080", "/healthz")->status() == 200);
}
