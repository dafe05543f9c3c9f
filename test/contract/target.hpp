#pragma once
// The API server under test: the one that SPAWNER_CONTRACT_KUBECONFIG names (a real cluster: the suite makes the CRD there and a namespace
// of its own, and removes the namespace again), or an embedded one that is started for the test. What the suite asserts must be true of
// both.

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/json.hpp"
#include "k8s/client.hpp"
#include "loop/reactor.hpp"
#include "spawner/transport.hpp"

namespace spawner::contract {

using cluster::Json;

struct Answer {
  int status = 0;
  std::string body;
  Json json;
  TransportResponse raw;
  [[nodiscard]] std::string at(std::initializer_list<std::string_view> path) const { return std::string(json.textAt(path)); }
  [[nodiscard]] std::string reason() const { return at({"reason"}); }
  [[nodiscard]] std::string message() const { return at({"message"}); }
  [[nodiscard]] std::string version() const { return at({"metadata", "resourceVersion"}); }
  [[nodiscard]] std::string uid() const { return at({"metadata", "uid"}); }
};

/// An open watch and what it has told.
class Watch {
 public:
  Watch(Reactor& loop, Transport& transport, const std::string& path);
  /// Waits until so many events have come (bookmarks of the timer's kind are left out) and gives them all.
  const std::vector<Json>& waitFor(std::size_t count, const std::string& what);
  void waitEnd();
  [[nodiscard]] std::vector<std::string> words() const;  // "ADDED name"
  int status = 0;

 private:
  void read(std::string_view bytes);
  Reactor& loop_;
  std::string partial_;
  std::vector<Json> events_;
  bool ended_ = false;
  Pending pending_;
};

class Target {
 public:
  Target();
  ~Target();
  Target(const Target&) = delete;

  Answer ask(const std::string& method, const std::string& path, const std::string& body = {}, std::string_view type = "application/json",
             std::string_view accept = "application/json");
  Answer get(const std::string& path) { return ask("GET", path); }
  Answer post(const std::string& path, const std::string& body) { return ask("POST", path, body); }
  Answer put(const std::string& path, const std::string& body) { return ask("PUT", path, body); }
  Answer merge(const std::string& path, const std::string& body) { return ask("PATCH", path, body, "application/merge-patch+json"); }
  Answer patch(const std::string& path, const std::string& body) { return ask("PATCH", path, body, "application/json-patch+json"); }
  Answer remove(const std::string& path, const std::string& body = {}) { return ask("DELETE", path, body); }
  /// POST that must succeed.
  Answer made(const std::string& path, const std::string& body);
  std::unique_ptr<Watch> watch(const std::string& path) { return std::make_unique<Watch>(*loop_, transport(), path); }
  /// Asks again until the path answers with the status.
  void waitStatus(const std::string& path, int status, Duration limit = std::chrono::seconds(60));
  /// The error of a call of the typed client; the test fails when it succeeds.
  ErrorKind errorOf(const std::function<Pending(k8s::Client&, k8s::Client::Done)>& call);

  [[nodiscard]] const std::string& ns() const { return ns_; }
  /// "/apis/spawner.dev/v1/namespaces/<own>/sessionlivedbackends", with "/name" when given.
  [[nodiscard]] std::string slabs(std::string_view name = {}) const;
  /// "/api/v1/namespaces/<own>/<plural>", with "/name" when given.
  [[nodiscard]] std::string core(std::string_view plural, std::string_view name = {}) const;

 private:
  struct Embedded;
  Transport& transport() { return *transport_; }
  void prepare();
  bool becomes(const std::string& path, int status, Duration limit);
  std::unique_ptr<Reactor> loop_;
  std::unique_ptr<Embedded> embedded_;
  std::unique_ptr<Transport> transport_;
  std::string ns_;
};

inline std::string slab(std::string_view name,
                        std::string_view spec = R"("template":{"containers":[{"name":"app","image":"example.invalid/none:1"}]})",
                        std::string_view meta = {}) {
  return R"({"apiVersion":"spawner.dev/v1","kind":"SessionLivedBackend","metadata":{"name":")" + std::string(name) + "\"" +
         std::string(meta) + R"(},"spec":{)" + std::string(spec) + "}}";
}
/// A pod that no scheduler takes: it stays as it is on a real cluster too.
inline std::string pod(std::string_view name, std::string_view meta = {}) {
  return R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + std::string(name) + "\"" + std::string(meta) +
         R"(},"spec":{"schedulerName":"none.invalid","automountServiceAccountToken":false,"containers":[{"name":"app","image":"example.invalid/none:1"}]}})";
}

}  // namespace spawner::contract
