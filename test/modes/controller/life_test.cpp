// A session's life as the controller sees it, counted in requests.
#include "fixture.hpp"

using namespace spawner;
using namespace spawner::test;

TEST_CASE("from object to Ready and to its end: exactly the requests that the design counts") {
  Cluster c;
  c.kubeletDelay = std::chrono::milliseconds(GENERATE(1, 10, 100, 1000));
  c.startReadyController();
  c.kube.asked.clear();
  c.createSlab("spawner-a");
  c.reachState("spawner-a", State::Scheduled);
  c.loop.runFor(c.kubeletDelay + 2s);  // the application takes its time
  CHECK(c.sayReady("spawner-a") == 200);
  c.loop.runFor(60s);
  const auto slab = c.slab("spawner-a");
  REQUIRE(slab);
  CHECK(slab->state() == State::Ready);
  CHECK(slab->status.phase == "Ready");
  CHECK(slab->status.observedGeneration == 1);
  CHECK(slab->status.ip == c.service("spawner-a")["spec"]["clusterIP"]);
  CHECK(slab->status.url == "http://spawner-a.spawner:9090/");
  CHECK(slab->status.podUid == c.pod("spawner-a")["metadata"]["uid"]);
  CHECK(c.kube.count("POST", "/services") == 1);
  CHECK(c.kube.count("POST", "/pods") == 1);
  CHECK(c.kube.count("PATCH", "/status") == 1);  // patch A; patch R is the sweeper's and leaves nothing to mend
  CHECK(c.kube.count("POST", "/events") == 1);
  CHECK(c.kube.asked.size() == 4);
  CHECK(c.events("spawner-a") == std::vector<std::string>{"Scheduled"});

  c.kube.asked.clear();
  CHECK(c.saySwept("spawner-a") == 200);
  c.eventually("all is gone", [&] { return !c.slab("spawner-a") && c.pod("spawner-a").is_null() && c.service("spawner-a").is_null(); });
  c.loop.runFor(60s);
  CHECK(c.kube.count("DELETE", "/sessionlivedbackends/spawner-a") == 1);
  CHECK(c.kube.asked.size() == 1);
}

TEST_CASE("the pod carries the public half of the one admin key, and what the sweeper needs") {
  Cluster c;
  c.startReadyController();
  const Json secret = c.ask("GET", "/api/v1/namespaces/spawner-system/secrets/spawner-admin-key");
  REQUIRE(secret["_status"] == 200);
  c.createSlab("spawner-a", {{"gracePeriodSeconds", 77}});
  c.reachState("spawner-a", State::Scheduled);
  const auto keyOf = [&](const std::string& name) {
    const Json pod = c.pod(name);
    for (const Json& arg : pod["spec"]["initContainers"][0]["args"])
      if (arg.get<std::string>().starts_with("--admin-key=")) return arg.get<std::string>();
    return std::string();
  };
  const std::string key = keyOf("spawner-a");
  CHECK(key.size() > 30);
  const auto secretText = base64Decode(secret["data"]["admin.key"].get<std::string>());
  REQUIRE(secretText);
  CHECK(c.pod("spawner-a").dump().find(secretText->substr(0, 20)) == std::string::npos);
  CHECK(c.pod("spawner-a")["metadata"]["annotations"]["spawner.dev/grace-period-seconds"] == "77");
  c.controllers.clear();  // crash
  c.startReadyController();
  c.createSlab("spawner-b");
  c.reachState("spawner-b", State::Scheduled);
  CHECK(keyOf("spawner-b") == key);
  for (const std::string& line : c.log->lines) CHECK(line.find(secret["data"]["admin.key"].get<std::string>()) == std::string::npos);
}

TEST_CASE("the start waits for the admin key, and says so") {
  Cluster c;
  Json bad = Json::parse(R"({"metadata":{"name":"spawner-admin-key"},"data":{"admin.key":"bm90IGEga2V5"}})");
  const std::string path = "/api/v1/namespaces/spawner-system/secrets";
  REQUIRE(c.ask("POST", path, bad.dump())["_status"] == 201);
  c.startController();
  c.createSlab("spawner-a");
  c.loop.runFor(30s);
  CHECK_FALSE(c.controllers.back()->ready());
  CHECK(c.pod("spawner-a").is_null());
  const bool told =
      std::any_of(c.log->lines.begin(), c.log->lines.end(), [](const std::string& l) { return l.find("delete it") != std::string::npos; });
  CHECK(told);
  c.ask("DELETE", path + "/spawner-admin-key");
  c.reachState("spawner-a", State::Scheduled, 60s);
}

TEST_CASE("the sidecar's mode follows the server's version") {
  const auto [version, native] = GENERATE(table<std::string, bool>({{"v1.31.9", false}, {"v1.32.0", true}, {"v1.40.1", true}}));
  cluster::ApiServerOptions server;
  server.gitVersion = version;
  Cluster c(1, server);
  c.startReadyController();
  c.createSlab("spawner-a");
  c.reachState("spawner-a", State::Scheduled);
  CHECK(c.pod("spawner-a")["spec"].contains("initContainers") == native);
  CHECK(c.pod("spawner-a")["spec"]["containers"].size() == (native ? 1 : 2));
}

