// The typed copy: what it tells, what it learns from our own writes, and that faults never make it wrong.
#include "k8s/informer.hpp"

#include <nlohmann/json.hpp>

#include "spawner/backend.hpp"
#include "tiny_api.hpp"

using namespace spawner;
using namespace spawner::test;
using namespace std::chrono_literals;

namespace {

struct Thing {
  ObjectMeta meta;
};

Result<Thing> decode(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_discarded() || json.contains("bad")) return Error{ErrorKind::Protocol, "bad thing", {}};
  Thing thing;
  thing.meta.ns = json["metadata"]["namespace"];
  thing.meta.name = json["metadata"]["name"];
  thing.meta.uid = json["metadata"].value("uid", "");
  thing.meta.resourceVersion = json["metadata"]["resourceVersion"];
  return thing;
}

Thing thing(const std::string& name, int version) { return *decode(object(name, version)); }

struct InformerFixture {
  explicit InformerFixture(std::uint64_t seed = 1) : loop(seed), random(seededRandom(seed)) { make(); }
  void make(int pageSize = 500) {
    k8s::ReflectorOptions options;
    options.resource = k8s::pods;
    options.ns = "n";
    options.pageSize = pageSize;
    auto sink = std::make_shared<MemorySink>();
    log = sink;
    informer = std::make_unique<k8s::Informer<Thing>>(loop, client, *random, options, decode,
                                                      Logger({LogLevel::Info, LogFormat::Json, sink, {}}, "test"));
    informer->onChange([this](const std::string& key, const auto& before, const auto& after) {
      story.push_back((before ? before->meta.resourceVersion : std::string("-")) + ">" + key + ">" +
                      (after ? after->meta.resourceVersion : "-"));
      // The copy has changed already.
      CHECK(informer->find(key) == after);
    });
  }
  std::shared_ptr<Ask> ask() {
    REQUIRE(loop.runUntil([this] { return transport.waiting() > 0; }, 20s));
    return transport.next();
  }
  std::shared_ptr<Ask> watching(int version, const std::vector<std::string>& objects) {
    informer->start();
    ask()->respond(200, page(version, objects));
    auto watch = ask();
    watch->head();
    loop.runFor(1ms);
    story.clear();
    return watch;
  }
  std::string has(const std::string& name) {
    const auto found = informer->find("n/" + name);
    return found ? found->meta.resourceVersion : "-";
  }
  Story takeStory() { return std::exchange(story, {}); }

  SimLoop loop;
  ScriptedTransport transport{loop};
  k8s::Client client{transport};
  std::unique_ptr<Random> random;
  std::shared_ptr<MemorySink> log;
  Story story;
  std::unique_ptr<k8s::Informer<Thing>> informer;
};

}  // namespace

TEST_CASE("changes are told with before and after; synced comes once") {
  InformerFixture f;
  int synced = 0;
  f.informer->onSynced([&] { ++synced; });
  const auto watch = f.watching(10, {object("a", 3)});
  CHECK(synced == 1);
  CHECK(f.informer->synced());
  watch->line(event("MODIFIED", object("a", 11)));
  watch->line(event("ADDED", object("b", 12)));
  watch->line(event("DELETED", object("a", 13)));
  watch->line(event("ERROR", status(410, "Expired")));
  f.loop.runFor(1ms);
  CHECK(f.takeStory() == Story{"3>n/a>11", "->n/b>12", "11>n/a>-"});
  f.ask()->respond(200, page(20, {}));
  f.ask();
  CHECK(f.takeStory() == Story{"12>n/b>-"});
  CHECK(synced == 1);
}

TEST_CASE("an object that cannot be decoded is left out, its older value too, and comes back when it can") {
  InformerFixture f;
  const auto bad = [](int version) {
    return R"({"bad":1,"metadata":{"namespace":"n","name":"a","resourceVersion":")" + std::to_string(version) + R"("}})";
  };
  const auto watch = f.watching(10, {object("a", 3), object("b", 4)});
  watch->line(event("MODIFIED", bad(11)));
  f.loop.runFor(1ms);
  CHECK(f.takeStory() == Story{"3>n/a>-"});
  CHECK(f.informer->undecodable() == 1);
  REQUIRE_FALSE(f.log->lines.empty());
  CHECK(f.log->lines.back().find("bad thing") != std::string::npos);
  CHECK(f.log->lines.back().find("n/a") != std::string::npos);
  watch->line(event("DELETED", bad(12)));
  watch->line(event("ADDED", bad(13)));
  watch->line(event("MODIFIED", object("a", 14)));
  f.loop.runFor(1ms);
  CHECK(f.takeStory() == Story{"->n/a>14"});
  CHECK(f.transport.waiting() == 0);  // never a reason to relist
}

TEST_CASE("learn: the answer of a write is in the copy at once, and its event is no second news") {
  InformerFixture f;
  const auto watch = f.watching(10, {object("a", 3)});
  f.informer->learn(thing("a", 12));
  f.informer->learn(thing("b", 13));
  CHECK(f.takeStory() == Story{"3>n/a>12", "->n/b>13"});
  watch->line(event("MODIFIED", object("a", 11)));  // what was on the way meanwhile
  watch->line(event("MODIFIED", object("a", 12)));
  watch->line(event("ADDED", object("b", 13)));
  f.loop.runFor(1ms);
  CHECK(f.takeStory().empty());
  f.informer->learn(thing("a", 11));  // a late answer
  CHECK(f.has("a") == "12");
  watch->line(event("MODIFIED", object("a", 14)));
  f.loop.runFor(1ms);
  CHECK(f.takeStory() == Story{"12>n/a>14"});
}

