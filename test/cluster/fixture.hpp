#pragma once
// A fresh API server with a clock that only the test moves, and short ways to ask it.

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.hpp"
#include "cluster/api_server.hpp"

namespace spawner::cluster::test {

/// An answer with its body read.
struct Answer {
  int status = 0;
  Json json;
  std::string body;
  Response raw;
  [[nodiscard]] std::string_view at(std::initializer_list<std::string_view> path) const { return json.textAt(path); }
  [[nodiscard]] std::string_view reason() const { return at({"reason"}); }
  [[nodiscard]] std::string_view message() const { return at({"message"}); }
  [[nodiscard]] std::string version() const { return std::string(at({"metadata", "resourceVersion"})); }
  [[nodiscard]] std::string uid() const { return std::string(at({"metadata", "uid"})); }
  [[nodiscard]] std::string_view header(std::string_view name) const {
    for (const auto& [key, value] : raw.headers)
      if (key == name) return value;
    return {};
  }
};

inline Json parse(std::string_view text) {
  Result<Json> json = Json::parse(text);
  INFO(text);
  REQUIRE(json.ok());
  return *json;
}

inline constexpr std::string_view slabsPath = "/apis/spawner.dev/v1/namespaces/spawner/sessionlivedbackends";
inline constexpr std::string_view podsPath = "/api/v1/namespaces/spawner/pods";
inline constexpr std::string_view mergeType = "application/merge-patch+json";
inline constexpr std::string_view jsonPatchType = "application/json-patch+json";
inline constexpr std::string_view strategicType = "application/strategic-merge-patch+json";

inline std::string under(std::string_view base, std::string_view rest) { return std::string(base) + "/" + std::string(rest); }

inline std::string slabJson(std::string_view name,
                            std::string_view spec = R"("template":{"containers":[{"name":"app","image":"demo:1"}]})") {
  return R"({"apiVersion":"spawner.dev/v1","kind":"SessionLivedBackend","metadata":{"name":")" + std::string(name) + R"("},"spec":{)" +
         std::string(spec) + "}}";
}
/// `meta`: more members of the metadata, with a leading comma; `spec`: of the spec.
inline std::string podJson(std::string_view name, std::string_view meta = {}, std::string_view spec = {}) {
  return R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + std::string(name) + "\"" + std::string(meta) +
         R"(},"spec":{"containers":[{"name":"app","image":"demo:1"}])" + std::string(spec) + "}}";
}

class Fixture {
 public:
  explicit Fixture(ApiServerOptions options = {}, std::uint64_t seed = 1)
      : random_(seededRandom(seed)), server_(std::move(options), *random_, now()) {}

  [[nodiscard]] Now now() const { return now_; }
  void advance(Duration by) {
    now_.mono += by;
    now_.wall += std::chrono::duration_cast<std::chrono::microseconds>(by);
  }
  ApiServer& server() { return server_; }
  Store& store() { return server_.store(); }

  Response raw(std::string method, std::string_view target, std::string body = {}, std::string_view contentType = "application/json",
               std::string_view accept = {}) {
    Request request;
    request.method = std::move(method);
    request.target = target;
    request.body = std::move(body);
    if (!contentType.empty()) request.headers.emplace_back("content-type", contentType);
    if (!accept.empty()) request.headers.emplace_back("accept", accept);
    return server_.handle(request, now_);
  }
  Answer ask(std::string method, std::string_view target, std::string body = {}, std::string_view contentType = "application/json",
             std::string_view accept = {}) {
    Answer answer;
    answer.raw = raw(std::move(method), target, std::move(body), contentType, accept);
    answer.status = answer.raw.status;
    answer.body = answer.raw.body;
    if (!answer.body.empty() && answer.raw.contentType == "application/json") answer.json = parse(answer.body);
    return answer;
  }
  Answer get(std::string_view target) { return ask("GET", target); }
  Answer post(std::string_view target, std::string body) { return ask("POST", target, std::move(body)); }
  Answer put(std::string_view target, std::string body) { return ask("PUT", target, std::move(body)); }
  Answer merge(std::string_view target, std::string body) { return ask("PATCH", target, std::move(body), mergeType); }
  Answer patch(std::string_view target, std::string body) { return ask("PATCH", target, std::move(body), jsonPatchType); }
  Answer remove(std::string_view target, std::string body = {}) { return ask("DELETE", target, std::move(body)); }

  /// Makes it and gives the answer; the test fails when it cannot be made.
  Answer slab(std::string_view name) { return made(slabsPath, slabJson(name)); }
  Answer pod(std::string_view name, std::string_view meta = {}, std::string_view spec = {}) {
    return made(podsPath, podJson(name, meta, spec));
  }
  Answer made(std::string_view path, std::string body) {
    Answer answer = post(path, std::move(body));
    INFO(answer.body);
    REQUIRE(answer.status == 201);
    return answer;
  }

  std::unique_ptr<Stream> watch(std::string_view target) {
    Response response = raw("GET", target);
    INFO(response.body);
    REQUIRE(response.status == 200);
    REQUIRE(response.stream);
    return std::move(response.stream);
  }
  /// All events that are there now.
  std::vector<Json> drain(Stream& stream) {
    std::vector<Json> events;
    while (const auto line = stream.next(now_)) {
      REQUIRE(line->ends_with("\n"));
      events.push_back(parse(*line));
    }
    return events;
  }
  /// The same as "ADDED name" words.
  std::vector<std::string> words(Stream& stream) {
    std::vector<std::string> out;
    for (const Json& event : drain(stream))
      out.push_back(std::string(event.textAt({"type"})) + " " + std::string(event.textAt({"object", "metadata", "name"})));
    return out;
  }

 private:
  std::unique_ptr<Random> random_;
  Now now_{TimePoint(std::chrono::hours(1)), WallTime(std::chrono::hours(500'000))};
  ApiServer server_;
};

}  // namespace spawner::cluster::test
