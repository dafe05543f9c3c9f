// Http2Proxy: requests that are tried twice, windows, and upstreams that break HTTP/2.

#include "proxy/http2_fixture.hpp"

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
