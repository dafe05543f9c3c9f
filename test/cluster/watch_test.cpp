#include <catch2/catch.hpp>

#include "fixture.hpp"

using namespace spawner;
using namespace spawner::cluster;
using namespace spawner::cluster::test;

using Words = std::vector<std::string>;

TEST_CASE("A watch without a version tells what is there, then what changes, in order", "[cluster]") {
  Fixture f;
  f.slab("b");
  f.slab("a");
  const auto watch = f.watch(std::string(slabsPath) + "?watch=true");
  CHECK(f.words(*watch) == Words{"ADDED a", "ADDED b"});
  f.slab("c");
  f.merge(under(slabsPath, "a"), R"({"spec":{"gracePeriodSeconds":1}})");
  f.remove(under(slabsPath, "b"));
  f.pod("other-type");
  CHECK(f.words(*watch) == Words{"ADDED c", "MODIFIED a", "DELETED b"});
  CHECK(f.words(*watch).empty());
  CHECK_FALSE(watch->ended());
}

TEST_CASE("A watch resumes behind a version and misses nothing", "[cluster]") {
  Fixture f;
  const std::string then = f.slab("a").version();
  f.slab("b");
  f.remove(under(slabsPath, "a"));
  const auto watch = f.watch(std::string(slabsPath) + "?watch=1&resourceVersion=" + then);
  const std::vector<Json> events = f.drain(*watch);
  REQUIRE(events.size() == 2);
  CHECK(events[0].textAt({"type"}) == "ADDED");
  CHECK(events[1].textAt({"type"}) == "DELETED");
  // A deletion carries the version of the deletion: a client resumes from it.
  CHECK(events[1].textAt({"object", "metadata", "resourceVersion"}) == std::to_string(f.store().revision()));
  CHECK(events[0].textAt({"object", "kind"}) == "SessionLivedBackend");
}

TEST_CASE("A selection: what enters is ADDED, what leaves is DELETED as it was, dated now", "[cluster]") {
  Fixture f;
  const auto watch = f.watch(std::string(podsPath) + "?watch=true&labelSelector=x%3D1");
  f.pod("a");
  CHECK(f.words(*watch).empty());
  f.merge(under(podsPath, "a"), R"({"metadata":{"labels":{"x":"1"}}})");
  f.merge(under(podsPath, "a"), R"({"metadata":{"labels":{"x":"1","y":"2"}}})");
  f.merge(under(podsPath, "a"), R"({"metadata":{"labels":{"x":"2"}}})");
  f.remove(under(podsPath, "a"));
  const std::vector<Json> events = f.drain(*watch);
  REQUIRE(events.size() == 3);
  CHECK(events[0].textAt({"type"}) == "ADDED");
  CHECK(events[1].textAt({"type"}) == "MODIFIED");
  CHECK(events[2].textAt({"type"}) == "DELETED");
  CHECK(events[2].textAt({"object", "metadata", "labels", "x"}) == "1");
  CHECK(events[2].textAt({"object", "metadata", "resourceVersion"}) == std::to_string(f.store().revision() - 1));
}

TEST_CASE("Field selectors, one namespace, one name", "[cluster]") {
  Fixture f;
  const auto node = f.watch("/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3Done");
  const auto other = f.watch("/api/v1/namespaces/default/pods?watch=true");
  const auto named = f.watch(under(podsPath, "b") + "?watch=true");
  f.pod("a", "", R"(,"nodeName":"one")");
  f.pod("b", "", R"(,"nodeName":"two")");
  CHECK(f.words(*node) == Words{"ADDED a"});
  CHECK(f.words(*other).empty());
  CHECK(f.words(*named) == Words{"ADDED b"});
}

