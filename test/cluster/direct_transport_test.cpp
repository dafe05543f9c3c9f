#include "cluster/direct_transport.hpp"

#include "client.hpp"
#include "sim_fixture.hpp"

using namespace spawner;
using namespace spawner::cluster;
using namespace spawner::cluster::test;

using Words = std::vector<std::string>;

TEST_CASE("A call acts and answers in later turns, never inside itself", "[cluster]") {
  SimFixture f;
  DirectTransport transport(f.loop, f.server);
  Caller caller;
  caller.call(transport, requestFor("POST", slabsPath, slabJson("a")));
  CHECK_FALSE(caller.result);
  CHECK_FALSE(f.exists(types::slabs, "spawner/a"));
  REQUIRE(f.loop.runUntil([&] { return f.exists(types::slabs, "spawner/a"); }, std::chrono::seconds(1)));
  CHECK_FALSE(caller.result);
  f.settle();
  CHECK(caller.status() == 201);
  CHECK(caller.result->value().header("content-type") == "application/json");
  caller.call(transport, requestFor("POST", std::string(slabsPath) + "?fieldValidation=Warn",
                                    slabJson("b", R"("foo":1,"template":{"containers":[{"name":"a","image":"b"}]})")));
  f.settle();
  CHECK(caller.result->value().header("warning") == R"(299 - "unknown field \"spec.foo\"")");
}

TEST_CASE("A call whose Pending is gone never calls back; a released one does", "[cluster]") {
  SimFixture f;
  DirectTransport transport(f.loop, f.server);
  Caller early, late, released;
  early.call(transport, requestFor("POST", slabsPath, slabJson("early")));
  early.pending.reset();
  late.call(transport, requestFor("POST", slabsPath, slabJson("late")));
  REQUIRE(f.loop.runUntil([&] { return f.exists(types::slabs, "spawner/late"); }, std::chrono::seconds(1)));
  late.pending.reset();
  released.call(transport, requestFor("POST", slabsPath, slabJson("released")));
  released.pending.release();
  f.settle();
  CHECK_FALSE(early.result);
  CHECK_FALSE(f.exists(types::slabs, "spawner/early"));  // had not reached the server
  CHECK_FALSE(late.result);
  CHECK(released.status() == 201);
}

TEST_CASE("A watch: whole lines as things happen, a clean end at its time", "[cluster]") {
  SimFixture f;
  DirectTransport transport(f.loop, f.server);
  Follower watch;
  watch.open(transport, requestFor("GET", std::string(slabsPath) + "?watch=true&timeoutSeconds=30"));
  f.settle();
  CHECK(watch.status == 200);
  f.make(slabsPath, slabJson("a"));
  CHECK(watch.lines.empty());  // not inside the write
  f.settle();
  CHECK(watch.words() == Words{"ADDED a"});
  for (int i = 0; i < 200; ++i) f.make(slabsPath, slabJson("s" + std::to_string(i)));
  f.settle();
  CHECK(watch.lines.size() == 201);
  CHECK_FALSE(watch.end);
  f.settle(std::chrono::seconds(40));
  REQUIRE(watch.end);
  CHECK(watch.end->ok());
  CHECK(f.server.watches() == 0);
}

TEST_CASE("A stream that is refused gives its head, its body and its end", "[cluster]") {
  SimFixture f;
  DirectTransport transport(f.loop, f.server);
  Follower watch;
  watch.open(transport, requestFor("GET", std::string(slabsPath) + "?watch=true&labelSelector=%3D"));
  f.settle();
  CHECK(watch.status == 400);
  CHECK(watch.partial.find("BadRequest") != std::string::npos);
  REQUIRE(watch.end);
  CHECK(watch.end->ok());
}

TEST_CASE("A silent stream ends with Timeout at its idle limit; bookmarks keep one alive", "[cluster]") {
  SimFixture f;
  DirectTransport transport(f.loop, f.server);
  Follower silent, marked;
  TransportRequest request = requestFor("GET", std::string(slabsPath) + "?watch=true&timeoutSeconds=3600");
  request.idleTimeout = std::chrono::minutes(2);
  silent.open(transport, request);
  request.target += "&allowWatchBookmarks=true";
  marked.open(transport, request);
  f.settle(std::chrono::seconds(119));
  CHECK_FALSE(silent.end);
  f.settle(std::chrono::minutes(8));
  REQUIRE(silent.end);
  CHECK(silent.end->error().kind == ErrorKind::Timeout);
  CHECK_FALSE(marked.end);
  CHECK(marked.lines.size() >= 9);
}

TEST_CASE("A stream may be ended from inside any of its call-backs, and by the end of the transport", "[cluster]") {
  SimFixture f;
  auto transport = std::make_unique<DirectTransport>(f.loop, f.server);
  f.make(slabsPath, slabJson("a"));
  f.make(slabsPath, slabJson("b"));
  for (const int at : {0, 1}) {
    Pending pending;
    int heads = 0, data = 0, ends = 0;
    pending = transport->stream(requestFor("GET", std::string(slabsPath) + "?watch=true"), {[&](const TransportResponse&) {
                                                                                              ++heads;
                                                                                              if (at == 0) pending.reset();
                                                                                            },
                                                                                            [&](std::string_view) {
                                                                                              ++data;
                                                                                              pending.reset();
                                                                                            },
                                                                                            [&](Result<void>) { ++ends; }});
    f.settle();
    CHECK(heads == 1);
    CHECK(data == at);
    CHECK(ends == 0);
    CHECK(f.server.watches() == 0);
  }
  Follower released;
  released.open(*transport, requestFor("GET", std::string(slabsPath) + "?watch=true"));
  released.pending.release();
  Caller call;
  call.call(*transport, requestFor("GET", slabsPath));
  f.settle();
  CHECK(released.lines.size() == 2);
  call.call(*transport, requestFor("GET", slabsPath));
  transport.reset();
  CHECK(f.server.watches() == 0);
  f.make(slabsPath, slabJson("c"));
  f.settle();
  CHECK(released.lines.size() == 2);
  CHECK_FALSE(released.end);
  CHECK_FALSE(call.result);
}
