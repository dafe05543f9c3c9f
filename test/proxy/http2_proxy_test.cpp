// Http2Proxy: requests that are tried twice, windows, and upstreams that break HTTP/2.

#include <sys/resource.h>
#include <unistd.h>

#include "proxy/http2_fixture.hpp"
#include "proxy/respond.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;
using proxy::FailureKind;

TEST_CASE_METHOD(Http2Fixture, "http2 proxy: a body that comes while its refused request waits goes with the second try", "[integration]") {
  muteFrom = 1;
  start();
  const auto client = run("POST", false);
  asked().refuseAll();
  wait("a second connection", [&] { return applications.size() == 2; });
  client->body = "hello";
  client->complete = true;
  settle();
  applications[1]->mute = false;
  Http2Application& second = asked(1);
  wait("the end of its body", [&] { return second.seen.streams[1].ended; });
  CHECK(second.seen.streams[1].data == "hello");
  second.answer(1);
  wait("the answer", [&] { return client->finished; });
  CHECK(client->status == 200);
  CHECK(counters().retries == 1);
}

TEST_CASE_METHOD(Http2Fixture, "http2 proxy: what the client had not taken when its stream was reset shuts no window", "[integration]") {
  http2.session.connectionWindow = 2 * http2::minWindow;
  http2.session.streamWindow = http2::minWindow;
  start();
  for (int i = 0; i < 8; ++i) {
    const http2::StreamId id = 1 + 2 * i;
    const auto slow = run();
    slow->unsent = 1'000'000;
    asked(0, id).answer(id, 200, false);
    applications[0]->session.send(id, std::string(60'000, 'x'));
    wait("the bytes of answer " + std::to_string(i), [&] { return slow->got.size() == 60'000; });
    applications[0]->session.reset(id, http2::internalError);
    wait("the end of answer " + std::to_string(i), [&] { return slow->aborted; });
  }
  CHECK(counters().upstreamConnects == 1);
}

TEST_CASE_METHOD(Http2Fixture, "http2 proxy: a connection on which the upstream breaks HTTP/2 is used no more", "[integration]") {
  start();
  const auto under = run("POST");
  const auto repeatable = run("GET");
  asked(0, 3).raw.send(std::string("\0\0\x01\0\0\0\0\0\0x", 10));  // DATA of no stream
  wait("the failure", [&] { return under->finished; });
  CHECK(under->status == 502);
  asked(1).answer(1);
  wait("the second try", [&] { return repeatable->finished; });
  CHECK(repeatable->status == 200);
  const auto next = run("POST");
  asked(1, 3).answer(3);
  wait("the next answer", [&] { return next->finished; });
  CHECK(next->status == 200);
  CHECK(counters().upstreamConnects == 2);
}

TEST_CASE_METHOD(Http2Fixture, "http2 proxy: a connection that is going away leaves its place to another one", "[integration]") {
  http2.maxConnections = 1;
  applicationLimits.maxStreams = 1;
  start();
  const auto first = run();
  asked().answer(1, 200, false);
  wait("the first head", [&] { return first->status == 200; });
  const bool waitsBefore = GENERATE(false, true);
  const auto second = waitsBefore ? run() : nullptr;
  settle();
  REQUIRE(applications.size() == 1);
  applications[0]->session.announceShutdown();
  settle();
  const auto other = waitsBefore ? second : run();
  asked(1).answer(1, 200, false);
  wait("the head of the other connection", [&] { return other->status == 200; });

  // As many again may be going away, and no more.
  applications[1]->session.announceShutdown();
  const auto third = run();
  settle();
  CHECK(applications.size() == 2);
  applications[0]->session.end(1);
  asked(2).answer(1);
  wait("the third answer", [&] { return third->finished; });
  CHECK(first->finished);
  CHECK_FALSE(other->over());
}

TEST_CASE_METHOD(Http2Fixture, "http2 proxy: a stream whose answer ends before its upload could go out is over", "[integration]") {
  applicationLimits.streamWindow = GENERATE(0, 5);  // all of the body waits, or its end alone
  start();
  const auto client = run("POST", false);
  client->body = "hello";
  Http2Application& application = asked();
  wait("what the window lets through", [&] { return application.seen.streams[1].data.size() == applicationLimits.streamWindow; });
  client->complete = true;
  wait("the end of the client's body", [&] { return client->endTold; });
  settle();
  application.raw.send(std::string("\0\0\x01\x01\x05\0\0\0\x01\x88", 10));  // 200 with END_STREAM, and no reset for the rest
  wait("the answer", [&] { return client->finished; });
  CHECK(client->status == 200);
  wait("the end of its stream", [&] { return application.seen.streams[1].closed.has_value(); });
  CHECK(application.seen.streams[1].closed == http2::noError);
  CHECK_FALSE(application.seen.streams[1].ended);
  CHECK(counters().active == 0);
}

TEST_CASE_METHOD(Http2Fixture, "http2 proxy: a slow client has not stalled; one that takes nothing has", "[integration]") {
  options.stallTimeout = 300ms;
  under = &driven;
  start();
  const auto client = run();
  client->unsent = 1'000'000;
  asked().answer(1, 200, false);
  applications[0]->session.send(1, "x");
  wait("the body's beginning", [&] { return client->got == "x"; });
  for (int i = 0; i < 20; ++i) {
    client->unsent -= 1000;
    driven.advance(50ms);
    settle();
    REQUIRE_FALSE(client->over());
  }
  const Duration took = driven.advanceUntil("the end", 50ms, 10s, [&] { return client->aborted; });
  CHECK(took >= 250ms);
  CHECK(took <= 400ms);
  CHECK(counters().bodiesStalled == 1);
}

TEST_CASE_METHOD(Http2Fixture, "http2 proxy: a slow application has not stalled; one that takes nothing has", "[integration]") {
  options.stallTimeout = options.headTimeout = 300ms;
  options.bufferBytes = 64 * 1024;  // all of the body waits in the proxy
  applicationLimits.streamWindow = 1000;
  under = &driven;
  start();
  const bool complete = GENERATE(false, true);  // then the limit is that of the head, and begins when the body is out
  const auto client = run("POST", false);
  client->body = std::string(30'000, 'x');
  client->complete = complete;
  Http2Application& application = asked();
  settle();
  REQUIRE(client->endTold == complete);
  std::size_t taken = 0;
  for (int i = 0; i < 20; ++i) {
    const std::size_t got = application.seen.streams[1].data.size();
    REQUIRE(got > taken);
    application.session.consumed(1, got - std::exchange(taken, got));
    settle();
    driven.advance(50ms);
    settle();
    REQUIRE_FALSE(client->over());
  }
  const Duration took = driven.advanceUntil("the end", 50ms, 10s, [&] { return client->finished; });
  CHECK(took >= 250ms);
  CHECK(took <= 400ms);
  CHECK(client->status == 504);
  CHECK(failures(complete ? FailureKind::HeadTimeout : FailureKind::Stalled) == 1);
}

TEST_CASE_METHOD(Http2Fixture, "http2 proxy: each failure is counted by its kind, as with HTTP/1.1", "[integration]") {
  options.maxInterim = 2;
  SECTION("too many heads of 1xx") {
    start();
    const auto client = run();
    Http2Application& application = asked();
    for (int i = 0; i < 3; ++i) application.session.interim(1, {{":status", "103"}});
    wait("the failure", [&] { return client->finished; });
    CHECK(client->status == 502);
    CHECK(counters().tooManyInterim == 1);
    CHECK(failures(FailureKind::BadAnswer) == 1);
  }
  SECTION("no head within the limit") {
    options.headTimeout = 20ms;
    start();
    const auto client = run();
    (void)asked();
    wait("the failure", [&] { return client->finished; });
    CHECK(client->status == 504);
    CHECK(failures(FailureKind::HeadTimeout) == 1);
  }
  SECTION("the connection ends before an answer") {
    start();
    const auto client = run("POST");
    asked().raw.close();
    wait("the failure", [&] { return client->finished; });
    CHECK(client->status == 502);
    CHECK(failures(FailureKind::ClosedEarly) == 1);
  }
  SECTION("the application resets the stream, and the client is told by a reset") {
    start();
    const auto client = run();
    client->mayReset = true;
    asked().session.reset(1, http2::internalError);
    wait("the reset", [&] { return client->resetBy.has_value(); });
    CHECK(client->resetBy == http2::internalError);
    CHECK(failures(FailureKind::ClosedEarly) == 1);
  }
  CHECK(counters().failuresBeforeHead == 1);
  CHECK(counters().brokenAnswers == 0);
  CHECK(counters().bodiesStalled == 0);
}

TEST_CASE_METHOD(Http2Fixture, "http2 proxy: a body that stalls is counted as one", "[integration]") {
  options.stallTimeout = 20ms;
  start();
  const auto client = run();
  asked().answer(1, 200, false);
  wait("the end", [&] { return client->aborted; });
  CHECK(counters().brokenAnswers == 1);
  CHECK(counters().bodiesStalled == 1);
  CHECK(counters().failuresBeforeHead == 0);
}

TEST_CASE_METHOD(Http2Fixture, "http2 proxy: an answer without a body is whole when its head is there", "[integration]") {
  start();
  const auto [method, status] = GENERATE(table<std::string, int>({{"HEAD", 200}, {"GET", 204}, {"GET", 304}}));
  const auto client = run(method);
  Http2Application& application = asked();
  application.answer(1, status, false);  // END_STREAM would come with a frame of its own
  wait("the answer", [&] { return client->finished; });
  CHECK(client->status == status);
  wait("its end at the application", [&] { return application.seen.streams[1].closed.has_value(); });
  CHECK(application.seen.streams[1].closed == http2::noError);
  CHECK(counters().active == 0);
  CHECK(counters().clientGone == 0);
}

TEST_CASE_METHOD(Http2Fixture,
                 "http2 proxy: requests to an application that has stopped reading wait outside of its connection, and are bounded",
                 "[integration]") {
  constexpr std::size_t many = 1500, headBytes = 30'000;  // 45 MB: more than the kernel takes
  options.connectTimeout = options.pool.idleTimeout = 300ms;
  http2.maxConnections = 1;
  applicationLimits.maxStreams = 2 * many;
  under = &driven;
  start();
  run();
  Http2Application& application = asked();
  application.answer(1);
  application.mute = true;
  application.raw.pauseReading(true);
  for (std::size_t i = 0; i < many; ++i) {
    run("GET", true, std::string(headBytes, 'x'));
    if (i % 50 == 0) settle();
  }
  settle();
  driven.advanceUntil("those without a stream to be told", 50ms, 10s, [&] { return failures(FailureKind::ConnectTimeout) > 0; });
  settle();
  const std::uint64_t refused = failures(FailureKind::ConnectTimeout);
  CHECK(refused > 0);
  CHECK(counters().active == many - refused);  // of these the kernel has the heads, or may have them soon

  const bool leave = GENERATE(false, true);
  if (leave) {  // nobody wants an answer: neither does the connection stay for ever
    for (const auto& client : clients)
      if (client->onGone && !client->over()) client->onGone();
    CHECK(counters().active == 0);
    driven.advance(700ms);
    application.raw.pauseReading(false);
    wait("its end at the application", [&] { return application.raw.over(); });
  } else {
    application.raw.pauseReading(false);
    application.mute = false;
    const auto another = run();
    wait("a request that came later", [&] { return application.seen.streams.size() == many - refused + 2; });
    CHECK(counters().upstreamConnects == 1);
  }
}

TEST_CASE_METHOD(Http2Fixture, "http2 proxy: without a descriptor to spare the client is told 503", "[integration]") {
  options.spareDescriptors = SIZE_MAX;
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit low = before;
  low.rlim_cur = static_cast<rlim_t>(::dup(0)) + 1;  // the half of what there could be is in use
  ::close(static_cast<int>(low.rlim_cur) - 1);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  start();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  const auto client = run();
  wait("the answer", [&] { return client->finished; });
  CHECK(client->status == 503);
  CHECK(client->got.find("NoDescriptors") != std::string::npos);
  CHECK(failures(FailureKind::NoDescriptors) == 1);
  CHECK(applications.empty());
}

TEST_CASE("A failure is told in gRPC's way to gRPC, and to nothing whose name begins alike") {
  const auto statusFor = [](const std::string& type) {
    const auto client = std::make_shared<Http2Client>();
    client->request.method = "POST";
    client->request.headers.add("Content-Type", type);
    proxy::respond(std::make_unique<Http2ClientExchange>(client), proxy::ownAnswer(503, "Draining", "It ends."));
    return client->status;
  };
  for (const char* type : {"application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8", "Application/gRPC"}) {
    CAPTURE(type);
    CHECK(statusFor(type) == 200);
  }
  for (const char* type : {"application/grpc-web", "application/grpc-web+proto", "application/grpc-web-text", "application/grpcs", ""}) {
    CAPTURE(type);
    CHECK(statusFor(type) == 503);
  }
}