TEST_CASE("A version that is too old is told in the stream: 410 Expired, then the end", "[cluster]") {
  Fixture f;
  const std::string then = f.slab("a").version();
  f.slab("b");
  f.store().compact();
  const auto watch = f.watch(std::string(slabsPath) + "?watch=true&resourceVersion=" + then);
  const std::vector<Json> events = f.drain(*watch);
  REQUIRE(events.size() == 1);
  CHECK(events[0].textAt({"type"}) == "ERROR");
  CHECK(events[0].integerAt({"object", "code"}) == 410);
  CHECK(events[0].textAt({"object", "reason"}) == "Expired");
  CHECK(events[0].textAt({"object", "kind"}) == "Status");
  CHECK(watch->ended());
  CHECK(f.server().watches() == 0);
}

TEST_CASE("A watcher that does not read is cut when the log has moved past it; one that has nothing to read is not", "[cluster]") {
  ApiServerOptions options;
  options.store.maxLog = 8;
  Fixture f(options);
  const auto slow = f.watch("/api/v1/namespaces/spawner/configmaps?watch=true&resourceVersion=" + std::to_string(f.store().revision()));
  const auto idle = f.watch("/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=" + std::to_string(f.store().revision()));
  CHECK(f.words(*slow).empty());
  CHECK(f.words(*idle).empty());
  for (int i = 0; i < 20; ++i) f.made("/api/v1/namespaces/spawner/configmaps", R"({"metadata":{"generateName":"m-"}})");
  const std::vector<Json> events = f.drain(*slow);
  REQUIRE(events.size() == 1);
  CHECK(events[0].integerAt({"object", "code"}) == 410);
  CHECK(slow->ended());
  f.made("/api/v1/namespaces/default/configmaps", R"({"metadata":{"name":"mine"}})");
  CHECK(f.words(*idle) == Words{"ADDED mine"});
}

TEST_CASE("Bookmarks come on time and let a quiet watcher resume after a compaction", "[cluster]") {
  Fixture f;
  const auto watch = f.watch(std::string(slabsPath) + "?watch=true&allowWatchBookmarks=true&timeoutSeconds=3600&resourceVersion=" +
                             std::to_string(f.store().revision()));
  CHECK(f.drain(*watch).empty());
  f.pod("unrelated");
  REQUIRE(watch->wakeAt());
  f.advance(std::chrono::seconds(59));
  CHECK(f.drain(*watch).empty());
  f.advance(std::chrono::seconds(2));
  CHECK(*watch->wakeAt() <= f.now().mono);
  const std::vector<Json> events = f.drain(*watch);
  REQUIRE(events.size() == 1);
  CHECK(events[0].textAt({"type"}) == "BOOKMARK");
  CHECK(events[0].textAt({"object", "kind"}) == "SessionLivedBackend");
  CHECK(events[0].textAt({"object", "metadata", "resourceVersion"}) == std::to_string(f.store().revision()));
  const std::string mark(events[0].textAt({"object", "metadata", "resourceVersion"}));
  f.store().compact();
  const auto resumed = f.watch(std::string(slabsPath) + "?watch=true&resourceVersion=" + mark);
  f.slab("a");
  CHECK(f.words(*resumed) == Words{"ADDED a"});
  const auto plain = f.watch(std::string(slabsPath) + "?watch=true&resourceVersion=" + mark);
  CHECK(f.drain(*plain).size() == 1);
  f.advance(std::chrono::minutes(5));
  CHECK(f.drain(*plain).empty());  // not asked for: none
}

TEST_CASE("timeoutSeconds ends a watch cleanly; without it the server does, within an hour", "[cluster]") {
  Fixture f;
  const auto watch = f.watch(std::string(slabsPath) + "?watch=true&timeoutSeconds=5");
  const auto open = f.watch(std::string(slabsPath) + "?watch=true");
  f.slab("a");
  f.advance(std::chrono::seconds(5));
  CHECK(f.words(*watch) == Words{"ADDED a"});  // what happened before the end is not lost
  CHECK(watch->ended());
  f.slab("b");
  CHECK(f.drain(*watch).empty());
  CHECK_FALSE(open->ended());
  f.advance(std::chrono::hours(1));
  (void)f.drain(*open);
  CHECK(open->ended());
}

