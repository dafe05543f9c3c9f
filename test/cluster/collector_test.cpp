#include "cluster/collector.hpp"

#include "sim_fixture.hpp"

using namespace spawner;
using namespace spawner::cluster;
using namespace spawner::cluster::test;

TEST_CASE("What an object owns goes with it, and nothing else; what that owns too", "[cluster]") {
  SimFixture f;
  const std::string slab = f.make(slabsPath, slabJson("a"));
  const std::string pod = f.make(podsPath, podJson("p", owners(ownedBy("SessionLivedBackend", "a", slab))));
  f.make("/api/v1/namespaces/spawner/configmaps", R"({"metadata":{"name":"m")" + owners(ownedBy("Pod", "p", pod, "v1")) + "}}");
  f.make(podsPath, podJson("other"));
  f.settle();
  CHECK(f.exists(types::pods, "spawner/p"));
  CHECK(f.call("DELETE", under(slabsPath, "a")).status == 200);
  CHECK(f.exists(types::pods, "spawner/p"));  // in the background: not in the same call
  f.settle();
  CHECK_FALSE(f.exists(types::pods, "spawner/p"));
  CHECK_FALSE(f.exists(types::configMaps, "spawner/m"));
  CHECK(f.exists(types::pods, "spawner/other"));
  CHECK(f.controllers->counts().collected == 2);
}

TEST_CASE("One owner left is enough; the last one counts", "[cluster]") {
  SimFixture f;
  const std::string a = f.make(slabsPath, slabJson("a")), b = f.make(slabsPath, slabJson("b"));
  f.make(podsPath, podJson("p", owners(ownedBy("SessionLivedBackend", "a", a) + "," + ownedBy("SessionLivedBackend", "b", b))));
  f.call("DELETE", under(slabsPath, "a"));
  f.settle();
  CHECK(f.exists(types::pods, "spawner/p"));
  f.call("DELETE", under(slabsPath, "b"));
  f.settle();
  CHECK_FALSE(f.exists(types::pods, "spawner/p"));
}

TEST_CASE("An owner that never was, or of another uid or namespace, is no owner; an unknown kind is left alone", "[cluster]") {
  SimFixture f;
  const std::string slab = f.make(slabsPath, slabJson("a"));
  f.make(podsPath, podJson("never", owners(ownedBy("SessionLivedBackend", "x", "no-such-uid"))));
  f.make("/api/v1/namespaces/default/pods", podJson("elsewhere", owners(ownedBy("SessionLivedBackend", "a", slab))));
  f.make(podsPath, podJson("wrong-kind", owners(ownedBy("Pod", "a", slab, "v1"))));
  f.make(podsPath, podJson("deployed", owners(ownedBy("ReplicaSet", "r", "some-uid", "apps/v1"))));
  f.make(podsPath, podJson("kept", owners(ownedBy("SessionLivedBackend", "a", slab))));
  f.settle();
  CHECK_FALSE(f.exists(types::pods, "spawner/never"));
  CHECK_FALSE(f.exists(types::pods, "default/elsewhere"));
  CHECK_FALSE(f.exists(types::pods, "spawner/wrong-kind"));
  CHECK(f.exists(types::pods, "spawner/deployed"));
  CHECK(f.exists(types::pods, "spawner/kept"));
}

TEST_CASE("A new object of the old name does not adopt what the old one owned", "[cluster]") {
  ControllersOptions options;
  options.collectorDelay = std::chrono::seconds(5);
  SimFixture f(options);
  const std::string slab = f.make(slabsPath, slabJson("a"));
  f.make(podsPath, podJson("p", owners(ownedBy("SessionLivedBackend", "a", slab))));
  f.call("DELETE", under(slabsPath, "a"));
  f.make(slabsPath, slabJson("a"));
  f.settle(std::chrono::seconds(4));
  CHECK(f.exists(types::pods, "spawner/p"));
  f.settle(std::chrono::seconds(2));
  CHECK_FALSE(f.exists(types::pods, "spawner/p"));
  CHECK(f.exists(types::slabs, "spawner/a"));
}

TEST_CASE("References that are added or taken away later count", "[cluster]") {
  SimFixture f;
  const std::string slab = f.make(slabsPath, slabJson("a"));
  f.make(podsPath, podJson("adopted"));
  f.make(podsPath, podJson("released", owners(ownedBy("SessionLivedBackend", "a", slab))));
  f.call("PATCH", under(podsPath, "adopted"), R"({"metadata":{"ownerReferences":[)" + ownedBy("SessionLivedBackend", "a", slab) + "]}}");
  f.call("PATCH", under(podsPath, "released"), R"({"metadata":{"ownerReferences":null}})");
  f.call("DELETE", under(slabsPath, "a"));
  f.settle();
  CHECK_FALSE(f.exists(types::pods, "spawner/adopted"));
  CHECK(f.exists(types::pods, "spawner/released"));
}