TEST_CASE("a longer grace period reaches the pod; an edited template is told and ignored") {
  Cluster c;
  c.startReadyController();
  c.createSlab("spawner-a");
  c.reachState("spawner-a", State::Scheduled);
  c.sayReady("spawner-a");
  c.ask("PATCH", Cluster::slabPath("spawner-a"), R"({"spec":{"gracePeriodSeconds":900}})");
  c.eventually("the pod's annotation follows",
               [&] { return c.pod("spawner-a")["metadata"]["annotations"]["spawner.dev/grace-period-seconds"] == "900"; });
  c.ask("PATCH", Cluster::slabPath("spawner-a"), R"({"spec":{"template":{"containers":[{"name":"my-app","image":"other"}]}}})");
  c.eventually("SpecIgnored", [&] {
    const auto slab = c.slab("spawner-a");
    return !slab->status.conditions.empty() && slab->status.conditions.back().type == "SpecIgnored";
  });
  c.loop.runFor(60s);
  CHECK(c.slab("spawner-a")->status.observedGeneration == 3);
  CHECK(c.pod("spawner-a")["spec"]["containers"][0]["image"] == "demo");
  CHECK(c.state("spawner-a") == State::Ready);
}

TEST_CASE("services: headless and none") {
  Cluster c;
  c.options.service = GENERATE("headless", "none");
  c.startReadyController();
  c.createSlab("spawner-a");
  c.reachState("spawner-a", State::Scheduled);
  if (c.options.service == "none")
    CHECK(c.service("spawner-a").is_null());
  else
    CHECK(c.service("spawner-a")["spec"]["clusterIP"] == "None");
  CHECK(c.slab("spawner-a")->status.ip.empty());
  if (c.options.service == "none") c.eventually("URL", [&] { return c.slab("spawner-a")->status.url == "http://10.1.0.9:9090/"; });
}

TEST_CASE("without a sweeper a session runs on, and Running is stated") {
  Cluster c;
  c.startReadyController();
  c.createSlab("spawner-a", {{"startupTimeoutSeconds", 30}});
  c.reachState("spawner-a", State::Running);
  c.loop.runFor(1s);
  CHECK(c.events("spawner-a") == std::vector<std::string>{"Scheduled", "Running"});
  c.loop.runFor(24h);
  CHECK(c.state("spawner-a") == State::Running);
}

TEST_CASE("Events: one a state, or none") {
  Cluster c;
  c.options.events = GENERATE("state", "none");
  c.startReadyController();
  c.createSlab("spawner-a");
  c.reachState("spawner-a", State::Scheduled);
  c.loop.runFor(1s);
  if (c.options.events == "none")
    CHECK(c.events("spawner-a").empty());
  else
    CHECK(c.events("spawner-a") == std::vector<std::string>{"Constructed", "Scheduled"});
}

TEST_CASE("metrics tell what was done") {
  Cluster c;
  c.startReadyController();
  const auto has = [&](const std::string& line) { return c.metrics.text().find(line) != std::string::npos; };
  CHECK(has("spawner_controller_objects{state=\"Ready\"} 0"));
  c.createSlab("spawner-a");
  c.reachState("spawner-a", State::Scheduled);
  c.sayReady("spawner-a");
  c.loop.runFor(1s);
  CHECK(has("spawner_controller_objects{state=\"Ready\"} 1"));
  CHECK(has("spawner_controller_objects{state=\"Submitted\"} 0"));
  CHECK(has("spawner_controller_actions_total{action=\"create Pod\",result=\"ok\"} 1"));
  CHECK(has("spawner_controller_start_seconds_count 1"));
  c.exitApplication("spawner-a", 1, "Error");
  c.reachState("spawner-a", State::Failed);
  c.loop.runFor(1s);
  CHECK(has("spawner_controller_ends_total{reason=\"Error\",state=\"Failed\"} 1"));
}

TEST_CASE("an ordered end finishes what is in flight") {
  Cluster c;
  c.startReadyController();
  c.createSlab("spawner-a");
  c.eventually("a request is under way", [&] { return c.kube.count("POST", "/services") == 1; });
  bool stopped = false;
  c.controllers.back()->stop([&] { stopped = true; });
  CHECK_FALSE(stopped);  // in a later turn
  c.eventually("it has stopped", [&] { return stopped; });
  c.loop.runFor(10s);
  CHECK_FALSE(c.pod("spawner-a").is_null());
  CHECK_FALSE(c.service("spawner-a").is_null());
  CHECK(c.kube.count("PATCH", "/status") == 0);  // nothing new is begun
}

TEST_CASE("Events are held while a session starts, and told before the controller's end") {
  Cluster c;
  c.options.eventHoldMs = 10'000;
  c.startReadyController();
  c.createSlab("spawner-a");
  c.reachState("spawner-a", State::Scheduled);
  c.loop.runFor(1s);
  CHECK(c.events("spawner-a").empty());
  bool stopped = false;
  c.controllers.back()->stop([&] { stopped = true; });
  c.eventually(
      "the controller to be stopped", [&] { return stopped; }, 1s);
  CHECK(c.events("spawner-a") == std::vector<std::string>{"Scheduled"});
}

TEST_CASE("at its start a controller obeys an API server that wants patience, but not for an hour") {
  struct Row {
    std::string retryAfter;
    Duration waits;
  };
  const auto row = GENERATE(values<Row>({{"7", 7s}, {"3600", 30s}}));
  const std::string target = GENERATE("/version", "/secrets");
  CAPTURE(row.retryAfter, target);
  Cluster c;
  bool refused = false;
  c.kube.answer = [&](const WatchedTransport::Asked& asked) -> std::unique_ptr<TransportResponse> {
    if (asked.target.find(target) == std::string::npos || std::exchange(refused, true)) return nullptr;
    return std::make_unique<TransportResponse>(TransportResponse{503, {{"retry-after", row.retryAfter}}, "busy"});
  };
  c.startController();
  c.loop.runFor(row.waits - 1s);
  CHECK(refused);
  CHECK_FALSE(c.controllers[0]->ready());
  c.eventually(
      "the controller is ready", [&] { return c.controllers[0]->ready(); }, 2s);
}
