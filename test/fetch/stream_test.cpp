// Streams: as they come, how they end, and many at once.
#include "fetch_fixture.hpp"
#include "support/driven_loop.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

TEST_CASE("a stream gives its head once, its bytes as they come, and its clean end", "[integration]") {
  Connection server;
  FetchFixture f([&](const Connection& c) { server = c; });
  StreamStory story;
  const Pending pending = f.transport->stream(FetchFixture::get("/watch"), story.handlers());
  waitFor(f.loop, "the request", [&] { return server != nullptr; });
  server->head();
  waitFor(f.loop, "the head", [&] { return story.head.has_value(); });
  CHECK(story.head->status == 200);
  CHECK(story.head->header("transfer-encoding") == "chunked");
  CHECK(story.bytes.empty());
  for (const char* piece : {"one\n", "tw", "o\n"}) {
    server->chunk(piece);
    const std::size_t before = story.bytes.size();
    waitFor(f.loop, "a piece", [&] { return story.bytes.size() > before; });
  }
  CHECK(story.bytes == "one\ntwo\n");
  server->endChunks();
  waitFor(f.loop, "the end", [&] { return story.end.has_value(); });
  CHECK(story.end->ok());
  CHECK(story.heads == 1);
  CHECK(f.transport->stats().active == 0);
}

TEST_CASE("a stream that breaks off is not a clean end, and its last bytes are told before", "[integration]") {
  for (const bool hard : {false, true}) {
    Connection server;
    FetchFixture f([&](const Connection& c) { server = c; });
    StreamStory story;
    const Pending pending = f.transport->stream(FetchFixture::get("/"), story.handlers());
    waitFor(f.loop, "the request", [&] { return server != nullptr; });
    server->head();
    server->chunk("bytes");
    if (hard) waitFor(f.loop, "the bytes", [&] { return story.bytes == "bytes"; });  // a reset may overtake them
    hard ? server->reset() : server->close();
    waitFor(f.loop, "the end", [&] { return story.end.has_value(); });
    REQUIRE_FALSE(story.end->ok());
    CHECK(story.end->error().kind == ErrorKind::Disconnected);
    CHECK(story.bytes == "bytes");
  }
}

TEST_CASE("a head other than 2xx comes with its body; a body out of bounds is cut", "[integration]") {
  fetch::HttpTransportOptions options;
  options.maxErrorBodyBytes = 100;
  FetchFixture f([](const Connection& c) { c->respond(410, std::string(c->request.starts_with("GET /small") ? 100 : 101, 'e')); }, options);
  StreamStory small, large;
  const Pending first = f.transport->stream(FetchFixture::get("/small"), small.handlers());
  const Pending second = f.transport->stream(FetchFixture::get("/large"), large.handlers());
  waitFor(f.loop, "both ends", [&] { return small.end && large.end; });
  CHECK(small.head->status == 410);
  CHECK(small.bytes == std::string(100, 'e'));
  CHECK(small.end->ok());
  CHECK(large.head->status == 410);
  CHECK(large.end->error().kind == ErrorKind::Limit);
}

TEST_CASE("limits of time: for the head, for an error's body, for silence; not for a stream that talks", "[integration]") {
  std::map<std::string, Connection> servers;
  FetchFixture f([&](const Connection& c) {
    servers[c->request.substr(4, c->request.find(' ', 4) - 4)] = c;
    if (c->request.starts_with("GET /error")) c->head(500);
    if (c->request.starts_with("GET /idle") || c->request.starts_with("GET /talks")) c->head();
  });
  StreamStory none, error, idle, talks;
  TransportRequest silent = FetchFixture::get("/idle", 60ms), talking = FetchFixture::get("/talks", 60ms);
  silent.idleTimeout = talking.idleTimeout = 80ms;
  DrivenLoop driven(f.loop);
  fetch::HttpTransportOptions options;
  options.baseUrl = f.server.url();
  auto transport = fetch::HttpTransport::make(driven, std::move(options));
  REQUIRE(transport.ok());
  const Pending pendings[] = {(*transport)->stream(FetchFixture::get("/none", 60ms), none.handlers()),
                              (*transport)->stream(FetchFixture::get("/error", 60ms), error.handlers()),
                              (*transport)->stream(std::move(silent), idle.handlers()),
                              (*transport)->stream(std::move(talking), talks.handlers())};
  waitFor(f.loop, "four requests", [&] { return servers.size() == 4 && error.head && idle.head && talks.head; });
  for (std::size_t said = 1; said <= 20; ++said) {
    servers["/talks"]->chunk("x");
    waitFor(f.loop, "a byte of the stream that talks", [&] { return talks.bytes.size() == said; });
    driven.advance(79ms);
  }
  waitFor(f.loop, "three ends", [&] { return none.end && error.end && idle.end; });
  CHECK_FALSE(none.head.has_value());
  CHECK(none.end->error().kind == ErrorKind::Timeout);
  CHECK(none.end->error().message.find("no head of an answer within 60 ms") != std::string::npos);
  CHECK(error.head->status == 500);
  CHECK(error.end->error().kind == ErrorKind::Timeout);
  CHECK(idle.head->status == 200);
  CHECK(idle.end->error().kind == ErrorKind::Timeout);
  CHECK(idle.end->error().message.find("no byte within 80 ms") != std::string::npos);
  CHECK_FALSE(talks.end.has_value());
}

TEST_CASE("two hundred streams at once, and calls beside them reuse their own connection", "[integration]") {
  constexpr std::size_t count = 200;
  std::vector<Connection> servers;
  FetchFixture f([&](const Connection& c) {
    if (c->request.starts_with("GET /call")) return c->respond(200, "ok");
    c->head();
    servers.push_back(c);
  });
  std::vector<StreamStory> stories(count);
  std::vector<Pending> pendings;
  for (StreamStory& story : stories) pendings.push_back(f.transport->stream(FetchFixture::get("/watch"), story.handlers()));
  waitFor(f.loop, "all heads", [&] { return std::ranges::all_of(stories, [](const StreamStory& s) { return s.head.has_value(); }); });
  CHECK(f.transport->stats().active == count);
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < count; ++i) servers[i]->chunk("event\n");
    waitFor(f.loop, "all bytes", [&] {
      return std::ranges::all_of(stories, [&](const StreamStory& s) { return s.bytes.size() == 6U * static_cast<std::size_t>(round + 1); });
    });
    CHECK(f.call(FetchFixture::get("/call")).ok());
  }
  CHECK(f.server.accepted() == count + 1);
  for (std::size_t i = 0; i < count; ++i) i % 2 == 0 ? servers[i]->endChunks() : servers[i]->close();
  waitFor(f.loop, "all ends", [&] { return std::ranges::all_of(stories, [](const StreamStory& s) { return s.end.has_value(); }); });
  CHECK(std::ranges::count_if(stories, [](const StreamStory& s) { return s.end->ok(); }) == count / 2);
}
