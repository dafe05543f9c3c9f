#include "cluster/json.hpp"

#include <catch2/catch.hpp>

#include "cluster/json_path.hpp"
#include "fixture.hpp"

using namespace spawner;
using namespace spawner::cluster;
using cluster::test::parse;

TEST_CASE("JSON comes out as it went in, with sorted keys", "[cluster]") {
  for (const std::string text : {R"(null)", R"(true)", R"(-7)", R"(9223372036854775807)", R"(0.5)", R"("a\"\\\n\u0001é")", R"([])", R"({})",
                                 R"([1,[2,{"a":null}],"x"])", R"({"a":{"b":[1,2]},"c":""})"}) {
    INFO(text);
    CHECK(parse(parse(text).dump()) == parse(text));
  }
  CHECK(parse(R"({"b":1,"a":2})").dump() == R"({"a":2,"b":1})");
  CHECK(parse(R"("\u00e9\u20ac")").text() == "é€");
}

TEST_CASE("What is no JSON is refused", "[cluster]") {
  for (const std::string text : {"", "{", "{\"a\":}", "[1,]", "{'a':1}", "nul", "01", "\"\x01\"", "{} x", "\"\xff\""}) {
    INFO(text);
    CHECK_FALSE(Json::parse(text).ok());
  }
  CHECK(Json::parse(std::string(200, '[') + std::string(200, ']')).ok());
  CHECK_FALSE(Json::parse(std::string(202, '[') + std::string(202, ']')).ok());
}

TEST_CASE("Keys given twice are told with their paths; the last one counts", "[cluster]") {
  std::vector<std::string> repeated;
  const Result<Json> json = Json::parse(R"({"a":1,"spec":{"x":[{"y":1,"y":2}]},"a":3})", &repeated);
  REQUIRE(json.ok());
  CHECK(repeated == std::vector<std::string>{"spec.x[0].y", "a"});
  CHECK(json->integerAt({"a"}) == 3);
}

TEST_CASE("A copy is its own value: editing one leaves the other", "[cluster]") {
  const Json before = parse(R"({"spec":{"list":[{"n":1}],"deep":{"x":1}},"other":{"y":2}})");
  Json after = before;
  after.edit("spec").edit("deep").set("x", 9);
  after.edit("spec").edit("list").editItems()[0].set("n", 5);
  after.edit("spec").edit("list").editItems().emplace_back("more");
  after.remove("other");
  CHECK(before == parse(R"({"spec":{"list":[{"n":1}],"deep":{"x":1}},"other":{"y":2}})"));
  CHECK(after == parse(R"({"spec":{"list":[{"n":5},"more"],"deep":{"x":9}}})"));
  CHECK_FALSE(after.remove("other"));
}

TEST_CASE("Numbers compare by value, other types only with themselves", "[cluster]") {
  CHECK(Json(1) == Json(1.0));
  CHECK_FALSE(Json(1) == Json("1"));
  CHECK_FALSE(Json() == Json(false));
  CHECK_FALSE(parse("[1]") == parse("[1,2]"));
}

TEST_CASE("Printer columns' paths", "[cluster]") {
  const Json json = parse(R"({"a":{"b":[{"type":"X","v":"x"},{"type":"Y","v":"y"}]}})");
  REQUIRE(findByPath(json, ".a.b[1].v") != nullptr);
  CHECK(findByPath(json, ".a.b[1].v")->text() == "y");
  REQUIRE(findByPath(json, R"(.a.b[?(@.type=="X")].v)") != nullptr);
  CHECK(findByPath(json, R"(.a.b[?(@.type=="X")].v)")->text() == "x");
  for (const std::string_view path : {".a.c", ".a.b[7].v", ".a.b[?(@.type==\"Z\")].v", ".a.b[", "a", ".a.b[?x]"}) {
    INFO(path);
    CHECK(findByPath(json, path) == nullptr);
  }
}
