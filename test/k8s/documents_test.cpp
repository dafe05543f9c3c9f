// Lists and watch events are cut into objects without being kept.
#include "k8s/documents.hpp"

#include <catch2/catch.hpp>

#include "k8s/line_splitter.hpp"

using namespace spawner;
using namespace spawner::k8s;

namespace {

Result<WatchEvent> readLine(const std::string& line, std::string& storage) {
  storage = line;
  storage.reserve(line.size() + LineSplitter::padding);
  return readWatchEvent(std::string_view(storage.data(), line.size()));
}

}  // namespace

TEST_CASE("a list page gives version, token and each item's own text") {
  std::string body = R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"123","continue":"a+/=","remainingItemCount":2},
    "items":[
      {"metadata":{"name":"a","namespace":"n","resourceVersion":"7","labels":{"name":"not me"}},"spec":{"x":[1,{"y":"}]"}]}} ,
      {"spec":{"metadata":{"name":"inner"}},"metadata":{"managedFields":[{"name":"f"}],"resourceVersion":"8","namespace":"n","name":"b\u00e9"}}
    ]})";
  const auto page = readListPage(body);
  REQUIRE(page.ok());
  CHECK(page->resourceVersion == "123");
  CHECK(page->continueToken == "a+/=");
  REQUIRE(page->items.size() == 2);
  CHECK(page->items[0].key == "n/a");
  CHECK(page->items[0].resourceVersion == "7");
  CHECK(page->items[0].json.substr(0, 12) == R"({"metadata":)");
  CHECK(page->items[0].json.find(R"("y":"}]"}]}})") != std::string_view::npos);
  CHECK(page->items[1].key == "n/b\xC3\xA9");
  CHECK(page->items[1].json.substr(0, 8) == R"({"spec":)");
}

TEST_CASE("fields of a list may come in any order, and items may be null or empty") {
  for (const std::string text :
       {R"({"items":[],"metadata":{"resourceVersion":"5"}})", R"({"metadata":{"continue":null,"resourceVersion":"5"},"items":null})"}) {
    std::string body = text;
    const auto page = readListPage(body);
    INFO(text);
    REQUIRE(page.ok());
    CHECK(page->items.empty());
    CHECK(page->resourceVersion == "5");
    CHECK(page->continueToken.empty());
  }
}

TEST_CASE("what is no list is refused as a protocol error") {
  for (const std::string text :
       {"", "{}", "[]", "nonsense", R"({"metadata":{},"items":[]})", R"({"metadata":{"resourceVersion":"1"}})",
        R"({"metadata":{"resourceVersion":"1"},"items":[1]})",
        R"({"metadata":{"resourceVersion":"1"},"items":[{"metadata":{"resourceVersion":"1"}}]})",
        R"({"metadata":{"resourceVersion":"1"},"items":[{"metadata":{"name":"x"}}]})",
        R"({"metadata":{"resourceVersion":"1"},"items":[{"metadata":{"na)", R"({"metadata":{"resourceVersion":7},"items":[]})",
        R"({"metadata":{"resourceVersion":"1"},"items":{}})", R"({"metadata":{"resourceVersion":"1"},"items":nul})",
        R"({"metadata":{"resourceVersion":"1"},"items":[{"metadata":{"name":"a","namespace" :n"", 2res)"}) {
    std::string body = text;
    const auto page = readListPage(body);
    INFO(text);
    REQUIRE_FALSE(page.ok());
    CHECK(page.error().kind == ErrorKind::Protocol);
  }
}

TEST_CASE("watch events of every type are read") {
  std::string storage;
  const auto added =
      readLine(R"({"type":"ADDED","object":{"metadata":{"name":"a","namespace":"n","resourceVersion":"7"},"x":1}})", storage);
  REQUIRE(added.ok());
  CHECK(added->type == EventType::Added);
  CHECK(added->object.key == "n/a");
  CHECK(added->object.json == R"({"metadata":{"name":"a","namespace":"n","resourceVersion":"7"},"x":1})");
  const auto swapped = readLine(R"({"object":{"metadata":{"name":"a","namespace":"n","resourceVersion":"9"}},"type":"DELETED"})", storage);
  REQUIRE(swapped.ok());
  CHECK(swapped->type == EventType::Deleted);
  CHECK(swapped->object.resourceVersion == "9");
  const auto bookmark =
      readLine(R"({"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"12","creationTimestamp":null}}})", storage);
  REQUIRE(bookmark.ok());
  CHECK(bookmark->type == EventType::Bookmark);
  CHECK(bookmark->object.resourceVersion == "12");
  const auto error = readLine(R"({"type":"ERROR","object":{"kind":"Status","metadata":{},"code":410,"reason":"Expired"}})", storage);
  REQUIRE(error.ok());
  CHECK(error->type == EventType::Error);
  CHECK(statusCode(error->object.json) == 410);
  const auto bare = readLine(R"({"type":"ERROR","object":{"code":500}})", storage);
  REQUIRE(bare.ok());
  CHECK(statusCode(bare->object.json) == 500);
  CHECK(statusCode("nonsense") == 500);
}

TEST_CASE("what is no watch event is refused as a protocol error") {
  std::string storage;
  for (const std::string line :
       {"nonsense", "{}", R"({"type":"ADDED"})", R"({"type":"ADDED","object":7})", R"({"type":"ADDED","object":{}})",
        R"({"type":7,"object":{}})", R"({"type":"RENAMED","object":{"metadata":{"name":"a","resourceVersion":"1"}}})",
        R"({"type":"BOOKMARK","object":{"metadata":{}}})", R"({"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"1")",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"\xff\"}}}"}) {
    const auto event = readLine(line, storage);
    INFO(line);
    REQUIRE_FALSE(event.ok());
    CHECK(event.error().kind == ErrorKind::Protocol);
  }
}
