#include <catch2/catch.hpp>

#include "fixture.hpp"

using namespace spawner;
using namespace spawner::cluster;
using namespace spawner::cluster::test;

namespace {

std::vector<std::string> names(const Answer& list) {
  std::vector<std::string> out;
  const Json* items = list.json.find("items");
  REQUIRE(items != nullptr);
  for (const Json& item : items->items()) out.emplace_back(item.textAt({"metadata", "name"}));
  return out;
}
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("A list: kind, version, items in order of name; items of built-in types carry no kind, custom ones do", "[cluster]") {
  Fixture f;
  for (const std::string_view name : {"b", "c", "a"}) {
    f.slab(name);
    f.pod(name);
  }
  const Answer pods = f.get(podsPath);
  CHECK(pods.at({"kind"}) == "PodList");
  CHECK(pods.at({"apiVersion"}) == "v1");
  CHECK(pods.version() == std::to_string(f.store().revision()));
  CHECK(names(pods) == Names{"a", "b", "c"});
  CHECK(pods.json.find("items")->items()[0].find("kind") == nullptr);
  CHECK(pods.json.find("items")->items()[0].find("spec") != nullptr);
  const Answer slabs = f.get(slabsPath);
  CHECK(slabs.at({"kind"}) == "SessionLivedBackendList");
  CHECK(slabs.json.find("items")->items()[0].textAt({"kind"}) == "SessionLivedBackend");
  CHECK(names(f.get("/api/v1/namespaces/nowhere/pods")).empty());
  CHECK(names(f.get("/api/v1/pods?labelSelector=none")).empty());
}

TEST_CASE("Selectors choose; all namespaces or one", "[cluster]") {
  Fixture f;
  f.pod("a", R"(,"labels":{"x":"1"})");
  f.pod("b", R"(,"labels":{"x":"2"})");
  f.made("/api/v1/namespaces/default/pods", podJson("a", R"(,"labels":{"x":"1"})"));
  CHECK(names(f.get("/api/v1/pods")) == Names{"a", "a", "b"});
  CHECK(names(f.get("/api/v1/pods?labelSelector=x%3D1")) == Names{"a", "a"});
  CHECK(names(f.get(std::string(podsPath) + "?labelSelector=x+in+(2,3)")) == Names{"b"});
  CHECK(names(f.get("/api/v1/pods?fieldSelector=metadata.namespace%3Ddefault")) == Names{"a"});
  CHECK(f.get("/api/v1/pods?fieldSelector=spec.image%3Dx").status == 400);
  CHECK(f.get("/api/v1/pods?labelSelector=%3D").status == 400);
}

TEST_CASE("Pages show one moment, whatever is written between them", "[cluster]") {
  Fixture f;
  for (const std::string_view name : {"a", "b", "c", "d", "e"}) f.pod(name);
  const Answer first = f.get(std::string(podsPath) + "?limit=2");
  CHECK(names(first) == Names{"a", "b"});
  CHECK(first.json.integerAt({"metadata", "remainingItemCount"}) == 3);
  f.remove(under(podsPath, "c"));
  f.pod("bb");
  f.merge(under(podsPath, "e"), R"({"metadata":{"labels":{"x":"y"}}})");
  const Answer second = f.get(std::string(podsPath) + "?limit=2&continue=" + std::string(first.at({"metadata", "continue"})));
  CHECK(names(second) == Names{"c", "d"});
  CHECK(second.version() == first.version());
  const Answer last = f.get(std::string(podsPath) + "?limit=2&continue=" + std::string(second.at({"metadata", "continue"})));
  CHECK(names(last) == Names{"e"});
  CHECK(last.json.find("items")->items()[0].find({"metadata", "labels"}) == nullptr);
  CHECK(last.at({"metadata", "continue"}).empty());
  CHECK(names(f.get(podsPath)) == Names{"a", "b", "bb", "d", "e"});
}

TEST_CASE("A continue token: too old is 410, foreign or with a resourceVersion 400", "[cluster]") {
  Fixture f;
  for (const std::string_view name : {"a", "b", "c"}) f.pod(name);
  const std::string token(f.get(std::string(podsPath) + "?limit=1").at({"metadata", "continue"}));
  CHECK(f.get(std::string(podsPath) + "?continue=" + token + "&resourceVersion=3").status == 400);
  CHECK(f.get(std::string(podsPath) + "?continue=nonsense").status == 400);
  CHECK(f.get(std::string(podsPath) + "?limit=x").status == 400);
  f.pod("d");
  f.store().compact();
  const Answer gone = f.get(std::string(podsPath) + "?limit=1&continue=" + token);
  CHECK(gone.status == 410);
  CHECK(gone.reason() == "Expired");
  CHECK(gone.message().find("The provided continue parameter is too old") == 0);
}

TEST_CASE("resourceVersion of a list: unset and 0 the present, exact a past moment, the future 504", "[cluster]") {
  Fixture f;
  const std::string then = f.pod("a").version();
  f.pod("b");
  const std::string pods(podsPath);
  CHECK(names(f.get(pods)) == Names{"a", "b"});
  CHECK(names(f.get(pods + "?resourceVersion=0")) == Names{"a", "b"});
  CHECK(names(f.get(pods + "?resourceVersion=" + then)) == Names{"a", "b"});  // not older than
  CHECK(names(f.get(pods + "?resourceVersionMatch=NotOlderThan&resourceVersion=" + then)) == Names{"a", "b"});
  const Answer exact = f.get(pods + "?resourceVersionMatch=Exact&resourceVersion=" + then);
  CHECK(names(exact) == Names{"a"});
  CHECK(exact.version() == then);
  CHECK(names(f.get(pods + "?limit=9&resourceVersion=" + then)) == Names{"a"});  // with a limit it means exactly
  const Answer future = f.get(pods + "?resourceVersion=999999");
  CHECK(future.status == 504);
  CHECK(future.reason() == "Timeout");
  CHECK(future.header("Retry-After") == "1");
  CHECK(f.get(pods + "?resourceVersion=x").status == 422);
  CHECK(f.get(pods + "?resourceVersionMatch=Exact").status == 422);
  CHECK(f.get(pods + "?resourceVersionMatch=Other&resourceVersion=1").status == 422);
  CHECK(f.get(pods + "?resourceVersionMatch=Exact&resourceVersion=0").status == 422);
  f.store().compact();
  CHECK(f.get(pods + "?resourceVersionMatch=Exact&resourceVersion=" + then).status == 410);
}

TEST_CASE("Paths and methods that there are not", "[cluster]") {
  Fixture f;
  f.slab("a");
  for (const std::string_view path :
       {"/api/v2/pods", "/api/v1/widgets", "/apis/spawner.dev/v2/sessionlivedbackends", "/api/v1/namespaces/spawner/nodes",
        "/api/v1/namespaces/spawner/pods/a/b/c", "/api/v1/pods/a", "/nothing", "/api/v1/namespaces/spawner/secrets/x/status"}) {
    INFO(path);
    const Answer answer = f.get(path);
    CHECK(answer.status == 404);
    CHECK(answer.at({"kind"}) == "Status");
    CHECK(answer.reason() == "NotFound");
  }
  CHECK(f.get("/api/v1/%zz").status == 400);
  CHECK(f.ask("PUT", slabsPath).status == 400);
  CHECK(f.ask("PATCH", slabsPath).status == 405);
  CHECK(f.ask("POST", under(slabsPath, "a"), "{}").status == 405);
  CHECK(f.ask("BREW", under(slabsPath, "a")).status == 405);
  const Answer crd = f.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "{}");
  CHECK(crd.status == 405);
  CHECK(crd.reason() == "MethodNotAllowed");
  CHECK(crd.header("Allow") == "GET");
  ApiServerOptions small;
  small.maxBodyBytes = 10;
  Fixture g;
  CHECK(g.post(slabsPath, std::string(g.server().options().maxBodyBytes + 1, ' ')).status == 413);
}
