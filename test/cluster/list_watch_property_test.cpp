// A client that lists and watches, is cut at random, resumes and lists again on 410, ends with exactly what the store has.

#include <catch2/catch.hpp>
#include <map>
#include <optional>

#include "fixture.hpp"

using namespace spawner;
using namespace spawner::cluster;
using namespace spawner::cluster::test;

namespace {

class Mirror {
 public:
  Mirror(Fixture& f, std::string path, std::string selector) : f_(f), path_(std::move(path)), selector_(std::move(selector)) {}

  /// One thing that a client does: a page, the start of a watch, or some events.
  void step(Random& random) {
    if (watch_) {
      if (random.below(12) == 0) return cut();
      (void)read(random.below(4));
      return;
    }
    if (listed_) return startWatch(random);
    nextPage();
  }
  void settle() {
    for (int i = 0; i < 100'000; ++i) {
      if (!watch_) {
        listed_ ? startWatch() : nextPage();
        continue;
      }
      if (!read(1'000)) return;
    }
    FAIL("the mirror does not come to rest");
  }
  [[nodiscard]] const std::map<std::string, std::string>& objects() const { return objects_; }
  int relists = 0, resumes = 0;

 private:
  void cut() {
    watch_.reset();
    ++resumes;
  }
  void startWatch(Random& random) { startWatch(random.below(2) == 0); }
  void startWatch(bool bookmarks = false) {
    watch_ = f_.watch(path_ + "?watch=true&resourceVersion=" + version_ + (bookmarks ? "&allowWatchBookmarks=true" : "") + selector_);
  }
  void nextPage() {
    const Answer page = f_.get(path_ + "?limit=3" + (token_.empty() ? "" : "&continue=" + token_) + selector_);
    if (page.status == 410) {
      token_.clear();
      fresh_.clear();
      return;
    }
    REQUIRE(page.status == 200);
    for (const Json& item : page.json.find("items")->items())
      fresh_[std::string(item.textAt({"metadata", "name"}))] = item.textAt({"metadata", "resourceVersion"});
    version_ = page.version();
    token_ = page.at({"metadata", "continue"});
    if (!token_.empty()) return;
    objects_ = std::exchange(fresh_, {});
    listed_ = true;
    ++relists;
  }
  /// False when there was nothing.
  bool read(std::uint64_t most) {
    for (std::uint64_t i = 0; i < most; ++i) {
      const auto line = watch_->next(f_.now());
      if (!line) {
        if (watch_->ended()) cut();
        return false;
      }
      const Json event = parse(*line);
      const std::string_view type = event.textAt({"type"});
      if (type == "ERROR") {
        REQUIRE(event.integerAt({"object", "code"}) == 410);
        watch_.reset();
        listed_ = false;
        return true;
      }
      const std::string version(event.textAt({"object", "metadata", "resourceVersion"}));
      CHECK(std::stoull(version) >= std::stoull(version_));  // never back in time
      version_ = version;
      const std::string name(event.textAt({"object", "metadata", "name"}));
      if (type == "BOOKMARK") continue;
      // Exactly once: an ADDED was not there, the others were.
      CHECK(objects_.contains(name) == (type != "ADDED"));
      if (type == "DELETED")
        objects_.erase(name);
      else
        objects_[name] = version;
    }
    return true;
  }

  Fixture& f_;
  std::string path_, selector_;
  std::map<std::string, std::string> objects_, fresh_;
  std::string version_, token_;
  bool listed_ = false;
  std::unique_ptr<Stream> watch_;
};

void writeSomething(Fixture& f, Random& random) {
  const std::string name = "s" + std::to_string(random.below(12));
  switch (random.below(5)) {
    case 0:
    case 1: (void)f.post(slabsPath, slabJson(name)); break;
    case 2: (void)f.merge(under(slabsPath, name), R"({"metadata":{"labels":{"x":")" + std::to_string(random.below(3)) + R"("}}})"); break;
    case 3:
      (void)f.merge(under(slabsPath, name + "/status"), R"({"status":{"message":")" + std::to_string(random.next()) + R"("}})");
      break;
    default: (void)f.remove(under(slabsPath, name)); break;
  }
}

}  // namespace

TEST_CASE("List and watch with random cuts, compactions and time: the mirror equals the store", "[cluster]") {
  int relists = 0, resumes = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    ApiServerOptions options;
    options.store.maxLog = 3 + seed % 20;
    Fixture f(options, seed);
    const auto random = seededRandom(seed);
    Mirror all(f, std::string(slabsPath), ""), some(f, std::string(slabsPath), "&labelSelector=x%3D1");
    for (int i = 0; i < 400; ++i) {
      if (random->below(3) != 0) writeSomething(f, *random);
      if (random->below(60) == 0) f.store().compact();
      if (random->below(10) == 0) f.advance(std::chrono::seconds(random->below(90)));
      all.step(*random);
      some.step(*random);
    }
    all.settle();
    some.settle();
    std::map<std::string, std::string> stored, selected;
    for (const auto& [key, object] : f.store().objects(types::slabs)) {
      stored[std::string(object->name())] = object->json().textAt({"metadata", "resourceVersion"});
      if (object->json().textAt({"metadata", "labels", "x"}) == "1")
        selected[std::string(object->name())] = object->json().textAt({"metadata", "resourceVersion"});
    }
    CHECK(all.objects() == stored);
    // A watch through a selector sees no version that leaves it unselected, so versions agree too.
    CHECK(some.objects() == selected);
    relists += all.relists + some.relists;
    resumes += all.resumes + some.resumes;
  }
  CHECK(relists > 200);  // the run did meet 410
  CHECK(resumes > 200);
}
