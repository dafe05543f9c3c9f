// Contract: lists, pages, versions and watches.

#include "target.hpp"

using namespace spawner;
using namespace spawner::contract;

namespace {

using Words = std::vector<std::string>;

Words itemNames(const Answer& list) {
  Words out;
  INFO(list.body);
  REQUIRE(list.status == 200);
  const Json* items = list.json.find("items");
  for (const Json& item : items != nullptr ? items->items() : Json::Array()) out.emplace_back(item.textAt({"metadata", "name"}));
  return out;
}

std::string configMap(std::string_view name, std::string_view labels = "{}") {
  return R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + std::string(name) + R"(","labels":)" + std::string(labels) +
         "}}";
}

/// Of a real cluster's own: every namespace has one.
void withoutOwn(Words& words) { std::erase(words, "kube-root-ca.crt"); }

}  // namespace

TEST_CASE("Contract: items of a list: custom ones carry their kind, built-in ones do not", "[contract][integration]") {
  Target t;
  t.made(t.slabs(), slab("b"));
  t.made(t.slabs(), slab("a"));
  t.made(t.core("pods"), pod("p"));
  const Answer slabs = t.get(t.slabs());
  CHECK(slabs.at({"kind"}) == "SessionLivedBackendList");
  CHECK(itemNames(slabs) == Words{"a", "b"});
  CHECK(slabs.json.find("items")->items()[0].textAt({"kind"}) == "SessionLivedBackend");
  const Answer pods = t.get(t.core("pods"));
  CHECK(pods.at({"kind"}) == "PodList");
  CHECK(pods.json.find("items")->items()[0].find("kind") == nullptr);
  CHECK_FALSE(pods.version().empty());
}

TEST_CASE("Contract: selectors", "[contract][integration]") {
  Target t;
  t.made(t.core("pods"), pod("a", R"(,"labels":{"x":"1"})"));
  t.made(t.core("pods"), pod("b", R"(,"labels":{"x":"2"})"));
  CHECK(itemNames(t.get(t.core("pods") + "?labelSelector=x%3D1")) == Words{"a"});
  CHECK(itemNames(t.get(t.core("pods") + "?labelSelector=x%20in%20(2%2C3)")) == Words{"b"});
  CHECK(itemNames(t.get(t.core("pods") + "?labelSelector=x%21%3D1")) == Words{"b"});
  CHECK(itemNames(t.get(t.core("pods") + "?labelSelector=%21x")).empty());
  CHECK(itemNames(t.get(t.core("pods") + "?fieldSelector=metadata.name%3Db")) == Words{"b"});
  CHECK(itemNames(t.get(t.core("pods") + "?fieldSelector=spec.nodeName%3D%2Cstatus.phase%3DPending")) == Words{"a", "b"});
  CHECK(t.get(t.core("pods") + "?fieldSelector=spec.image%3Dx").status == 400);
  CHECK(t.get(t.core("pods") + "?labelSelector=%3D%3D").status == 400);
}

TEST_CASE("Contract: pages show one moment", "[contract][integration]") {
  Target t;
  for (const std::string_view name : {"a", "b", "c", "d", "e"}) t.made(t.slabs(), slab(name));
  const Answer first = t.get(t.slabs() + "?limit=2");
  CHECK(itemNames(first) == Words{"a", "b"});
  CHECK(first.json.integerAt({"metadata", "remainingItemCount"}) == 3);
  t.remove(t.slabs("c"));
  t.made(t.slabs(), slab("bb"));
  const Answer second = t.get(t.slabs() + "?limit=2&continue=" + first.at({"metadata", "continue"}));
  CHECK(itemNames(second) == Words{"c", "d"});
  CHECK(second.version() == first.version());
  const Answer last = t.get(t.slabs() + "?limit=2&continue=" + second.at({"metadata", "continue"}));
  CHECK(itemNames(last) == Words{"e"});
  CHECK(last.at({"metadata", "continue"}).empty());
  CHECK(t.get(t.slabs() + "?limit=2&continue=nonsense").status == 400);
}

TEST_CASE("Contract: versions of a list", "[contract][integration]") {
  Target t;
  const std::string then = t.made(t.slabs(), slab("a")).version();
  t.made(t.slabs(), slab("b"));
  CHECK(itemNames(t.get(t.slabs())) == Words{"a", "b"});
  CHECK(itemNames(t.get(t.slabs() + "?resourceVersion=" + then + "&resourceVersionMatch=NotOlderThan")) == Words{"a", "b"});
  const Answer exact = t.get(t.slabs() + "?resourceVersion=" + then + "&resourceVersionMatch=Exact");
  CHECK(itemNames(exact) == Words{"a"});
  CHECK(t.get(t.slabs() + "?resourceVersionMatch=Exact").status == 422);
  CHECK(t.get(t.slabs() + "?resourceVersion=x").status / 100 == 4);
  const Answer future = t.get(t.slabs() + "?resourceVersion=99999999999");
  CHECK(future.status == 504);
  CHECK(future.reason() == "Timeout");
}

