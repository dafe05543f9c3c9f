#include "cluster/patch.hpp"

#include <catch2/catch.hpp>

#include "fixture.hpp"

using namespace spawner::cluster;
using spawner::cluster::test::parse;

TEST_CASE("Merge patches: every case of RFC 7396, appendix A", "[cluster]") {
  struct Case {
    std::string_view original, patch, result;
  };
  const Case cases[] = {{R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
                        {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
                        {R"({"a":"b"})", R"({"a":null})", R"({})"},
                        {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
                        {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
                        {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
                        {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
                        {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
                        {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
                        {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
                        {R"({"a":"foo"})", R"(null)", R"(null)"},
                        {R"({"a":"foo"})", R"("bar")", R"("bar")"},
                        {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
                        {R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
                        {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"}};
  for (const Case& one : cases) {
    INFO(one.original << " + " << one.patch);
    Json target = parse(one.original);
    mergePatch(target, parse(one.patch));
    CHECK(target == parse(one.result));
  }
}

TEST_CASE("JSON patches that fit", "[cluster]") {
  struct Case {
    std::string_view original, patch, result;
  };
  const Case cases[] = {
      {R"({"foo":"bar"})", R"([{"op":"add","path":"/baz","value":"qux"}])", R"({"baz":"qux","foo":"bar"})"},
      {R"({"foo":["bar","baz"]})", R"([{"op":"add","path":"/foo/1","value":"qux"}])", R"({"foo":["bar","qux","baz"]})"},
      {R"({"foo":["bar"]})", R"([{"op":"add","path":"/foo/-","value":["abc"]}])", R"({"foo":["bar",["abc"]]})"},
      {R"({"baz":"qux","foo":"bar"})", R"([{"op":"remove","path":"/baz"}])", R"({"foo":"bar"})"},
      {R"({"foo":["bar","qux","baz"]})", R"([{"op":"remove","path":"/foo/1"}])", R"({"foo":["bar","baz"]})"},
      {R"({"baz":"qux"})", R"([{"op":"replace","path":"/baz","value":"boo"}])", R"({"baz":"boo"})"},
      {R"({"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}})", R"([{"op":"move","from":"/foo/waldo","path":"/qux/thud"}])",
       R"({"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}})"},
      {R"({"foo":["all","grass","cows","eat"]})", R"([{"op":"move","from":"/foo/1","path":"/foo/3"}])",
       R"({"foo":["all","cows","eat","grass"]})"},
      {R"({"a":{"b":1}})", R"([{"op":"copy","from":"/a","path":"/c"},{"op":"replace","path":"/c/b","value":2}])",
       R"({"a":{"b":1},"c":{"b":2}})"},
      {R"({"baz":"qux"})", R"([{"op":"test","path":"/baz","value":"qux"}])", R"({"baz":"qux"})"},
      {R"({"foo":"bar"})", R"([{"op":"add","path":"/child","value":{"grandchild":{}}}])", R"({"foo":"bar","child":{"grandchild":{}}})"},
      {R"({"/":9,"~1":10})", R"([{"op":"test","path":"/~01","value":10},{"op":"test","path":"/~1","value":9}])", R"({"/":9,"~1":10})"},
      {R"({"a":1})", R"([{"op":"add","path":"/a","value":null}])", R"({"a":null})"},
      {R"({"a":1})", R"([])", R"({"a":1})"},
  };
  for (const Case& one : cases) {
    INFO(one.original << " + " << one.patch);
    Json target = parse(one.original);
    const auto failure = jsonPatch(target, parse(one.patch));
    CHECK_FALSE(failure);
    CHECK(target == parse(one.result));
  }
}

TEST_CASE("A JSON patch that does not fit is 422 and changes nothing, what comes before it in the patch included", "[cluster]") {
  const Json original = parse(R"({"a":{"b":[1,2]},"s":"x"})");
  for (const std::string_view bad :
       {R"({"op":"test","path":"/s","value":"y"})", R"({"op":"test","path":"/none","value":1})", R"({"op":"remove","path":"/none"})",
        R"({"op":"replace","path":"/none","value":1})", R"({"op":"add","path":"/none/x","value":1})",
        R"({"op":"add","path":"/a/b/3","value":1})", R"({"op":"add","path":"/a/b/01","value":1})", R"({"op":"remove","path":"/a/b/-"})",
        R"({"op":"add","path":"/s/x","value":1})", R"({"op":"move","from":"/none","path":"/y"})",
        R"({"op":"move","from":"/a","path":"/a/b/0"})", R"({"op":"copy","path":"/y"})", R"({"op":"add","path":"/y"})",
        R"({"op":"frobnicate","path":"/s"})", R"({"op":"add","path":"s","value":1})", R"({"op":"add","value":1})",
        R"({"op":"add","path":"/a~2","value":1})"}) {
    INFO(bad);
    Json target = original;
    const auto failure = jsonPatch(target, parse(std::string(R"([{"op":"add","path":"/first","value":1},)") + std::string(bad) + "]"));
    REQUIRE(failure);
    CHECK(failure->code == 422);
    CHECK(target == original);
  }
  Json target = original;
  CHECK(jsonPatch(target, parse(R"({"a":1})"))->code == 400);
}

TEST_CASE("Strategic merge: known lists merge by their key, others are replaced", "[cluster]") {
  struct Case {
    std::string_view name, original, patch, result;
  };
  const Case cases[] = {
      {"by name", R"({"containers":[{"name":"a","image":"1"},{"name":"b","image":"1"}]})", R"({"containers":[{"name":"b","image":"2"}]})",
       R"({"containers":[{"name":"a","image":"1"},{"name":"b","image":"2"}]})"},
      {"a new item", R"({"containers":[{"name":"a"}]})", R"({"containers":[{"name":"b"}]})",
       R"({"containers":[{"name":"a"},{"name":"b"}]})"},
      {"an item deleted", R"({"env":[{"name":"A","value":"1"},{"name":"B"}]})", R"({"env":[{"name":"A","$patch":"delete"}]})",
       R"({"env":[{"name":"B"}]})"},
      {"a list replaced", R"({"env":[{"name":"A"}]})", R"({"env":[{"$patch":"replace"},{"name":"C"}]})", R"({"env":[{"name":"C"}]})"},
      {"an object replaced", R"({"m":{"a":1,"b":2}})", R"({"m":{"$patch":"replace","c":3}})", R"({"m":{"c":3}})"},
      {"an object deleted", R"({"m":{"a":1},"k":1})", R"({"m":{"$patch":"delete"}})", R"({"k":1})"},
      {"no key known", R"({"args":["a","b"]})", R"({"args":["c"]})", R"({"args":["c"]})"},
      {"null removes", R"({"a":1,"b":2})", R"({"a":null})", R"({"b":2})"},
      {"order directives", R"({"containers":[{"name":"a"}]})",
       R"({"$setElementOrder/containers":[{"name":"a"}],"containers":[{"name":"a","x":1}]})", R"({"containers":[{"name":"a","x":1}]})"},
      {"primitives deleted", R"({"finalizers":["a","b"]})", R"({"$deleteFromPrimitiveList/finalizers":["a"]})", R"({"finalizers":["b"]})"},
      {"finalizers join", R"({"finalizers":["a"]})", R"({"finalizers":["b","a"]})", R"({"finalizers":["a","b"]})"},
      {"container ports", R"({"ports":[{"containerPort":80,"name":"x"}]})", R"({"ports":[{"containerPort":80,"name":"y"}]})",
       R"({"ports":[{"containerPort":80,"name":"y"}]})"},
      {"service ports", R"({"ports":[{"port":80,"name":"x"}]})", R"({"ports":[{"port":81}]})",
       R"({"ports":[{"port":80,"name":"x"},{"port":81}]})"},
  };
  for (const Case& one : cases) {
    INFO(one.name);
    Json target = parse(one.original);
    CHECK_FALSE(strategicMergePatch(target, parse(one.patch)));
    CHECK(target == parse(one.result));
  }
  Json target = parse(R"({"containers":[{"name":"a"}]})");
  CHECK(strategicMergePatch(target, parse(R"({"containers":[{"image":"x"}]})"))->code == 400);
  CHECK(strategicMergePatch(target, parse(R"({"$unknown":1})"))->code == 400);
}
