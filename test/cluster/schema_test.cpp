#include "cluster/schema.hpp"

#include <catch2/catch.hpp>

#include "backend/crd.hpp"
#include "cluster/cel_rules.hpp"
#include "fixture.hpp"

using namespace spawner;
using namespace spawner::cluster;
using cluster::test::parse;

namespace {

Schema compile(std::string_view text) {
  Result<Schema> schema = Schema::compile(parse(text));
  INFO((schema ? std::string() : schema.error().message));
  REQUIRE(schema.ok());
  return *schema;
}

std::string problems(const Schema& schema, const Json& value, const Json* old = nullptr) {
  FieldErrors errors;
  schema.validate(value, old, errors);
  std::string out;
  for (const FieldError& error : errors) out += (out.empty() ? "" : "; ") + error.field + ": " + error.body();
  return out;
}

}  // namespace

TEST_CASE("Our own CRD compiles: every keyword and CEL rule in it is known", "[cluster]") {
  const Json crd = parse(backend::crdJson());
  const Json& version = crd.find({"spec", "versions"})->items().front();
  const Result<Schema> schema = Schema::compile(*version.find({"schema", "openAPIV3Schema"}));
  INFO((schema ? std::string() : schema.error().message));
  CHECK(schema.ok());
}

TEST_CASE("A keyword or rule that is not implemented is refused, not skipped", "[cluster]") {
  CHECK_FALSE(Schema::compile(parse(R"({"type":"object","oneOf":[]})")).ok());
  CHECK_FALSE(Schema::compile(parse(R"({"properties":{"a":{"multipleOf":3}}})")).ok());
  const auto refused = Schema::compile(parse(R"({"x-kubernetes-validations":[{"rule":"self.x > 1"}]})"));
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().kind == ErrorKind::Unsupported);
  CHECK(refused.error().message.find("self.x > 1") != std::string::npos);
}

TEST_CASE("Validation speaks the API server's words", "[cluster]") {
  const Schema schema = compile(R"({"type":"object","required":["must"],"properties":{
    "must":{"type":"string"},"n":{"type":"integer","minimum":1,"maximum":9},"list":{"type":"array","minItems":1,"maxItems":2,"items":{"type":"string"}},
    "word":{"type":"string","enum":["a","b"]},"text":{"type":"string","minLength":2,"maxLength":3,"pattern":"^[a-z]+$"},
    "maybe":{"type":"object","nullable":true},"either":{"x-kubernetes-int-or-string":true},"flag":{"type":"boolean"},
    "map":{"type":"object","additionalProperties":{"type":"string"}},
    "conditions":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["type"],"items":{"type":"object","properties":{"type":{"type":"string"}}}}}})");
  struct Case {
    std::string_view json, problem;
  };
  const Case cases[] = {
      {R"({"must":"x"})", ""},
      {R"({})", "must: Required value"},
      {R"({"must":1})", R"(must: Invalid value: "integer": must in body must be of type string: "integer")"},
      {R"({"must":null})", R"(must: Invalid value: "null": must in body must be of type string: "null")"},
      {R"({"must":"x","n":0})", "n: Invalid value: 0: n in body should be greater than or equal to 1"},
      {R"({"must":"x","n":10})", "n: Invalid value: 10: n in body should be less than or equal to 9"},
      {R"({"must":"x","n":1.5})", R"(n: Invalid value: "number": n in body must be of type integer: "number")"},
      {R"({"must":"x","n":2.0})", ""},
      {R"({"must":"x","list":[]})", "list: Invalid value: 0: list in body should have at least 1 items"},
      {R"({"must":"x","list":["a","b","c"]})", "list: Too many: 3: must have at most 2 items"},
      {R"({"must":"x","list":[1]})", R"(list[0]: Invalid value: "integer": list[0] in body must be of type string: "integer")"},
      {R"({"must":"x","word":"c"})", R"(word: Unsupported value: "c": supported values: "a", "b")"},
      {R"({"must":"x","text":"a"})", R"(text: Invalid value: "a": text in body should be at least 2 chars long)"},
      {R"({"must":"x","text":"ABC"})", R"(text: Invalid value: "ABC": text in body should match '^[a-z]+$')"},
      {R"({"must":"x","maybe":null,"either":"a"})", ""},
      {R"({"must":"x","either":true})", R"(either: Invalid value: "boolean": either in body must be of type integer or string: "boolean")"},
      {R"({"must":"x","map":{"k":1}})", R"(map.k: Invalid value: "integer": map.k in body must be of type string: "integer")"},
      {R"({"must":"x","conditions":[{"type":"A"},{"type":"A"}]})", R"(conditions[1]: Duplicate value: {"type":"A"})"},
      {R"({"n":0,"flag":"x"})",
       R"(must: Required value; flag: Invalid value: "string": flag in body must be of type boolean: "string"; n: Invalid value: 0: n in body should be greater than or equal to 1)"},
  };
  for (const Case& one : cases) {
    INFO(one.json);
    CHECK(problems(schema, parse(one.json)) == one.problem);
  }
}

