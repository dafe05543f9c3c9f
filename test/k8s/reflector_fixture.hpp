#pragma once
// A reflector whose API server is the test.

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/crypto.hpp"
#include "k8s/reflector.hpp"
#include "loop/sim_loop.hpp"
#include "support/scripted_transport.hpp"

namespace spawner::test {

/// An object's text; every version differs.
inline std::string object(const std::string& name, int version) {
  return R"({"metadata":{"namespace":"n","name":")" + name + R"(","resourceVersion":")" + std::to_string(version) + R"("}})";
}
inline std::string page(int version, const std::vector<std::string>& objects, const std::string& token = {}) {
  std::string items;
  for (const std::string& text : objects) items += (items.empty() ? "" : ",") + text;
  return R"({"metadata":{"resourceVersion":")" + std::to_string(version) + R"(","continue":")" + token + R"("},"items":[)" + items + "]}";
}
inline std::string event(const std::string& type, const std::string& text) { return R"({"type":")" + type + R"(","object":)" + text + "}"; }
inline std::string bookmark(int version) {
  return event("BOOKMARK", R"({"metadata":{"resourceVersion":")" + std::to_string(version) + R"("}})");
}
inline std::string status(int code, const std::string& reason) {
  return R"({"kind":"Status","code":)" + std::to_string(code) + R"(,"reason":")" + reason + R"(","message":"m"})";
}

struct ReflectorFixture {
  explicit ReflectorFixture(std::uint64_t seed = 1, k8s::ReflectorOptions options = {}) : loop(seed), random(seededRandom(seed)) {
    options.resource = k8s::pods;
    options.ns = "n";
    k8s::ReflectorHandlers handlers{
        [this](const std::string& key, std::string_view json) {
          copy[key] = std::string(json);
          story.push_back("+" + key + versionIn(json));
        },
        [this](const std::string& key) {
          copy.erase(key);
          story.push_back("-" + key);
        },
        [this] { story.push_back("synced"); },
    };
    reflector = std::make_unique<k8s::Reflector>(loop, client, *random, options, std::move(handlers), Logger{});
  }
  static std::string versionIn(std::string_view json) {
    const std::size_t at = json.find(R"("resourceVersion":")") + 19;
    return "@" + std::string(json.substr(at, json.find('"', at) - at));
  }
  /// Runs for a moment and gives the one request that the reflector makes.
  std::shared_ptr<Ask> ask(Duration within = std::chrono::milliseconds(1)) {
    loop.runUntil([this] { return transport.waiting() > 0; }, within);
    REQUIRE(transport.waiting() == 1);
    return transport.next();
  }
  void run(Duration d = std::chrono::milliseconds(1)) { loop.runFor(d); }
  /// Through a first list to an open watch.
  std::shared_ptr<Ask> watching(int version, const std::vector<std::string>& objects) {
    reflector->start();
    ask()->respond(200, page(version, objects));
    auto watch = ask();
    REQUIRE(isWatch(*watch));
    watch->head();
    run();
    story.clear();
    return watch;
  }
  static bool isWatch(const Ask& ask) { return ask.stream && has(ask, "watch=1"); }
  static bool has(const Ask& ask, const std::string& parameter) { return ask.request.target.find(parameter) != std::string::npos; }
  std::vector<std::string> takeStory() { return std::exchange(story, {}); }

  SimLoop loop;
  ScriptedTransport transport{loop};
  k8s::Client client{transport};
  std::unique_ptr<Random> random;
  std::map<std::string, std::string> copy;
  std::vector<std::string> story;
  std::unique_ptr<k8s::Reflector> reflector;
};

using Story = std::vector<std::string>;

}  // namespace spawner::test
