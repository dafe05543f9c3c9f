// Events never hold anything up: bounded, paced, tried again a few times, dropped and counted.
#include "k8s/events.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "base/crypto.hpp"
#include "loop/sim_loop.hpp"
#include "support/scripted_transport.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

struct EventsFixture {
  explicit EventsFixture(k8s::EventRecorderOptions options = {}) {
    options.component = "spawner.dev/sessionlivedbackend";
    options.instance = "controller-0";
    recorder =
        std::make_unique<k8s::EventRecorder>(loop, client, *random, options, Logger({LogLevel::Info, LogFormat::Json, log, {}}, "test"));
  }
  void record(const std::string& name = "s1", std::string_view message = "The application accepts connections") {
    recorder->record({"spawner.dev/v1", "SessionLivedBackend", "spawner", name, "uid-1", "42"}, "Normal", "Ready", message);
  }
  SimLoop loop{1};
  ScriptedTransport transport{loop};
  k8s::Client client{transport};
  std::unique_ptr<Random> random = seededRandom(1);
  std::shared_ptr<MemorySink> log = std::make_shared<MemorySink>();
  std::unique_ptr<k8s::EventRecorder> recorder;
};

std::string statusBody(const std::string& reason) { return R"({"kind":"Status","reason":")" + reason + R"("})"; }

}  // namespace

TEST_CASE("an Event says all that kubectl and the API server want") {
  EventsFixture f;
  f.record();
  CHECK(f.transport.requests() == 0);  // at once means: not here
  f.loop.runFor(1ms);
  const auto ask = f.transport.next();
  CHECK(ask->request.method == "POST");
  CHECK(ask->request.target == "/api/v1/namespaces/spawner/events");
  const json event = json::parse(ask->request.body);
  const std::string name = event["metadata"]["name"];
  CHECK(name.starts_with("s1."));
  CHECK(name.size() == 3 + 16);
  CHECK(event["metadata"]["namespace"] == "spawner");
  CHECK(event["involvedObject"] == json{{"apiVersion", "spawner.dev/v1"},
                                        {"kind", "SessionLivedBackend"},
                                        {"namespace", "spawner"},
                                        {"name", "s1"},
                                        {"uid", "uid-1"},
                                        {"resourceVersion", "42"}});
  CHECK(event["kind"] == "Event");
  CHECK(event["apiVersion"] == "v1");
  CHECK(event["type"] == "Normal");
  CHECK(event["reason"] == "Ready");
  CHECK(event["action"] == "Ready");
  CHECK(event["message"] == "The application accepts connections");
  CHECK(event["reportingComponent"] == "spawner.dev/sessionlivedbackend");
  CHECK(event["reportingInstance"] == "controller-0");
  CHECK(event["source"]["component"] == "spawner.dev/sessionlivedbackend");
  CHECK(event["eventTime"] == "2026-01-01T00:00:00.000000Z");
  CHECK(event["firstTimestamp"] == "2026-01-01T00:00:00Z");
  CHECK(event["lastTimestamp"] == "2026-01-01T00:00:00Z");
  CHECK(event["count"] == 1);
  ask->respond(201, "{}");
  f.loop.runFor(1ms);
  CHECK(f.recorder->counts().sent == 1);
  CHECK(f.recorder->queued() == 0);
}

TEST_CASE("long names and messages are shortened to what the server takes, between characters") {
  EventsFixture f;
  std::string message;
  while (message.size() < 2000) message += "\xE2\x82\xAC";
  f.record(std::string(253, 'n'), message);
  f.loop.runFor(1ms);
  const json event = json::parse(f.transport.next()->request.body);
  CHECK(event["metadata"]["name"].get<std::string>().size() == 253);
  const std::string sent = event["message"];
  CHECK(sent.size() <= 1024);
  CHECK(sent.size() >= 1021);
  CHECK(sent == message.substr(0, sent.size()));
  CHECK(sent.size() % 3 == 0);
}

TEST_CASE("what is broken is tried again under the same name; a lost answer is no failure") {
  EventsFixture f;
  f.record();
  f.loop.runFor(1ms);
  const auto first = f.transport.next();
  first->fail(ErrorKind::Disconnected);
  REQUIRE(f.loop.runUntil([&] { return f.transport.waiting() > 0; }, 1s));
  const auto second = f.transport.next();
  CHECK(second->request.body == first->request.body);
  second->respond(409, statusBody("AlreadyExists"));
  f.loop.runFor(1min);
  CHECK(f.recorder->counts().sent == 1);
  CHECK(f.recorder->counts().failed == 0);
  CHECK(f.transport.requests() == 2);
}

TEST_CASE("two recorders that tell the same of an object make one Event; other news has another name") {
  const auto nameOf = [](EventsFixture& f, const std::string& name, std::string_view message) {
    f.record(name, message);
    f.loop.runFor(1ms);
    const auto ask = f.transport.next();
    ask->respond(409, statusBody("AlreadyExists"));
    f.loop.runFor(1min);
    CHECK(f.recorder->counts().failed == 0);
    return json::parse(ask->request.body)["metadata"]["name"].get<std::string>();
  };
  EventsFixture one, two;
  const std::string first = nameOf(one, "s1", "Idle");
  CHECK(nameOf(two, "s1", "Idle") == first);
  CHECK(nameOf(two, "s1", "Shutdown") != first);
  CHECK(two.recorder->counts().sent == 2);
  CHECK(two.transport.requests() == 2);
}

