// Watching: every way a watch can break, and that no event is lost, told twice, or told late.
#include "reflector_fixture.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

TEST_CASE("events are told once, in order, whatever chunks they come in") {
  const std::string bytes = event("ADDED", object("b", 11)) + "\n" + event("MODIFIED", object("a", 12)) + "\r\n" + bookmark(13) + "\n\n" +
                            event("DELETED", object("b", 14)) + "\n";
  for (std::size_t chunk = 1; chunk <= bytes.size(); ++chunk) {
    ReflectorFixture f(chunk);
    const auto watch = f.watching(10, {object("a", 3)});
    watch->chunkBytes = chunk;
    watch->data(bytes);
    f.run();
    CHECK(f.takeStory() == Story{"+n/b@11", "+n/a@12", "-n/b"});
    CHECK(f.reflector->counts().errors == 0);
  }
}

TEST_CASE("a watch cut at any byte is resumed after the last whole event, and none is lost or told twice") {
  const std::vector<std::string> events = {event("ADDED", object("b", 11)), bookmark(13), event("MODIFIED", object("b", 15)),
                                           event("DELETED", object("a", 17))};
  std::string bytes;
  std::vector<std::size_t> ends;
  for (const std::string& text : events) ends.push_back((bytes += text + "\n").size());
  const std::vector<std::string> versions = {"10", "11", "13", "15", "17"};
  for (const bool clean : {false, true}) {
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      ReflectorFixture f(cut + 1);
      const auto watch = f.watching(10, {object("a", 3)});
      watch->data(bytes.substr(0, cut));
      clean ? watch->end() : watch->fail(ErrorKind::Disconnected);
      const auto resumed = f.ask(1s);
      std::size_t whole = 0;
      while (whole < ends.size() && ends[whole] <= cut) ++whole;
      INFO("cut at " << cut);
      REQUIRE(f.isWatch(*resumed));
      CHECK(f.has(*resumed, "resourceVersion=" + versions[whole] + "&"));
      // A clean end within an event is none.
      CHECK(f.reflector->counts().errors == (clean && cut == (whole == 0 ? 0 : ends[whole - 1]) ? 0 : 1));
      resumed->head();
      resumed->data(whole == 0 ? bytes : bytes.substr(ends[whole - 1]));
      f.run();
      CHECK(f.takeStory() == Story{"+n/b@11", "+n/b@15", "-n/a"});
    }
  }
}

TEST_CASE("a clean end after news is resumed at once; one without any, right away, is not") {
  ReflectorFixture f;
  auto watch = f.watching(10, {});
  watch->line(event("ADDED", object("b", 11)));
  watch->end();
  watch = f.ask(0ms);
  CHECK(f.has(*watch, "resourceVersion=11"));
  watch->head();
  watch->end();
  f.run(50ms);
  CHECK(f.transport.waiting() == 0);
  watch = f.ask(1s);
  watch->head();
  f.run(2min);  // silent, but it held
  watch->end();
  f.ask(0ms);
  CHECK(f.reflector->counts().errors == 0);
}

TEST_CASE("a server that ends every watch at once is not hammered") {
  ReflectorFixture f;
  f.transport.serve([](const std::shared_ptr<Ask>& ask) { ask->respond(200, ask->stream ? bookmark(10) + "\n" : page(10, {})); });
  f.reflector->start();
  f.run(1min);
  CHECK(f.transport.requests() > 3);
  CHECK(f.transport.requests() < 25);
}

TEST_CASE("410 in the head or in the stream leads to a new list, at once the first time, later with patience") {
  ReflectorFixture f;
  auto watch = f.watching(10, {object("a", 3)});
  SECTION("in the stream") { watch->line(event("ERROR", status(410, "Expired"))); }
  SECTION("in the head") {
    watch->line(event("MODIFIED", object("a", 11)));
    watch->end();
    watch = f.ask();
    watch->respond(410, status(410, "Expired"));
  }
  auto list = f.ask(0ms);
  CHECK_FALSE(f.isWatch(*list));
  CHECK_FALSE(f.has(*list, "continue"));
  CHECK(f.reflector->counts().relists410 == 1);
  list->respond(200, page(20, {object("a", 11)}));
  watch = f.ask();
  watch->respond(410, status(410, "Expired"));
  f.run(50ms);
  CHECK(f.transport.waiting() == 0);
  CHECK_FALSE(f.isWatch(*f.ask(1s)));
}

TEST_CASE("other refusals of a watch are waited out, and the place is kept") {
  for (const int code : {401, 403, 404, 429, 500, 503}) {
    ReflectorFixture f;
    auto watch = f.watching(10, {object("a", 3)});
    watch->fail(ErrorKind::Disconnected);
    watch = f.ask(1s);
    watch->respond(code, status(code, "x"));
    watch = f.ask(1s);
    INFO(code);
    CHECK(f.isWatch(*watch));
    CHECK(f.has(*watch, "resourceVersion=10"));
    CHECK(f.story.empty());
  }
}

TEST_CASE("an ERROR event other than 410 is waited out, too") {
  ReflectorFixture f;
  const auto watch = f.watching(10, {object("a", 3)});
  watch->line(event("ERROR", status(500, "InternalError")));
  watch->line(event("DELETED", object("a", 12)));  // nothing after an error counts
  const auto resumed = f.ask(1s);
  CHECK(f.isWatch(*resumed));
  CHECK(f.has(*resumed, "resourceVersion=10"));
  CHECK(f.story.empty());
  CHECK(watch->cancelled());
}

