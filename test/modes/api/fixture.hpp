#pragma once
// ApiFixture: an Api in virtual time over a small store, and short ways to ask it.

#include <catch2/catch.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/crypto.hpp"
#include "loop/sim_loop.hpp"
#include "modes/api/api.hpp"
#include "support/memory_call.hpp"
#include "support/slab_store.hpp"

namespace spawner::test {

using Json = nlohmann::json;
using namespace std::chrono_literals;

struct ApiFixture {
  explicit ApiFixture(api::Options given = {}, std::uint64_t seed = 7)
      : loop(seed), store(loop), random(seededRandom(seed)), options(std::move(given)) {}

  /// Makes the Api (a replica of its own each time) and waits for its first list.
  void begin() {
    api.emplace_back(std::make_unique<api::Api>(role::Context{loop, store, *random, Logger(), metrics}, options));
    api.back()->start();
    REQUIRE(loop.runUntil([this] { return api.back()->ready(); }, 1s));
    settle();
  }
  /// All that can happen within a moment has happened.
  void settle() { loop.runFor(5ms); }

  AnswerPtr send(std::string method, std::string target, std::string body = {}, http::Headers headers = {}, std::size_t replica = 0) {
    http::RequestHead head;
    head.method = std::move(method);
    head.target = std::move(target);
    head.headers = std::move(headers);
    if (!head.headers.has("Host")) head.headers.add("Host", "spawner-api:8080");
    auto answer = std::make_shared<Answer>();
    api.at(replica)->handle(std::make_unique<MemoryCall>(std::move(head), std::move(body), answer));
    return answer;
  }
  /// Sends, and waits a moment for the answer.
  AnswerPtr ask(std::string method, std::string target, std::string body = {}, http::Headers headers = {}, std::size_t replica = 0) {
    AnswerPtr answer = send(std::move(method), std::move(target), std::move(body), std::move(headers), replica);
    settle();
    return answer;
  }
  AnswerPtr get(std::string target) { return ask("GET", std::move(target)); }
  static http::Headers json() {
    http::Headers headers;
    headers.add("Content-Type", "application/json");
    return headers;
  }
  AnswerPtr spawn(const std::string& body, http::Headers headers = json(), const std::string& query = "") {
    return ask("POST", "/spawn" + query, body, std::move(headers));
  }
  static http::Headers browser() {
    http::Headers headers;
    headers.add("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    return headers;
  }
  static Json body(const AnswerPtr& answer) {
    REQUIRE(answer->response);
    return Json::parse(answer->response->body);
  }
  /// The only object of the store.
  Json& onlyObject() {
    REQUIRE(store.objects.size() == 1);
    return store.objects.begin()->second;
  }

  SimLoop loop;
  Metrics metrics;
  SlabStore store;
  std::unique_ptr<Random> random;
  api::Options options;
  std::vector<std::unique_ptr<api::Api>> api;
};

}  // namespace spawner::test
