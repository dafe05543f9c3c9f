#include "cluster/selector.hpp"

#include <catch2/catch.hpp>

#include "fixture.hpp"

using namespace spawner::cluster;
using spawner::cluster::test::parse;

TEST_CASE("Label selectors", "[cluster]") {
  const Json labels = parse(R"({"app":"web","tier":"front","example.com/x":"","n":"1"})");
  struct Case {
    std::string_view text;
    bool matches;
  };
  const Case cases[] = {{"", true},
                        {"app=web", true},
                        {"app==web", true},
                        {"app = web", true},
                        {"app=api", false},
                        {"app!=api", true},
                        {"app!=web", false},
                        {"none!=x", true},
                        {"none=", false},
                        {"example.com/x=", true},
                        {"app", true},
                        {"none", false},
                        {"!none", true},
                        {"!app", false},
                        {"app in (web,api)", true},
                        {"app in (api)", false},
                        {"app notin (api, db)", true},
                        {"app notin (web)", false},
                        {"none notin (x)", true},
                        {"none in (x)", false},
                        {"app=web,tier=front", true},
                        {"app=web,tier=back", false},
                        {"app in (web,api),tier notin (back),!none,n=1", true}};
  for (const Case& one : cases) {
    INFO(one.text);
    Outcome<LabelSelector> selector = LabelSelector::parse(one.text);
    REQUIRE(selector);
    CHECK(selector->matches(&labels) == one.matches);
  }
  Outcome<LabelSelector> exists = LabelSelector::parse("a");
  CHECK_FALSE(exists->matches(nullptr));
  Outcome<LabelSelector> missing = LabelSelector::parse("!a");
  CHECK(missing->matches(nullptr));
  for (const std::string_view bad : {"=x", "a in x", "a in (x", "a b", "a=b,", ",", "a~b", "a>1 2"}) {
    INFO(bad);
    Outcome<LabelSelector> selector = LabelSelector::parse(bad);
    REQUIRE_FALSE(selector);
    CHECK(selector.failure().code == 400);
  }
}

TEST_CASE("Field selectors", "[cluster]") {
  const Json pod = parse(R"({"metadata":{"name":"p","namespace":"n"},"spec":{"nodeName":"one"},"status":{"phase":"Running"}})");
  const Json pending = parse(R"({"metadata":{"name":"q","namespace":"n"},"spec":{},"status":{"phase":"Pending"}})");
  struct Case {
    std::string_view text;
    bool pod, pending;
  };
  const Case cases[] = {{"", true, true},
                        {"metadata.name=p", true, false},
                        {"metadata.namespace=n", true, true},
                        {"spec.nodeName=one", true, false},
                        {"spec.nodeName=", false, true},
                        {"spec.nodeName!=", true, false},
                        {"spec.nodeName==one,status.phase!=Failed,status.phase!=Succeeded", true, false}};
  for (const Case& one : cases) {
    INFO(one.text);
    Outcome<FieldSelector> selector = FieldSelector::parse(types::pods, one.text);
    REQUIRE(selector);
    CHECK(selector->matches(pod) == one.pod);
    CHECK(selector->matches(pending) == one.pending);
  }
  const Json event =
      parse(R"({"metadata":{"name":"e"},"involvedObject":{"kind":"Pod","name":"p","uid":"u"},"source":{"component":"c"},"type":"Normal"})");
  Outcome<FieldSelector> about =
      FieldSelector::parse(types::events, "involvedObject.name=p,involvedObject.uid=u,involvedObject.kind=Pod,source=c,type=Normal");
  REQUIRE(about);
  CHECK(about->matches(event));
  CHECK(FieldSelector::parse(types::pods, "metadata.name=p").ok());
  for (const std::string_view bad : {"spec.image=x", "metadata.name", "=x", "status.podName=x"}) {
    INFO(bad);
    Outcome<FieldSelector> selector = FieldSelector::parse(types::pods, bad);
    REQUIRE_FALSE(selector);
    CHECK(selector.failure().code == 400);
  }
  CHECK_FALSE(FieldSelector::parse(types::slabs, "spec.nodeName=one"));  // a custom resource has only name and namespace
}