TEST_CASE("Defaults fill what is absent, at every depth, and replace a null that is not allowed", "[cluster]") {
  const Schema schema = compile(R"({"type":"object","properties":{
    "a":{"type":"integer","default":1},"b":{"type":"integer","nullable":true,"default":2},
    "s":{"type":"object","default":{},"properties":{"t":{"type":"object","default":{}},"u":{"type":"string","default":"x"}}},
    "list":{"type":"array","items":{"type":"object","properties":{"p":{"type":"string","default":"q"}}}},
    "map":{"type":"object","additionalProperties":{"type":"object","properties":{"p":{"type":"integer","default":7}}}}}})");
  Json value = parse(R"({"a":null,"b":null,"list":[{},{"p":"r"}],"map":{"k":{},"l":{"p":1}}})");
  const Json original = value;
  Json copy = value;
  schema.applyDefaults(copy);
  CHECK(copy == parse(R"({"a":1,"b":null,"s":{"t":{},"u":"x"},"list":[{"p":"q"},{"p":"r"}],"map":{"k":{"p":7},"l":{"p":1}}})"));
  CHECK(value == original);
}

TEST_CASE("Unknown fields are pruned and named; preserved parts are left alone", "[cluster]") {
  const Schema schema = compile(R"({"type":"object","properties":{
    "spec":{"type":"object","properties":{"known":{"type":"string"},"open":{"type":"object","x-kubernetes-preserve-unknown-fields":true,
      "properties":{"typed":{"type":"object","properties":{"x":{"type":"integer"}}}}},
      "list":{"type":"array","items":{"type":"object","properties":{"y":{"type":"integer"}}}}}}}})");
  Json value = parse(
      R"({"apiVersion":"v1","kind":"K","metadata":{"anything":1},"top":1,"spec":{"known":"a","foo":1,"open":{"free":{"z":1},"typed":{"x":1,"w":2}},"list":[{"y":1},{"y":2,"v":3}]}})");
  std::vector<std::string> unknown;
  schema.prune(value, unknown);
  std::sort(unknown.begin(), unknown.end());
  CHECK(unknown == std::vector<std::string>{"spec.foo", "spec.list[1].v", "spec.open.typed.w", "top"});
  CHECK(
      value ==
      parse(
          R"({"apiVersion":"v1","kind":"K","metadata":{"anything":1},"spec":{"known":"a","open":{"free":{"z":1},"typed":{"x":1}},"list":[{"y":1},{"y":2}]}})"));
}

TEST_CASE("Nulls that mean nothing are left out without a word; items of lists stay", "[cluster]") {
  const Schema schema = compile(
      R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer","nullable":true},"c":{"type":"integer","default":1},
    "list":{"type":"array","items":{"type":"integer"}},"map":{"type":"object","additionalProperties":{"type":"string"}}}})");
  Json value = parse(R"({"a":null,"b":null,"c":null,"list":[null],"map":{"k":null,"l":"x"}})");
  std::vector<std::string> unknown;
  schema.prune(value, unknown);
  schema.applyDefaults(value);
  CHECK(unknown.empty());
  CHECK(value == parse(R"({"b":null,"c":1,"list":[null],"map":{"l":"x"}})"));
}

TEST_CASE("Rules about change hold only against an old value", "[cluster]") {
  const Schema schema = compile(
      R"({"type":"object","properties":{"p":{"type":"integer","x-kubernetes-validations":[{"rule":"self == oldSelf","message":"no change"}]}}})");
  const Json one = parse(R"({"p":1})"), two = parse(R"({"p":2})"), none = parse("{}");
  CHECK(problems(schema, one).empty());
  CHECK(problems(schema, one, &one).empty());
  CHECK(problems(schema, one, &none).empty());
  CHECK(problems(schema, two, &one) == R"(p: Invalid value: "integer": no change)");
}