TEST_CASE("Foreground: the owner goes last. Orphan: the dependents stay, without it", "[cluster]") {
  SimFixture f;
  registerNode(f.server, "one", "127.0.0.1", 10, f.now());
  const std::string a = f.make(slabsPath, slabJson("a")), b = f.make(slabsPath, slabJson("b"));
  f.make(podsPath, podJson("pa", owners(ownedBy("SessionLivedBackend", "a", a))));
  f.make(podsPath, podJson("pb", owners(ownedBy("SessionLivedBackend", "b", b))));
  f.settle();
  f.call("DELETE", under(slabsPath, "a"), R"({"propagationPolicy":"Foreground"})");
  f.settle();
  CHECK(f.exists(types::slabs, "spawner/a"));  // its pod is still ending
  CHECK(f.server.store().find(types::pods, "spawner/pa")->deleting());
  f.call("DELETE", under(podsPath, "pa"), R"({"gracePeriodSeconds":0})");
  f.settle();
  CHECK_FALSE(f.exists(types::slabs, "spawner/a"));
  f.call("DELETE", under(slabsPath, "b"), R"({"propagationPolicy":"Orphan"})");
  f.settle();
  CHECK_FALSE(f.exists(types::slabs, "spawner/b"));
  REQUIRE(f.exists(types::pods, "spawner/pb"));
  CHECK(f.server.store().find(types::pods, "spawner/pb")->json().find({"metadata", "ownerReferences"}) == nullptr);
}

TEST_CASE("A namespace goes when the last of its content has", "[cluster]") {
  SimFixture f;
  registerNode(f.server, "one", "127.0.0.1", 10, f.now());
  f.make("/api/v1/namespaces", R"({"metadata":{"name":"n"}})");
  f.make("/api/v1/namespaces/n/configmaps", R"({"metadata":{"name":"m"}})");
  f.make("/api/v1/namespaces/n/pods", podJson("p"));
  f.make("/api/v1/namespaces", R"({"metadata":{"name":"nn"}})");
  f.make("/api/v1/namespaces/nn/configmaps", R"({"metadata":{"name":"m"}})");
  f.settle();
  CHECK(f.call("DELETE", "/api/v1/namespaces/n").status == 200);
  f.settle();
  CHECK_FALSE(f.exists(types::configMaps, "n/m"));
  CHECK(f.exists(types::namespaces, "n"));  // the pod's agent has not ended it yet
  f.call("DELETE", "/api/v1/namespaces/n/pods/p", R"({"gracePeriodSeconds":0})");
  f.settle();
  CHECK_FALSE(f.exists(types::namespaces, "n"));
  CHECK(f.exists(types::configMaps, "nn/m"));
}

TEST_CASE("Controllers that start late take up what was left", "[cluster]") {
  SimFixture f;
  f.controllers.reset();
  const std::string slab = f.make(slabsPath, slabJson("a")), kept = f.make(slabsPath, slabJson("b"));
  f.make(podsPath, podJson("p", owners(ownedBy("SessionLivedBackend", "a", slab))));
  f.make(podsPath, podJson("q", owners(ownedBy("SessionLivedBackend", "b", kept))));
  f.call("DELETE", under(slabsPath, "a"));
  registerNode(f.server, "one", "127.0.0.1", 10, f.now());
  f.settle();
  CHECK(f.exists(types::pods, "spawner/p"));
  f.controllers.emplace(f.loop, f.server, ControllersOptions{});
  f.settle();
  const ObjectPtr left = f.server.store().find(types::pods, "spawner/p");
  CHECK((!left || left->deleting()));  // on a node already when it was collected: its agent ends it
  CHECK(f.nodeOf("q") == "one");
}

TEST_CASE("Random trees of owners: in the end exactly those with a living owner, or none ever, are left", "[cluster]") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    SimFixture f({}, seed);
    std::map<std::string, std::pair<std::string, std::vector<std::string>>> made;  // name → uid, names of owners
    for (int i = 0; i < 40; ++i) {
      const std::string name = "m" + std::to_string(i);
      std::string references;
      std::vector<std::string> named;
      for (std::uint64_t n = f.random->below(3); n > 0 && i > 0; --n) {
        const std::string owner = "m" + std::to_string(f.random->below(static_cast<std::uint64_t>(i)));
        references += (references.empty() ? "" : ",") + ownedBy("ConfigMap", owner, made[owner].first, "v1");
        named.push_back(owner);
      }
      made[name] = {f.make("/api/v1/namespaces/spawner/configmaps", R"({"metadata":{"name":")" + name + "\"" + owners(references) + "}}"),
                    named};
      if (f.random->below(4) == 0) {
        const std::string victim = "m" + std::to_string(f.random->below(static_cast<std::uint64_t>(i) + 1));
        f.call("DELETE", "/api/v1/namespaces/spawner/configmaps/" + victim);
      }
      if (f.random->below(3) == 0) f.settle(std::chrono::milliseconds(1));
    }
    f.settle();
    for (const auto& [name, entry] : made) {
      if (!f.exists(types::configMaps, "spawner/" + name) || entry.second.empty()) continue;
      INFO(name);
      CHECK(std::any_of(entry.second.begin(), entry.second.end(),
                        [&](const std::string& owner) { return f.exists(types::configMaps, "spawner/" + owner); }));
    }
  }
}