TEST_CASE("it gives up after so many tries, and waits as long as the server asks") {
  EventsFixture f;
  f.record();
  for (int i = 0; i < 3; ++i) {
    REQUIRE(f.loop.runUntil([&] { return f.transport.waiting() > 0; }, 11s));
    f.transport.next()->respond(429, statusBody("TooManyRequests"), {{"retry-after", "10"}});
    const TimePoint now = f.loop.now();
    f.loop.runUntil([&] { return f.transport.waiting() > 0; }, 1min);
    if (i < 2) CHECK(f.loop.now() - now >= Duration(10s));
  }
  CHECK(f.recorder->counts().failed == 1);
  CHECK(f.recorder->queued() == 0);
  CHECK(f.transport.requests() == 3);
}

TEST_CASE("a refusal is not tried again, and is logged once, not for each Event") {
  EventsFixture f;
  f.transport.serve([](const std::shared_ptr<Ask>& ask) { ask->respond(403, statusBody("Forbidden")); });
  for (int i = 0; i < 50; ++i) f.record();
  f.loop.runFor(1min);
  CHECK(f.transport.requests() == 50);
  CHECK(f.recorder->counts().failed == 50);
  CHECK(f.log->lines.size() == 1);
}

TEST_CASE("the queue is bounded: what does not fit is dropped and counted, and the first drop is logged") {
  k8s::EventRecorderOptions options;
  options.maxQueued = 10;
  EventsFixture f(options);
  for (int i = 0; i < 25; ++i) f.record();
  f.loop.runFor(1s);
  CHECK(f.recorder->queued() == 10);
  CHECK(f.recorder->counts().dropped == 15);
  CHECK(f.transport.requests() == 2);  // two at once, no more
  CHECK(f.log->lines.size() == 1);
  f.record();
  CHECK(f.recorder->counts().dropped == 16);
}

TEST_CASE("Events keep to their rate") {
  k8s::EventRecorderOptions options;
  options.ratePerSecond = 10;
  options.burst = 5;
  EventsFixture f(options);
  std::set<std::string> names;
  f.transport.serve([&](const std::shared_ptr<Ask>& ask) {
    names.insert(json::parse(ask->request.body)["metadata"]["name"].get<std::string>());
    ask->respond(201, "{}");
  });
  for (int i = 0; i < 30; ++i) f.record("s" + std::to_string(i));
  f.loop.runFor(1s);
  CHECK(f.transport.requests() >= 14);
  CHECK(f.transport.requests() <= 15);
  f.loop.runFor(2s);
  CHECK(f.recorder->counts().sent == 30);
  CHECK(names.size() == 30);
}

TEST_CASE("destroyed, it cancels what is under way and sends nothing more") {
  EventsFixture f;
  for (int i = 0; i < 5; ++i) f.record();
  f.loop.runFor(1ms);
  const auto ask = f.transport.next();
  f.recorder.reset();
  CHECK(ask->cancelled());
  f.loop.runFor(1min);
  CHECK(f.transport.requests() == 2);
}

TEST_CASE("Events are held for a moment, in order, and say when it was") {
  k8s::EventRecorderOptions options;
  options.hold = 500ms;
  EventsFixture f(options);
  f.record("s1");
  f.loop.runFor(300ms);
  f.record("s2");
  f.loop.runFor(199ms);
  CHECK(f.transport.requests() == 0);
  f.loop.runFor(2ms);
  REQUIRE(f.transport.requests() == 1);
  const json first = json::parse(f.transport.next()->request.body);
  CHECK(first["involvedObject"]["name"] == "s1");
  CHECK(first["eventTime"] == "2026-01-01T00:00:00.000000Z");
  f.loop.runFor(298ms);
  CHECK(f.transport.requests() == 1);
  f.loop.runFor(2ms);
  CHECK(json::parse(f.transport.next()->request.body)["involvedObject"]["name"] == "s2");
}

TEST_CASE("what is held goes out before the end of a role") {
  k8s::EventRecorderOptions options;
  options.hold = 500ms;
  EventsFixture f(options);
  for (const char* name : {"s1", "s2", "s3"}) f.record(name);
  bool done = false;
  f.recorder->flush([&] { done = true; });
  CHECK_FALSE(done);
  f.loop.runFor(1ms);
  CHECK(f.transport.requests() == 2);  // as many at once as ever
  f.transport.next()->respond(201, "{}");
  f.loop.runFor(1ms);
  f.transport.next()->respond(201, "{}");
  CHECK_FALSE(done);
  f.loop.runFor(1ms);
  f.transport.next()->respond(201, "{}");
  f.loop.runFor(1ms);
  CHECK(done);
  CHECK(f.recorder->counts().sent == 3);
}

TEST_CASE("the end of a role waits two seconds for Events that are not answered, and says that they are lost") {
  EventsFixture f;
  f.record();
  bool done = false;
  f.recorder->flush([&] { done = true; });
  f.loop.runFor(1990ms);
  CHECK_FALSE(done);
  f.loop.runFor(20ms);
  CHECK(done);
  REQUIRE_FALSE(f.log->lines.empty());
  CHECK(f.log->lines.back().find("events are lost") != std::string::npos);
}

TEST_CASE("a role with nothing to tell ends at once") {
  EventsFixture f;
  bool done = false;
  f.recorder->flush([&] { done = true; });
  CHECK_FALSE(done);  // in a later turn
  f.loop.runFor(1ms);
  CHECK(done);
}

TEST_CASE("an Event that is refused for a moment is tried again before the end of a role") {
  EventsFixture f;
  f.record();
  bool done = false;
  f.recorder->flush([&] { done = true; });
  f.loop.runFor(1ms);
  f.transport.next()->respond(503, statusBody("ServiceUnavailable"));
  f.loop.runFor(1ms);
  CHECK_FALSE(done);
  f.loop.runFor(1500ms);
  REQUIRE(f.transport.requests() == 2);
  f.transport.next()->respond(201, "{}");
  f.loop.runFor(1ms);
  CHECK(done);
  CHECK(f.recorder->counts().sent == 1);
}
