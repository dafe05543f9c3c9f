#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <random>

#include "base/crypto.hpp"
#include "base/yaml.hpp"

using namespace spawner;
using Json = nlohmann::ordered_json;

namespace {

std::string yaml(const std::string& json) {
  const Result<std::string> text = jsonToYaml(json);
  INFO(json << "\n" << (text ? "" : text.error().message));
  REQUIRE(text);
  return *text;
}

/// Writes the value, reads it back, and tells whether it is the same.
void checkComesBack(const Json& value) {
  const std::string text = yaml(value.dump());
  INFO(text);
  const auto documents = yamlToJson(text);
  if (!documents) FAIL(documents.error().message);
  REQUIRE(documents->size() == 1);
  CHECK(Json::parse(documents->front()) == value);
}

}  // namespace

TEST_CASE("yaml writing: kubectl's style, keys in the text's order") {
  const std::string text = yaml(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","labels":{}},"spec":{"containers":[
      {"name":"app","args":["--a=b","-c","x y"],"env":[],"ports":[{"containerPort":8080}]},{"name":"b"}],"grid":[[1,2],[],[{"x":null}]]},
      "ok":true,"ratio":0.5})");
  CHECK(text == R"(apiVersion: v1
kind: Pod
metadata:
  name: a
  labels: {}
spec:
  containers:
  - name: app
    args:
    - --a=b
    - -c
    - x y
    env: []
    ports:
    - containerPort: 8080
  - name: b
  grid:
  - - 1
    - 2
  - []
  - - x: null
ok: true
ratio: 0.5
)");
}

TEST_CASE("yaml writing: strings that would be read as something else are quoted") {
  for (const char* text : {"",
                           "true",
                           "False",
                           "null",
                           "~",
                           "yes",
                           "No",
                           "on",
                           "OFF",
                           "y",
                           "1",
                           "-1",
                           "+1",
                           "1.5",
                           ".5",
                           "1e3",
                           "0x1F",
                           "0o7",
                           "1_000",
                           "1:30",
                           "2026-01-02",
                           "2026-01-02T03:04:05Z",
                           ".inf",
                           ".nan",
                           "<<",
                           "=",
                           "- a",
                           "-",
                           "? a",
                           ": a",
                           "a: b",
                           "a #b",
                           "#a",
                           "&a",
                           "*a",
                           "!a",
                           "|",
                           ">",
                           "@a",
                           "`a",
                           "%a",
                           "\"a",
                           "'a",
                           "[a",
                           "{a",
                           "]",
                           "}",
                           ",",
                           " a",
                           "a ",
                           "a:",
                           "---",
                           "...",
                           "a\tb",
                           "a\rb",
                           "a\x01",
                           "a\x7F",
                           "\xC2\x85",
                           "\xE2\x80\xA8",
                           "\xEF\xBB\xBF",
                           " \n a",
                           "\n",
                           "\n\n"}) {
    const std::string written = yaml(Json{{"k", text}}.dump());
    INFO(written);
    CHECK(written.starts_with("k: \""));
    checkComesBack(Json{{"k", text}});
    checkComesBack(Json{{text, "v"}});
    checkComesBack(Json::array({text}));
    checkComesBack(Json(text));
  }
}

TEST_CASE("yaml writing: strings that need no quotes have none") {
  for (const char* text : {"a", "a b", "v1", "spawner.dev/v1", "http://x:80/y?z=1#f", "--flag", "-c", "5m", "100Mi", "a,b", "it's", "a\"b",
                           "a[0]", "\xC3\xA9", "x=y", "truely", "nullable", "C:\\dir"}) {
    CHECK(yaml(Json{{"k", text}}.dump()) == "k: " + std::string(text) + "\n");
    checkComesBack(Json{{"k", text}});
  }
}

TEST_CASE("yaml writing: several lines are a block, their ends kept") {
  CHECK(yaml(R"({"k":"a\nb"})") == "k: |-\n  a\n  b\n");
  CHECK(yaml(R"({"k":"a\nb\n"})") == "k: |\n  a\n  b\n");
  CHECK(yaml(R"({"k":"a\n\n b\n\n\n","z":1})") == "k: |+\n  a\n\n   b\n\n\nz: 1\n");
  CHECK(yaml(R"({"l":["a\nb\n",{"m":"c\nd"}]})") == "l:\n- |\n  a\n  b\n- m: |-\n    c\n    d\n");
  for (const char* text : {"a\nb", "a\n", "a\n\n", "a\nb\n\n\n", "a\n  b", "a \n b ", "a\n\tb", "# a\nb", "---\na", "a: b\nc", " a\nb",
                           "\na", "\ta\nb", "a\n \nb", "a\n \n", "a\n  ", "a\r\nb", "- a\n- b\n"}) {
    checkComesBack(Json{{"k", text}, {"next", 1}});
    checkComesBack(Json::array({text, Json{{"k", Json::array({text})}}}));
    checkComesBack(Json(text));
  }
}

TEST_CASE("yaml writing: single values and empty ones") {
  CHECK(yaml("5") == "5\n");
  CHECK(yaml("{}") == "{}\n");
  CHECK(yaml("[]") == "[]\n");
  CHECK(yaml("\"a\"") == "a\n");
  CHECK(yaml("null") == "null\n");
  CHECK(yaml("[1,\"2\"]") == "- 1\n- \"2\"\n");
  CHECK(yaml(R"({"a":18446744073709551615,"b":-9223372036854775808})") == "a: 18446744073709551615\nb: -9223372036854775808\n");
}

TEST_CASE("yaml writing: what is refused") {
  for (const char* bad : {"", "{", "{\"a\":}", "[1,]", "nul", "{\"a\":1} x", "\"\xFF\""}) {
    const Result<std::string> text = jsonToYaml(bad);
    REQUIRE_FALSE(text);
    CHECK(text.error().kind == ErrorKind::InvalidArgument);
  }
  CHECK(jsonToYaml(std::string(64, '[') + std::string(64, ']')));
  CHECK_FALSE(jsonToYaml(std::string(70, '[') + std::string(70, ']')));
  CHECK_FALSE(jsonToYaml(std::string(100000, '[') + std::string(100000, ']')));
  CHECK_FALSE(jsonToYaml("{\"" + std::string(2000, 'k') + "\":1}"));
}

TEST_CASE("yaml writing: random documents come back as they were") {
  const auto random = seededRandom(11);
  const std::vector<std::string> pieces = {"a", "B", " ", "\n",   ": ",   "#", "- ", "'", "\"", "\\",       "0",
                                           "1", ".", "e", "true", "null", "|", "&",  "*", "\t", "\xC3\xA9", "\xF0\x9F\x98\x80",
                                           "{", "]", ",", "%",    "~"};
  const auto text = [&] {
    std::string out;
    for (std::uint64_t n = random->below(6); n > 0; --n) out += pieces[random->below(pieces.size())];
    return out;
  };
  std::function<Json(int)> any = [&](int depth) -> Json {
    switch (random->below(depth > 3 ? 4 : 7)) {
      case 0: return nullptr;
      case 1: return random->below(2) == 0;
      case 2: return static_cast<std::int64_t>(random->next());
      case 3:
      case 4: return text();
      case 5: {
        Json list = Json::array();
        for (std::uint64_t n = random->below(4); n > 0; --n) list.push_back(any(depth + 1));
        return list;
      }
      default: {
        Json map = Json::object();
        for (std::uint64_t n = random->below(4); n > 0; --n) map[text()] = any(depth + 1);
        return map;
      }
    }
  };
  for (int i = 0; i < 2000; ++i) checkComesBack(any(0));
}
