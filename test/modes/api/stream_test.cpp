// GET /backend/{name}/status/stream.
#include "http/sse.hpp"
#include "modes/api/fixture.hpp"

using namespace spawner;
using namespace spawner::test;

namespace {

/// "Submitted Ready" : the states that a stream told, by their ids; each checked against its data.
std::string states(const AnswerPtr& answer) {
  http::SseParser parser;
  std::string told;
  const auto fed = parser.feed(answer->streamed, [&](const http::SseEvent& event) {
    CHECK(Json::parse(event.data)["state"] == event.id);
    told += (told.empty() ? "" : " ") + event.id;
  });
  CHECK(fed.ok());
  return told;
}

}  // namespace

TEST_CASE("stream: past states first, in order, then live ones, each once; after the end it closes") {
  ApiFixture api;
  api.store.add("spawner-x", {{"status", {{"constructed", true}}}});
  api.begin();
  const AnswerPtr stream = api.get("/backend/x/status/stream");
  CHECK(stream->status() == 200);
  CHECK(stream->header("Content-Type") == "text/event-stream");
  CHECK(states(stream) == "Submitted Constructed");
  api.store.setStatus("spawner-x", {{"scheduled", true}, {"nodeName", "n1"}});
  api.settle();
  CHECK(states(stream) == "Submitted Constructed Scheduled");
  // One patch, two states.
  api.store.setStatus("spawner-x", {{"running", true}, {"ready", true}});
  api.store.setStatus("spawner-x", {{"message", "nothing new"}});
  api.settle();
  CHECK(states(stream) == "Submitted Constructed Scheduled Running Ready");
  CHECK_FALSE(stream->streamEnded);
  api.store.setStatus("spawner-x", {{"swept", true}, {"end", {{"reason", "Idle"}, {"message", "unused"}}}});
  api.store.erase("spawner-x");
  api.settle();
  CHECK(states(stream) == "Submitted Constructed Scheduled Running Ready Swept");
  CHECK(stream->streamEnded);
  CHECK(api.api[0]->streams() == 0);
}

TEST_CASE("stream: states that one patch skipped are told all the same") {
  ApiFixture api;
  api.store.add("spawner-x");
  api.begin();
  const AnswerPtr stream = api.get("/backend/x/status/stream");
  api.store.setStatus("spawner-x", {{"ready", true}});
  api.settle();
  CHECK(states(stream) == "Submitted Constructed Scheduled Running Ready");
}

TEST_CASE("stream: Ready is told in the moment in which the watch tells it") {
  ApiFixture api;
  api.store.add("spawner-x");
  api.begin();
  const AnswerPtr stream = api.get("/backend/x/status/stream");
  api.store.setStatus("spawner-x", {{"ready", true}});
  const TimePoint committed = api.loop.now();
  REQUIRE(api.loop.runUntil([&] { return states(stream).ends_with("Ready"); }, 1s));
  CHECK(api.loop.now() - committed <= 1ms);
}

TEST_CASE("stream: an object that is deleted mid-stream ends the stream with the reason") {
  ApiFixture api;
  api.store.add("spawner-x");
  api.begin();
  const AnswerPtr stream = api.get("/backend/x/status/stream");
  api.store.erase("spawner-x");
  api.settle();
  CHECK(states(stream) == "Submitted Swept");
  CHECK(stream->streamed.find("Deleted") != std::string::npos);
  CHECK(stream->streamEnded);
}

TEST_CASE("stream: a session that has ended and gone is still told whole") {
  ApiFixture api;
  api.store.add("spawner-x", {{"status", {{"ready", true}}}});
  api.begin();
  api.store.setStatus("spawner-x", {{"failed", true}, {"end", {{"reason", "Error"}}}});
  api.store.erase("spawner-x");
  api.settle();
  const AnswerPtr stream = api.get("/backend/x/status/stream");
  CHECK(states(stream) == "Submitted Constructed Scheduled Running Ready Failed");
  CHECK(stream->streamEnded);
}