TEST_CASE("what cannot be read is never passed over: the list is taken again") {
  for (const std::string line :
       {R"({"type":"ADDED","object":{"metadata":{"resourceVersion":"12"}}})", "garbage", R"({"type":"NEW","object":{}})"}) {
    ReflectorFixture f;
    const auto watch = f.watching(10, {object("a", 3)});
    watch->line(line);
    watch->line(event("DELETED", object("a", 13)));
    const auto list = f.ask(1s);
    INFO(line);
    CHECK_FALSE(f.isWatch(*list));
    CHECK(watch->cancelled());
    CHECK(f.story.empty());
  }
}

TEST_CASE("an event larger than the bound leads to a list, not to memory without end") {
  k8s::ReflectorOptions options;
  options.maxEventBytes = 1000;
  ReflectorFixture f(1, options);
  const auto watch = f.watching(10, {});
  watch->data(std::string(1001, 'x'));
  CHECK_FALSE(f.isWatch(*f.ask(1s)));
}

TEST_CASE("a silent watch is dead after three minutes and resumed; one with bookmarks lives") {
  ReflectorFixture f;
  const auto watch = f.watching(10, {});
  for (int i = 0; i < 5; ++i) {
    f.run(2min);
    watch->line(bookmark(11 + i));
  }
  f.run(179s);
  CHECK(watch->open());
  const auto resumed = f.ask(2s);
  CHECK_FALSE(watch->open());
  CHECK(f.has(*resumed, "resourceVersion=15"));
}

TEST_CASE("a head that never comes is waited for no longer than the client's limit") {
  ReflectorFixture f;
  f.reflector->start();
  f.ask()->respond(200, page(10, {}));
  f.ask();
  CHECK(f.isWatch(*f.ask(12s)));
}

TEST_CASE("the server is asked to end watches after a time that differs") {
  std::map<std::string, int> seen;
  for (int seed = 1; seed <= 20; ++seed) {
    ReflectorFixture f(seed);
    const auto watch = f.watching(10, {});
    const std::size_t at = watch->request.target.find("timeoutSeconds=") + 15;
    const std::string text = watch->request.target.substr(at);
    const int seconds = std::stoi(text);
    CHECK(seconds >= 300);
    CHECK(seconds < 600);
    ++seen[text];
  }
  CHECK(seen.size() > 5);
}

TEST_CASE("events told again, in whole or in part, change nothing") {
  ReflectorFixture f;
  const auto watch = f.watching(10, {object("a", 3)});
  const std::vector<std::string> events = {event("ADDED", object("b", 11)), event("DELETED", object("b", 12)),
                                           event("ADDED", object("b", 13)), event("MODIFIED", object("a", 14)),
                                           event("DELETED", object("a", 15))};
  for (const std::string& text : events) watch->line(text);
  f.run();
  CHECK(f.takeStory() == Story{"+n/b@11", "-n/b", "+n/b@13", "+n/a@14", "-n/a"});
  for (const std::string& text : events) watch->line(text);
  for (auto text = events.rbegin(); text != events.rend(); ++text) watch->line(*text);
  f.run();
  CHECK(f.takeStory().empty());
  CHECK(f.copy == std::map<std::string, std::string>{{"n/b", object("b", 13)}});
}

TEST_CASE("a bookmark behind us means another history: list") {
  ReflectorFixture f;
  const auto watch = f.watching(100, {object("a", 90)});
  watch->line(bookmark(5));
  CHECK_FALSE(f.isWatch(*f.ask(1s)));
}

TEST_CASE("a delete is believed also where the server gives the object's last version") {
  ReflectorFixture f;
  const auto watch = f.watching(10, {object("a", 3), object("b", 4)});
  watch->line(event("MODIFIED", object("b", 15)));
  watch->line(event("DELETED", object("a", 3)));
  watch->line(event("DELETED", object("b", 15)));
  f.run();
  CHECK(f.copy.empty());
}

TEST_CASE("versions that are no numbers work as opaque words") {
  ReflectorFixture f;
  const auto word = [](const std::string& name, const std::string& version) {
    return R"({"metadata":{"namespace":"n","name":")" + name + R"(","resourceVersion":")" + version + R"("}})";
  };
  f.reflector->start();
  f.ask()->respond(200, R"({"metadata":{"resourceVersion":"x1"},"items":[)" + word("a", "q") + "," + word("b", "r") + "]}");
  auto watch = f.ask();
  CHECK(f.has(*watch, "resourceVersion=x1"));
  watch->head();
  f.reflector->learned("n/c", "zz");
  watch->line(event("MODIFIED", word("a", "c")));
  watch->line(event("DELETED", word("b", "d")));
  watch->line(event("DELETED", word("c", "e")));
  watch->line(event("ERROR", status(410, "Expired")));
  f.run();
  CHECK(f.copy == std::map<std::string, std::string>{{"n/a", word("a", "c")}});
  f.ask()->respond(200, R"({"metadata":{"resourceVersion":"x2"},"items":[]})");
  watch = f.ask();
  CHECK(f.has(*watch, "resourceVersion=x2"));
  CHECK(f.copy.empty());
}
