#include "base/yaml.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace spawner;

namespace {

std::string json(const std::string& yaml) {
  const Result<std::vector<std::string>> documents = yamlToJson(yaml);
  INFO(yaml << "\n" << (documents ? "" : documents.error().message));
  REQUIRE(documents);
  REQUIRE(documents->size() == 1);
  return documents->front();
}

Error refusal(const std::string& yaml) {
  const Result<std::vector<std::string>> documents = yamlToJson(yaml);
  INFO(yaml.substr(0, 200));
  REQUIRE_FALSE(documents);
  CHECK(documents.error().kind == ErrorKind::InvalidArgument);
  return documents.error();
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("yaml: plain scalars by the core schema") {
  for (const char* null : {"", "~", "null", "Null", "NULL"}) CHECK(json("a: " + std::string(null)) == R"({"a":null})");
  for (const char* yes : {"true", "True", "TRUE"}) CHECK(json("a: " + std::string(yes)) == R"({"a":true})");
  CHECK(json("a: FALSE") == R"({"a":false})");
  const std::pair<const char*, const char*> numbers[] = {
      {"0", "0"},     {"-0", "-0"},     {"12", "12"},      {"+12", "12"},
      {"-12", "-12"}, {"007", "7"},     {"0x1F", "31"},    {"0o17", "15"},
      {"1.5", "1.5"}, {".5", "0.5"},    {"5.", "5.0"},     {"-.5e-3", "-0.5e-3"},
      {"1e3", "1e3"}, {"1E+3", "1e+3"}, {"00.50", "0.50"}, {"18446744073709551615", "18446744073709551615"}};
  for (const auto& [text, expected] : numbers) {
    CHECK(json("a: " + std::string(text)) == "{\"a\":" + std::string(expected) + "}");
    CHECK(nlohmann::json::accept(json("a: " + std::string(text))));
  }
}

TEST_CASE("yaml: what only looks like a number or a truth value is a string") {
  for (const char* text : {"yes", "no",  "on",  "off", "y", "n", "tRUE",  "nULL", "1_000",      "1:30",  "0b1",   "0x",  "0xg", "1e",
                           "e1",  "--1", "+-1", ".",   "-", "+", "1.2.3", "5m",   "2026-01-02", "0x1.8", "-0x1F", "inf", "nan", "1 2"}) {
    INFO(text);
    CHECK(json("a: !!str x\nb: \"\"\nc: '" + std::string(text) + "'") == R"({"a":"x","b":"","c":")" + std::string(text) + "\"}");
    if (std::string(text) != "-") CHECK(json("a: " + std::string(text)) == R"({"a":")" + std::string(text) + "\"}");
  }
}

TEST_CASE("yaml: quoted and tagged scalars are strings") {
  CHECK(json("a: \"1\"\nb: 'true'\nc: !!str 1\nd: \"\"\ne: !!str\nf: \"null\"") ==
        R"({"a":"1","b":"true","c":"1","d":"","e":"","f":"null"})");
  CHECK(json("a: !!int 7\nb: !!bool true\nc: !!float 1.5\nd: !!null ~") == R"({"a":7,"b":true,"c":1.5,"d":null})");
  CHECK(json("- |\n  true\n- >\n  1\n  2\n") == R"(["true\n","1 2\n"])");
}

TEST_CASE("yaml: structure, order and escapes") {
  CHECK(json("b: 1\na: [x, {y: z}]\nc:\n- 1\n- - 2\n  - 3\nd: {}\ne: []\n") ==
        R"({"b":1,"a":["x",{"y":"z"}],"c":[1,[2,3]],"d":{},"e":[]})");
  CHECK(json("a: \"\\t\\u00e9\\\"\\\\\\x01\"") == "{\"a\":\"\\t\xC3\xA9\\\"\\\\\\u0001\"}");
  CHECK(json("1: a\ntrue: b\n") == R"({"1":"a","true":"b"})");
  CHECK(json("just text") == "\"just text\"");
  CHECK(json("{\"json\": [1, \"two\", null, true]}") == R"({"json":[1,"two",null,true]})");
}

TEST_CASE("yaml: several documents") {
  const auto documents = yamlToJson("a: 1\n---\nb: 2\n---\n# nothing\n...\n");
  REQUIRE(documents);
  CHECK(*documents == std::vector<std::string>{R"({"a":1})", R"({"b":2})", "null"});
  CHECK(yamlToJson("")->empty());
  CHECK(yamlToJson("# only a comment\n")->empty());
}