TEST_CASE("Contract: a watch from a version tells all that followed, in order, each with a greater version", "[contract][integration]") {
  Target t;
  t.made(t.slabs(), slab("a"));
  const std::string then = t.get(t.slabs()).version();
  t.made(t.slabs(), slab("b"));
  t.merge(t.slabs("a"), R"({"spec":{"gracePeriodSeconds":1}})");
  const auto watch = t.watch(t.slabs() + "?watch=true&timeoutSeconds=60&resourceVersion=" + then);
  REQUIRE(watch->status == 200);
  t.remove(t.slabs("b"));
  t.made(t.slabs(), slab("b"));
  const std::vector<Json>& events = watch->waitFor(4, "four events");
  CHECK(watch->words() == Words{"ADDED b", "MODIFIED a", "DELETED b", "ADDED b"});
  std::uint64_t last = std::stoull(then);
  for (const Json& event : events) {
    const std::uint64_t version = std::stoull(std::string(event.textAt({"object", "metadata", "resourceVersion"})));
    CHECK(version > last);
    last = version;
    CHECK(event.textAt({"object", "kind"}) == "SessionLivedBackend");
  }
  CHECK(events[0].textAt({"object", "metadata", "uid"}) == events[2].textAt({"object", "metadata", "uid"}));
  CHECK(events[2].textAt({"object", "metadata", "uid"}) != events[3].textAt({"object", "metadata", "uid"}));
}

TEST_CASE("Contract: a watch without a version begins with what is there", "[contract][integration]") {
  Target t;
  t.made(t.slabs(), slab("a"));
  t.made(t.slabs(), slab("b"));
  for (const std::string version : {"", "&resourceVersion=0"}) {
    const auto watch = t.watch(t.slabs() + "?watch=true&timeoutSeconds=60" + version);
    (void)watch->waitFor(2, "what is there");
    CHECK(watch->words() == Words{"ADDED a", "ADDED b"});
  }
}

TEST_CASE("Contract: through a selection, what leaves is DELETED and what enters ADDED", "[contract][integration]") {
  Target t;
  const std::string path = t.core("configmaps");
  const auto watch = t.watch(path + "?watch=true&timeoutSeconds=60&labelSelector=x%3D1&resourceVersion=" + t.get(path).version());
  t.made(path, configMap("a"));
  t.merge(path + "/a", R"({"metadata":{"labels":{"x":"1"}}})");
  t.merge(path + "/a", R"({"metadata":{"labels":{"y":"1"}}})");
  t.merge(path + "/a", R"({"metadata":{"labels":{"x":"2"}}})");
  t.remove(path + "/a");
  t.made(path, configMap("end", R"({"x":"1"})"));
  const std::vector<Json>& events = watch->waitFor(4, "four events");
  CHECK(watch->words() == Words{"ADDED a", "MODIFIED a", "DELETED a", "ADDED end"});
  CHECK(events[2].textAt({"object", "metadata", "labels", "x"}) == "1");  // as the watcher knew it
}

TEST_CASE("Contract: a watch ends cleanly after timeoutSeconds", "[contract][integration]") {
  Target t;
  const auto watch = t.watch(t.slabs() + "?watch=true&timeoutSeconds=1");
  CHECK(watch->status == 200);
  watch->waitEnd();
}

TEST_CASE("Contract: sendInitialEvents marks where the present ends", "[contract][integration]") {
  Target t;
  t.made(t.slabs(), slab("a"));
  const auto watch = t.watch(
      t.slabs() +
      "?watch=true&timeoutSeconds=60&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&resourceVersion=");
  REQUIRE(watch->status == 200);
  const std::vector<Json>& events = watch->waitFor(2, "the object and the mark");
  CHECK(events[0].textAt({"object", "metadata", "name"}) == "a");
  CHECK(events[1].textAt({"type"}) == "BOOKMARK");
  CHECK(events[1].textAt({"object", "metadata", "annotations", "k8s.io/initial-events-end"}) == "true");
  CHECK(t.get(t.slabs() + "?watch=true&sendInitialEvents=true").status == 422);
}

TEST_CASE("Contract: deletecollection", "[contract][integration]") {
  Target t;
  const std::string path = t.core("configmaps");
  t.made(path, configMap("a", R"({"x":"1"})"));
  t.made(path, configMap("b", R"({"x":"1"})"));
  t.made(path, configMap("c"));
  CHECK(t.remove(path + "?labelSelector=x%3D1").status == 200);
  Words left = itemNames(t.get(path));
  withoutOwn(left);
  CHECK(left == Words{"c"});
}
