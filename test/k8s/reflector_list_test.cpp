// Listing: pages, relists, and what a list proves gone.
#include "reflector_fixture.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

TEST_CASE("newerThan compares numbers of any length; anything else that differs is newer") {
  CHECK(k8s::newerThan("10", "9"));
  CHECK_FALSE(k8s::newerThan("9", "10"));
  CHECK_FALSE(k8s::newerThan("9", "9"));
  CHECK(k8s::newerThan("100000000000000000000000000000", "99999999999999999999999999999"));
  CHECK(k8s::newerThan("a", "9"));
  CHECK(k8s::newerThan("9", "a"));
  CHECK(k8s::newerThan("1", ""));
  CHECK_FALSE(k8s::newerThan("a", "a"));
}

TEST_CASE("nothing is asked before start, nor inside it; the list is consistent, in pages, with the selectors") {
  k8s::ReflectorOptions options;
  options.labelSelector = "app in (a,b)";
  options.fieldSelector = "spec.nodeName=n1";
  options.pageSize = 2;
  ReflectorFixture f(1, options);
  f.run(1min);
  CHECK(f.transport.requests() == 0);
  f.reflector->start();
  CHECK(f.transport.requests() == 0);
  const auto first = f.ask();
  CHECK(first->request.target == "/api/v1/namespaces/n/pods?labelSelector=app%20in%20%28a%2Cb%29&fieldSelector=spec.nodeName%3Dn1&limit=2");
  first->respond(200, page(10, {object("a", 3), object("b", 4)}, "t/1"));
  const auto second = f.ask();
  CHECK(f.takeStory() == Story{"+n/a@3", "+n/b@4"});
  CHECK_FALSE(f.reflector->synced());
  CHECK(f.has(*second, "continue=t%2F1"));
  CHECK(f.has(*second, "limit=2"));
  second->respond(200, page(10, {object("c", 5)}));
  const auto watch = f.ask();
  CHECK(f.takeStory() == Story{"+n/c@5", "synced"});
  CHECK(f.reflector->synced());
  CHECK(f.isWatch(*watch));
  CHECK(f.has(*watch, "resourceVersion=10"));
  CHECK(f.has(*watch, "allowWatchBookmarks=true"));
  CHECK(f.has(*watch, "labelSelector=app"));
  CHECK(f.reflector->counts().lists == 1);
}

TEST_CASE("pages are taken in turns of their own") {
  ReflectorFixture f;
  f.reflector->start();
  f.ask()->respond(200, page(10, {object("a", 3)}, "t"));
  std::uint64_t turnOfPage = 0;
  while (f.transport.waiting() == 0) {
    REQUIRE(f.loop.step());
    if (turnOfPage == 0 && !f.copy.empty()) turnOfPage = f.loop.steps();
  }
  CHECK(turnOfPage < f.loop.steps());  // the request for the next page was made in a later turn
}

TEST_CASE("a broken page is asked for again, with growing patience; a lost place restarts the list") {
  ReflectorFixture f;
  f.reflector->start();
  f.ask()->respond(200, page(10, {object("a", 3)}, "t1"));
  f.ask()->fail(ErrorKind::Disconnected);
  auto again = f.ask(200ms);
  CHECK(f.has(*again, "continue=t1"));
  again->respond(503, status(503, "ServiceUnavailable"), {{"retry-after", "7"}});
  f.run(6s);
  CHECK(f.transport.waiting() == 0);  // it waits as long as the server asked
  again = f.ask(2s);
  CHECK(f.has(*again, "continue=t1"));
  again->respond(410, status(410, "Expired"));
  again = f.ask(10s);
  CHECK_FALSE(f.has(*again, "continue="));
  CHECK(f.reflector->counts().relists410 == 1);
  f.takeStory();
  again->respond(200, page(20, {object("a", 3), object("b", 15)}));
  f.ask();
  CHECK(f.takeStory() == Story{"+n/b@15", "synced"});  // a was known in this version
}

TEST_CASE("a 410 in the middle of a list never leaves what is gone") {
  ReflectorFixture f;
  f.reflector->start();
  f.ask()->respond(200, page(10, {object("a", 3), object("b", 4)}, "t1"));
  f.ask()->respond(410, status(410, "Expired"));
  f.ask(1s)->respond(200, page(20, {object("b", 4)}, "t2"));
  f.ask()->respond(200, page(20, {object("c", 12)}));
  f.ask();
  CHECK(f.copy == std::map<std::string, std::string>{{"n/b", object("b", 4)}, {"n/c", object("c", 12)}});
  CHECK(f.takeStory() == Story{"+n/a@3", "+n/b@4", "+n/c@12", "-n/a", "synced"});
}

TEST_CASE("an unreadable page is a failure, and is counted") {
  ReflectorFixture f;
  f.reflector->start();
  f.ask()->respond(200, R"({"metadata":{"resourceVersion":"5"},"items":[{"no":"name"}]})");
  const auto again = f.ask(1s);
  CHECK_FALSE(f.isWatch(*again));
  CHECK(f.reflector->counts().errors == 1);
  CHECK_FALSE(f.reflector->synced());
}