TEST_CASE("stream: Last-Event-ID goes on from there; after an end there is nothing more") {
  ApiFixture api;
  api.store.add("spawner-x", {{"status", {{"ready", true}}}});
  api.begin();
  const auto from = [&](const std::string& id) {
    http::Headers headers;
    headers.add("Last-Event-ID", id);
    return api.ask("GET", "/backend/x/status/stream", "", headers);
  };
  CHECK(states(from("Scheduled")) == "Running Ready");
  CHECK(states(from("Ready")).empty());
  CHECK(states(from("nonsense")) == "Submitted Constructed Scheduled Running Ready");
  CHECK(from("Swept")->status() == 204);
  CHECK(from("Failed")->status() == 204);
}

TEST_CASE("stream: comments keep an idle one alive, every 15 s") {
  ApiFixture api;
  api.store.add("spawner-x");
  api.begin();
  const AnswerPtr stream = api.get("/backend/x/status/stream");
  const std::size_t before = stream->streamed.size();
  api.loop.runFor(46s);
  const std::string beats = stream->streamed.substr(before);
  CHECK(std::count(beats.begin(), beats.end(), ':') == 3);
  CHECK(states(stream) == "Submitted");
}

TEST_CASE("stream: a slow reader is dropped, one that leaves is forgotten, and too many are refused") {
  api::Options options;
  options.maxStreams = 2;
  ApiFixture api(options);
  api.store.add("spawner-x");
  api.begin();
  const AnswerPtr slow = api.get("/backend/x/status/stream");
  const AnswerPtr leaving = api.get("/backend/x/status/stream");
  const AnswerPtr refused = api.get("/backend/x/status/stream");
  CHECK(refused->status() == 503);
  CHECK(refused->response->headers.has("Retry-After"));
  leaving->leave();
  CHECK(api.api[0]->streams() == 1);
  slow->readerIsSlow = true;
  api.store.setStatus("spawner-x", {{"constructed", true}});
  api.settle();
  CHECK(api.api[0]->streams() == 0);
  CHECK(slow->streamBroken);
  CHECK_FALSE(slow->streamEnded);
}

TEST_CASE("fault 11: a thousand streams cost Kubernetes one watch, and need no Events") {
  ApiFixture api;
  api.store.add("spawner-x");
  api.begin();
  std::vector<AnswerPtr> streams;
  for (int i = 0; i < 1000; ++i) streams.push_back(api.send("GET", "/backend/x/status/stream"));
  api.settle();
  api.loop.runFor(90min);  // Events would have expired
  api.store.setStatus("spawner-x", {{"ready", true}});
  api.settle();
  CHECK(api.store.gets == 0);
  CHECK(api.store.lists == 1);
  for (const AnswerPtr& stream : streams) REQUIRE(stream->streamed.find("\"Ready\"") != std::string::npos);
  CHECK(states(streams[500]) == "Submitted Constructed Scheduled Running Ready");
}

TEST_CASE("stream: HEAD opens none; draining ends all cleanly and refuses new ones") {
  ApiFixture api;
  api.store.add("spawner-x");
  api.begin();
  const AnswerPtr head = api.ask("HEAD", "/backend/x/status/stream");
  CHECK(head->status() == 200);
  CHECK(api.api[0]->streams() == 0);
  const AnswerPtr stream = api.get("/backend/x/status/stream");
  api.api[0]->drain();
  CHECK(stream->streamEnded);
  CHECK(api.get("/backend/x/status/stream")->status() == 503);
  CHECK(api.get("/backend/x/status")->status() == 200);
}

TEST_CASE("an Api that is destroyed in the midst of everything leaves nothing behind") {
  ApiFixture api;
  api.store.add("spawner-x");
  api.begin();
  const AnswerPtr stream = api.get("/backend/x/status/stream");
  api.store.away = true;
  const AnswerPtr spawning = api.send("POST", "/spawn", R"({"image":"demo"})", ApiFixture::json());
  const AnswerPtr looking = api.send("GET", "/backend/unknown/status");
  api.store.setStatus("spawner-x", {{"ready", true}});
  api.api.clear();
  api.loop.runFor(60s);
  CHECK(stream->streamBroken);
  CHECK(spawning->dropped);
  CHECK(looking->dropped);
}