TEST_CASE("yaml: anchors are expanded") {
  CHECK(json("a: &x {k: 1}\nb: *x\nc: [*x, *x]\n") == R"({"a":{"k":1},"b":{"k":1},"c":[{"k":1},{"k":1}]})");
}

TEST_CASE("yaml: merges; own members win, then the first map") {
  CHECK(json("base: &b {x: 1, y: 2}\nother: &o {y: 3, z: 4}\none:\n  y: own\n  <<: *b\ntwo:\n  <<: [*b, *o]\n  w: 0\n") ==
        R"({"base":{"x":1,"y":2},"other":{"y":3,"z":4},"one":{"y":"own","x":1},"two":{"w":0,"x":1,"y":2,"z":4}})");
  CHECK(json("a: &a {p: 1}\nb: &b {<<: *a, q: 2}\nc: {<<: *b}\n") == R"({"a":{"p":1},"b":{"q":2,"p":1},"c":{"q":2,"p":1}})");
  CHECK(json("\"<<\": text") == R"({"<<":"text"})");
  CHECK(contains(refusal("a: {<<: 5}").message, "merges maps only"));
}

TEST_CASE("yaml: errors tell line and column") {
  CHECK(contains(refusal("a: 1\nb: [1, 2\n").message, "line "));
  CHECK(contains(refusal("a: 1\n b: 2\n").message, "line 2"));
  CHECK(refusal("a: 1\nbb: 2\na: 3\n").message == "YAML: line 3, column 1: the key \"a\" is there twice");
  CHECK(contains(refusal("a: *nowhere").message, "line 1, column 4"));
  CHECK(contains(refusal("a:\n  - .inf\n").message, "line 2, column 5"));
  CHECK(contains(refusal("? [a]\n: b\n").message, "key"));
  CHECK(contains(refusal("a: !custom x").message, "tag"));
  CHECK(contains(refusal("a: !!int x").message, "tag"));
  CHECK(contains(refusal("a: !!binary eA==").message, "tag"));
  CHECK(contains(refusal("a: 0xFFFFFFFFFFFFFFFFF").message, "64 bits"));
  refusal("a: .nan");
  refusal("a: \"\\q\"");
  refusal("\t- a");
}

TEST_CASE("yaml: nesting and size are bounded") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + "1" + std::string(depth, ']'); };
  CHECK(json(nested(64)) == nested(64));
  CHECK(contains(refusal(nested(65)).message, "nested deeper"));
  refusal(nested(100000));
  CHECK(contains(refusal(std::string((4u << 20) + 1, ' ')).message, "4 MiB"));
  CHECK(json("a: " + std::string(1u << 20, 'x')).size() == (1u << 20) + 8);
}

TEST_CASE("yaml: documents that blow up by their aliases are refused") {
  std::string laughs = "a0: &a0 " + std::string(1000, 'x') + "\n";
  std::string merges = "a0: &a0 {x: 1}\n";
  std::string empties = "a0: &a0 {}\n";
  for (int i = 1; i < 12; ++i) {
    const std::string n = std::to_string(i);
    std::string list, maps;
    for (int k = 0; k < 10; ++k) list += (k > 0 ? ", *a" : "*a") + std::to_string(i - 1);
    laughs += "a" + n + ": &a" + n + " [" + list + "]\n";
    merges += "a" + n + ": &a" + n + " {<<: [" + list + "]}\n";
    empties += "a" + n + ": &a" + n + " {<<: [" + list + "]}\n";
  }
  CHECK(contains(refusal(laughs).message, "16 MiB"));
  CHECK(contains(refusal(merges).message, "too many merges"));
  CHECK(contains(refusal(empties).message, "too many merges"));
}

TEST_CASE("yaml: what is hardly YAML ends, too") {
  for (const char* text :
       {",: &x \n", ",: \n", "&x", "*x", "- ]", "}", "%YAML 9.9\n---\n", "---\n---", "\xff\xfe", "? ? ?", "- - -", "a\0b"}) {
    INFO(text);
    (void)yamlToJson(text);
  }
  refusal(std::string("a: \0b", 5));
  CHECK(contains(refusal("a: \"\xff\"").message, "line 1"));
}

TEST_CASE("yaml: an anchor inside itself is refused") { refusal("a: &x [1, *x]\n"); }