TEST_CASE("a page larger than the transport takes is asked for in halves") {
  ReflectorFixture f;
  f.reflector->start();
  auto ask = f.ask();
  CHECK(f.has(*ask, "limit=500"));
  ask->fail(ErrorKind::Limit);
  ask = f.ask(1s);
  CHECK(f.has(*ask, "limit=250"));
  for (int i = 0; i < 12; ++i) {
    ask->fail(ErrorKind::Limit);
    ask = f.ask(20s);
  }
  CHECK(f.has(*ask, "limit=1"));
}

TEST_CASE("failures wait longer and longer, up to the bound, with chance in it") {
  ReflectorFixture f;
  f.reflector->start();
  std::vector<Duration> waits;
  for (int i = 0; i < 12; ++i) {
    const auto ask = f.ask(20s);
    ask->fail(ErrorKind::Disconnected);
    f.run(0ms);
    const TimePoint failed = f.loop.now();
    f.loop.runUntil([&] { return f.transport.waiting() > 0; }, 20s);
    waits.push_back(f.loop.now() - failed);
  }
  CHECK(waits.front() >= Duration(80ms));
  CHECK(waits.front() <= Duration(120ms));
  CHECK(waits.back() >= Duration(8s));
  CHECK(waits.back() <= Duration(12s));
  CHECK(waits[10] != waits[11]);
}

TEST_CASE("a relist erases what is gone, tells what changed, and is silent about the rest") {
  ReflectorFixture f;
  auto watch = f.watching(10, {object("a", 3), object("b", 4), object("c", 5)});
  watch->line(event("ERROR", status(410, "Expired")));
  f.ask()->respond(200, page(30, {object("b", 4), object("c", 25), object("d", 26)}));
  f.ask();
  CHECK(f.takeStory() == Story{"+n/c@25", "+n/d@26", "-n/a"});
}

TEST_CASE("a server whose versions went back is taken anew, whole") {
  ReflectorFixture f;
  auto watch = f.watching(1000, {object("a", 900), object("b", 950)});
  watch->line(event("ERROR", status(410, "Expired")));
  f.ask()->respond(200, page(50, {object("a", 40)}));
  const auto resumed = f.ask();
  CHECK(f.has(*resumed, "resourceVersion=50"));
  CHECK(f.copy == std::map<std::string, std::string>{{"n/a", object("a", 40)}});
  resumed->head();
  resumed->line(event("MODIFIED", object("a", 51)));
  f.run();
  CHECK(f.copy.at("n/a") == object("a", 51));
}

TEST_CASE("the time since the last sign of life grows only in silence") {
  ReflectorFixture f;
  CHECK(f.reflector->sinceContact() == Duration::zero());
  auto watch = f.watching(10, {});
  f.run(30s);
  CHECK(f.reflector->sinceContact() >= Duration(30s));
  watch->line(bookmark(11));
  f.run(1s);
  CHECK(f.reflector->sinceContact() <= Duration(1s));
  watch->fail(ErrorKind::Disconnected);
  f.ask(1s)->respond(503, status(503, "ServiceUnavailable"));
  f.run(20s);
  CHECK(f.reflector->sinceContact() >= Duration(20s));
}

TEST_CASE("a call-back may destroy the reflector at each kind of news") {
  for (const std::string at : {"+n/a", "+n/b", "synced", "-n/a", "+n/z", "-n/z"}) {
    SimLoop loop(3);
    ScriptedTransport transport(loop);
    k8s::Client client(transport);
    const auto random = seededRandom(3);
    std::unique_ptr<k8s::Reflector> reflector;
    std::vector<std::string> story;
    bool dead = false;
    const auto tell = [&](const std::string& news) {
      CHECK_FALSE(dead);
      if (news == at) {
        reflector.reset();
        dead = true;
      }
    };
    k8s::ReflectorOptions options;
    options.resource = k8s::pods;
    reflector =
        std::make_unique<k8s::Reflector>(loop, client, *random, options,
                                         k8s::ReflectorHandlers{[&](const std::string& key, std::string_view) { tell("+" + key); },
                                                                [&](const std::string& key) { tell("-" + key); }, [&] { tell("synced"); }},
                                         Logger{});
    int lists = 0;
    transport.serve([&](const std::shared_ptr<Ask>& ask) {
      if (!ask->stream) return ask->respond(200, lists++ == 0 ? page(10, {object("a", 1), object("b", 2)}) : page(40, {object("b", 2)}));
      ask->head();
      ask->data(event("ADDED", object("z", 20)) + "\n" + event("DELETED", object("z", 21)) + "\n" + event("ERROR", status(410, "Expired")) +
                "\n");
    });
    reflector->start();
    INFO(at);
    CHECK(loop.runUntil([&] { return dead; }, 1min));
    loop.runFor(1min);
  }
}