TEST_CASE("learn: a late answer never raises what was deleted since") {
  InformerFixture f;
  const auto watch = f.watching(10, {});
  SECTION("the watch told of it") {
    watch->line(event("ADDED", object("a", 11)));
    watch->line(event("DELETED", object("a", 12)));
  }
  SECTION("only a list told of it, by silence") {
    watch->line(event("ERROR", status(410, "Expired")));
    f.ask()->respond(200, page(20, {}));
    f.ask()->head();
  }
  SECTION("another object's event says that we are past it") { watch->line(event("ADDED", object("z", 15))); }
  SECTION("a bookmark says so") { watch->line(bookmark(15)); }
  f.loop.runFor(1ms);
  f.takeStory();
  f.informer->learn(thing("a", 11));
  CHECK(f.takeStory().empty());
  CHECK(f.has("a") == "-");
  f.informer->learn(thing("a", 21));  // a new one of that name
  CHECK(f.has("a") == "21");
}

TEST_CASE("learn: the end of an earlier object of that name does not take the new one") {
  InformerFixture f;
  const auto watch = f.watching(10, {object("a", 3)});
  f.informer->learn(thing("a", 14));  // deleted at 12, made again at 14 by us
  watch->line(event("DELETED", object("a", 12)));
  f.loop.runFor(1ms);
  CHECK(f.has("a") == "14");
  watch->line(event("ADDED", object("a", 14)));
  watch->line(event("DELETED", object("a", 16)));
  f.loop.runFor(1ms);
  CHECK(f.has("a") == "-");
}

TEST_CASE("learn: what only we told of goes with a list that does not have it, unless it is of after the list") {
  InformerFixture f;
  const auto watch = f.watching(10, {});
  f.informer->learn(thing("gone", 11));
  f.informer->learn(thing("fresh", 31));
  watch->fail(ErrorKind::Disconnected);
  f.ask()->respond(410, status(410, "Expired"));
  f.ask()->respond(200, page(20, {}));
  const auto again = f.ask();
  CHECK(f.has("gone") == "-");
  CHECK(f.has("fresh") == "31");
  again->head();
  again->line(event("ADDED", object("fresh", 31)));
  again->line(event("DELETED", object("fresh", 35)));
  f.loop.runFor(1ms);
  CHECK(f.has("fresh") == "-");
}

TEST_CASE("learn: before and during the first list") {
  InformerFixture f;
  f.informer->learn(thing("early", 5));
  f.informer->learn(thing("gone", 6));
  f.informer->start();
  const auto first = f.ask();
  first->respond(200, page(20, {object("a", 1)}, "t"));
  const auto second = f.ask();
  f.informer->learn(thing("a", 25));
  f.informer->learn(thing("early", 26));
  second->respond(200, page(20, {object("early", 5)}));
  const auto watch = f.ask();
  CHECK(f.has("a") == "25");
  CHECK(f.has("early") == "26");
  CHECK(f.has("gone") == "-");
  CHECK(f.has("b") == "-");
  watch->head();
  watch->line(event("MODIFIED", object("a", 22)));
  f.loop.runFor(1ms);
  CHECK(f.has("a") == "25");
}

TEST_CASE("a call-back may destroy the informer") {
  InformerFixture f;
  f.informer->onChange([&f](const std::string&, const auto&, const auto&) { f.informer.reset(); });
  f.informer->onChange([](const std::string&, const auto&, const auto&) { FAIL("told after its end"); });
  f.informer->start();
  f.ask()->respond(200, page(10, {object("a", 3), object("b", 4)}));
  f.loop.runFor(1min);
  CHECK(f.story == Story{"->n/a>3"});
}

TEST_CASE("faults of every kind never make the copy wrong, and it never goes back") {
  const int seeds = 150;
  std::uint64_t lists = 0, errors = 0;
  for (int seed = 1; seed <= seeds; ++seed) {
    InformerFixture f(seed);
    f.make(1 + seed % 5);
    TinyApi api(f.transport, *f.random);
    std::map<std::string, int> newest;  // by key: the highest version that was ever told
    f.informer->onChange([&](const std::string& key, const auto&, const auto& after) {
      if (!after) return;
      const int version = std::stoi(after->meta.resourceVersion);
      CHECK(version > newest[key]);
      newest[key] = version;
    });
    f.informer->start();
    // Answers of our own writes come late, and in any order.
    std::vector<Timer> answers;
    for (int i = 0; i < 300; ++i) {
      f.loop.runFor(std::chrono::microseconds(f.random->below(30'000)));
      const std::string written = api.write();
      if (!written.empty() && f.random->below(3) == 0)
        answers.push_back(
            f.loop.after(std::chrono::microseconds(f.random->below(100'000)), [&f, written] { f.informer->learn(*decode(written)); }));
      if (f.random->below(60) == 0) api.compact();
    }
    api.faults = false;
    const auto same = [&] {
      if (!f.informer->synced() || f.informer->items().size() != api.objects.size()) return false;
      for (const auto& [name, text] : api.objects)
        if (f.has(name) != decode(text)->meta.resourceVersion) return false;
      return true;
    };
    INFO("seed " << seed);
    // No further write: what was lost must come by itself.
    f.loop.runFor(30s);
    CHECK(same());
    lists += f.informer->reflector().counts().lists;
    errors += f.informer->reflector().counts().errors;
  }
  // The faults did happen.
  CHECK(lists > 2 * seeds);
  CHECK(errors > 5 * seeds);
}