TEST_CASE("sendInitialEvents: what is there, a bookmark that says so, then changes", "[cluster]") {
  Fixture f;
  f.slab("a");
  const std::string target =
      std::string(slabsPath) + "?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan";
  const auto watch = f.watch(target + "&resourceVersion=");
  f.slab("b");
  const std::vector<Json> events = f.drain(*watch);
  REQUIRE(events.size() == 3);
  CHECK(events[0].textAt({"object", "metadata", "name"}) == "a");
  CHECK(events[1].textAt({"type"}) == "BOOKMARK");
  CHECK(events[1].textAt({"object", "metadata", "annotations", "k8s.io/initial-events-end"}) == "true");
  CHECK(events[2].textAt({"object", "metadata", "name"}) == "b");
  CHECK(f.get(std::string(slabsPath) + "?watch=true&sendInitialEvents=true").status == 422);
  CHECK(f.get(std::string(slabsPath) + "?watch=true&resourceVersionMatch=NotOlderThan&resourceVersion=1").status == 422);
}

TEST_CASE("Waking: once until the watch has been read, and only for what concerns it", "[cluster]") {
  Fixture f;
  const auto watch = f.watch(std::string(podsPath) + "?watch=true&labelSelector=x%3D1");
  int woken = 0;
  watch->onWake([&woken] { ++woken; });
  CHECK(f.words(*watch).empty());
  f.pod("not-mine");
  CHECK(woken == 0);
  f.pod("a", R"(,"labels":{"x":"1"})");
  f.pod("b", R"(,"labels":{"x":"1"})");
  CHECK(woken == 1);
  CHECK(f.words(*watch) == Words{"ADDED a", "ADDED b"});
  f.remove(under(podsPath, "a"));
  CHECK(woken == 2);
}

TEST_CASE("All watchers share the text of an event", "[cluster]") {
  Fixture f;
  const auto one = f.watch(std::string(podsPath) + "?watch=true");
  const auto two = f.watch("/api/v1/pods?watch=true&labelSelector=!y");
  f.pod("a");
  const auto first = one->next(f.now()), second = two->next(f.now());
  REQUIRE(first);
  CHECK(first == second);
}

TEST_CASE("Watches are counted, bounded, and cut all at once", "[cluster]") {
  ApiServerOptions options;
  options.maxWatches = 2;
  Fixture f(options);
  auto one = f.watch(std::string(podsPath) + "?watch=true");
  const auto two = f.watch(std::string(podsPath) + "?watch=true");
  CHECK(f.get(std::string(podsPath) + "?watch=true").status == 429);
  one.reset();
  CHECK(f.server().watches() == 1);
  f.pod("a");
  f.server().cutWatches();
  CHECK(f.words(*two) == Words{"ADDED a"});
  CHECK(two->ended());
}

TEST_CASE("The commit hook sees every write, with both versions; what is not written is not seen", "[cluster]") {
  Fixture f;
  struct Seen {
    std::string key;
    bool before, after;
  };
  std::vector<Seen> seen;
  std::uint64_t last = f.store().revision();
  auto hook = f.store().onCommit([&](const Commit& commit) {
    CHECK(commit.revision == last + 1);
    last = commit.revision;
    seen.push_back({commit.key, commit.before != nullptr, commit.after != nullptr});
  });
  f.slab("a");
  f.merge(under(slabsPath, "a"), R"({"spec":{"gracePeriodSeconds":1}})");
  f.merge(under(slabsPath, "a"), R"({"spec":{"gracePeriodSeconds":1}})");
  f.remove(under(slabsPath, "a"));
  REQUIRE(seen.size() == 3);
  CHECK((!seen[0].before && seen[0].after && seen[0].key == "spawner/a"));
  CHECK((seen[1].before && seen[1].after));
  CHECK((seen[2].before && !seen[2].after));
  hook.reset();
  f.slab("b");
  CHECK(seen.size() == 3);
}
