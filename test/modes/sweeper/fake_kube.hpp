#pragma once
// FakeKube: as much of an API server as the sweeper needs, over SimLoop: pods and Services listed and watched, slabs read and patched with
// the uid tested, Events and one Secret. It counts, and it can lose.

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "loop/sim_loop.hpp"
#include "support/scripted_transport.hpp"

namespace spawner::test {

using nlohmann::json;

class FakeKube {
 public:
  enum class Fault { None, Refuse, LoseRequest, LoseAnswer };

  ScriptedTransport transport;
  std::map<std::string, json> slabs, pods, services;  // by name
  std::vector<json> events;
  std::vector<std::pair<std::string, json>> patches;  // name, operations; those that were applied
  int slabReads = 0, serviceReads = 0;
  std::string adminKey;  // base64 of the Secret's field; empty: there is no Secret
  std::function<Fault(const TransportRequest&)> fault;
  std::string retryAfter;  // what a refusal asks for; empty: nothing

  explicit FakeKube(Loop& loop) : transport(loop) {
    transport.serve([this](const std::shared_ptr<Ask>& ask) { serve(ask); });
  }

  void putPod(const json& pod) { put(pods, podWatchers_, pod); }
  void removePod(const std::string& name) { remove(pods, podWatchers_, name); }
  void putService(const json& service) { put(services, serviceWatchers_, service); }
  void removeService(const std::string& name) { remove(services, serviceWatchers_, name); }
  [[nodiscard]] const json& status(const std::string& name) { return slabs.at(name)["status"]; }
  [[nodiscard]] bool has(const std::string& name, const std::string& fact) { return status(name).value(fact, false); }

 private:
  using Objects = std::map<std::string, json>;
  using Watchers = std::vector<std::shared_ptr<Ask>>;
  void put(Objects& all, const Watchers& watchers, json object) {
    const std::string name = object["metadata"]["name"];
    const bool known = all.count(name) > 0;
    object["metadata"]["resourceVersion"] = std::to_string(++version_);
    all[name] = object;
    tell(watchers, known ? "MODIFIED" : "ADDED", object);
  }
  void remove(Objects& all, const Watchers& watchers, const std::string& name) {
    json object = all.at(name);
    all.erase(name);
    object["metadata"]["resourceVersion"] = std::to_string(++version_);
    tell(watchers, "DELETED", object);
  }
  static bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

  void serve(const std::shared_ptr<Ask>& ask) {
    const Fault what = fault ? fault(ask->request) : Fault::None;
    if (what == Fault::LoseRequest) return;  // the caller's deadline passes
    if (what == Fault::Refuse) return refuse(ask);
    lose_ = what == Fault::LoseAnswer;
    const std::string& target = ask->request.target;
    const bool ofServices = contains(target, "/services");
    serviceReads += ofServices ? 1 : 0;
    if (ask->stream) return watch(ofServices ? serviceWatchers_ : podWatchers_, ask);
    if (contains(target, "/secrets/")) return secret(ask);
    if (contains(target, "/events")) return event(ask);
    if (contains(target, "/sessionlivedbackends/")) return slab(ask);
    if (ofServices) return list(services, ask);
    if (!contains(target, "/pods")) FAIL("unexpected request " << ask->request.method << " " << target);
    REQUIRE(contains(target, "spec.nodeName"));
    list(pods, ask);
  }
  void refuse(const std::shared_ptr<Ask>& ask) const {
    std::vector<std::pair<std::string, std::string>> headers;
    if (!retryAfter.empty()) headers.emplace_back("retry-after", retryAfter);
    ask->respond(503, R"({"kind":"Status","code":503,"message":"not now"})", std::move(headers));
  }
  void answer(const std::shared_ptr<Ask>& ask, int status, const json& body) {
    if (!lose_) ask->respond(status, body.dump());
  }
  void list(const Objects& all, const std::shared_ptr<Ask>& ask) {
    json items = json::array();
    for (const auto& [name, object] : all) items.push_back(object);
    answer(ask, 200, {{"kind", "List"}, {"metadata", {{"resourceVersion", std::to_string(version_)}}}, {"items", items}});
  }
  static void watch(Watchers& watchers, const std::shared_ptr<Ask>& ask) {
    ask->head(200);
    watchers.push_back(ask);
  }
  static void tell(const Watchers& watchers, const char* type, const json& object) {
    for (const auto& watcher : watchers)
      if (watcher->open()) watcher->line(json{{"type", type}, {"object", object}}.dump());
  }
  void secret(const std::shared_ptr<Ask>& ask) {
    if (adminKey.empty()) return answer(ask, 404, {{"kind", "Status"}, {"code", 404}, {"reason", "NotFound"}});
    answer(ask, 200, {{"kind", "Secret"}, {"data", {{"admin.key", adminKey}}}});
  }
  void event(const std::shared_ptr<Ask>& ask) {
    events.push_back(json::parse(ask->request.body));
    answer(ask, 201, events.back());
  }
  void slab(const std::shared_ptr<Ask>& ask) {
    std::string name = ask->request.target.substr(ask->request.target.find("/sessionlivedbackends/") + 22);
    name = name.substr(0, name.find('/'));
    if (ask->request.method == "GET") ++slabReads;
    const auto it = slabs.find(name);
    if (it == slabs.end()) return answer(ask, 404, {{"kind", "Status"}, {"code", 404}, {"reason", "NotFound"}});
    if (ask->request.method == "GET") return answer(ask, 200, it->second);
    REQUIRE(ask->request.method == "PATCH");
    REQUIRE(contains(ask->request.target, "/status"));
    const json operations = json::parse(ask->request.body);
    json patched;
    try {
      patched = it->second.patch(operations);
    } catch (const json::exception& error) { return answer(ask, 422, {{"kind", "Status"}, {"code", 422}, {"message", error.what()}}); }
    // The rule of the CRD: the first pod stays.
    const auto podUid = [](const json& slab) { return slab.value("/status/podUID"_json_pointer, std::string()); };
    if (!podUid(it->second).empty() && podUid(patched) != podUid(it->second))
      return answer(ask, 422, {{"kind", "Status"}, {"code", 422}, {"reason", "Invalid"}, {"message", "it does not get another pod"}});
    patched["metadata"]["resourceVersion"] = std::to_string(++version_);
    it->second = patched;
    patches.emplace_back(name, operations);
    answer(ask, 200, patched);
  }

  int version_ = 100;
  bool lose_ = false;
  Watchers podWatchers_, serviceWatchers_;
};

}  // namespace spawner::test
