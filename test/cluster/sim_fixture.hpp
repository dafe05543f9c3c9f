#pragma once
// An API server with its controllers on a loop in virtual time.

#include <optional>

#include "cluster/controllers.hpp"
#include "fixture.hpp"
#include "loop/sim_loop.hpp"

namespace spawner::cluster::test {

class SimFixture {
 public:
  explicit SimFixture(ControllersOptions options = {}, std::uint64_t seed = 1)
      : loop(seed),
        random(seededRandom(seed)),
        server(ApiServerOptions{}, *random, now()),
        controllers(std::in_place, loop, server, std::move(options)) {}

  [[nodiscard]] Now now() const { return {loop.now(), loop.wallNow()}; }
  Response call(std::string method, std::string_view target, std::string body = {}) {
    return server.call(std::move(method), std::string(target), std::move(body), now());
  }
  /// Makes it and gives its uid.
  std::string make(std::string_view path, std::string body) {
    const Response made = call("POST", path, std::move(body));
    INFO(made.body);
    REQUIRE(made.status == 201);
    return std::string(parse(made.body).textAt({"metadata", "uid"}));
  }
  [[nodiscard]] bool exists(const ResourceType& type, std::string_view key) { return server.store().find(type, key) != nullptr; }
  [[nodiscard]] std::string nodeOf(std::string_view pod) {
    const ObjectPtr found = server.store().find(types::pods, "spawner/" + std::string(pod));
    return found ? std::string(found->json().textAt({"spec", "nodeName"})) : "gone";
  }
  void settle(Duration limit = std::chrono::seconds(1)) { loop.runFor(limit); }

  SimLoop loop;
  std::unique_ptr<Random> random;
  ApiServer server;
  std::optional<Controllers> controllers;
};

inline std::string ownedBy(std::string_view kind, std::string_view name, std::string_view uid,
                           std::string_view apiVersion = "spawner.dev/v1") {
  return R"({"apiVersion":")" + std::string(apiVersion) + R"(","kind":")" + std::string(kind) + R"(","name":")" + std::string(name) +
         R"(","uid":")" + std::string(uid) + R"("})";
}
inline std::string owners(std::string_view list) { return R"(,"ownerReferences":[)" + std::string(list) + "]"; }

}  // namespace spawner::cluster::test
