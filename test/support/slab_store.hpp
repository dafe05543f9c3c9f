#pragma once
// SlabStore: a Transport that is as much of a Kubernetes as API and gateway ask for: create, get, delete, list and watch of
// SessionLivedBackends in one namespace. It can lose answers, refuse and be away.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "spawner/loop.hpp"
#include "spawner/transport.hpp"

namespace spawner::test {

class SlabStore final : public Transport {
 public:
  using Json = nlohmann::json;
  explicit SlabStore(Loop& loop) : loop_(loop) {}

  // --- the world, as other writers change it
  /// Makes an object, as another client would. `more` is merged into it ({"status": {...}}).
  Json& add(const std::string& name, const Json& more = Json::object()) {
    Json object = {{"apiVersion", "spawner.dev/v1"},
                   {"kind", "SessionLivedBackend"},
                   {"metadata", {{"name", name}}},
                   {"spec", {{"template", {{"containers", {{{"name", "app"}, {"image", "demo"}}}}}}}}};
    object.merge_patch(more);
    return insert(std::move(object));
  }
  void patch(const std::string& name, const Json& patch) {
    Json& object = objects.at(name);
    object.merge_patch(patch);
    changed("MODIFIED", object);
  }
  void setStatus(const std::string& name, const Json& status) { patch(name, {{"status", status}}); }
  void erase(const std::string& name) {
    Json object = objects.at(name);
    objects.erase(name);
    changed("DELETED", object);
  }

  std::map<std::string, Json> objects;

  // --- faults
  bool away = false;                        // every call: Disconnected
  int loseAnswers = 0;                      // so many next writes act, and answer Timeout
  std::optional<TransportResponse> refuse;  // the next write is answered with this instead of acting
  bool silentWatch = false;                 // changes are not told

  // --- what was asked
  int posts = 0, gets = 0, deletes = 0, lists = 0, watches = 0;
  std::string lastBody;

  Pending call(TransportRequest request, UniqueFunction<void(Result<TransportResponse>)> done) override {
    auto alive = std::make_shared<bool>(true);
    loop_.post([this, alive, request = std::move(request), done = std::move(done)]() mutable {
      if (!*alive) return;
      Result<TransportResponse> answer = act(request);
      loop_.post([alive, answer = std::move(answer), done = std::move(done)]() mutable {
        if (*alive) done(std::move(answer));
      });
    });
    return Pending([alive] { *alive = false; });
  }

  Pending stream(TransportRequest request, StreamHandlers handlers) override {
    ++watches;
    auto watcher = std::make_shared<Watcher>();
    watcher->handlers = std::move(handlers);
    const std::size_t from = request.target.find("resourceVersion=");
    const std::int64_t since = from == std::string::npos ? 0 : std::stoll(request.target.substr(from + 16));
    for (const auto& [version, line] : log_)
      if (version > since) watcher->lines.push_back(line);
    loop_.post([watcher, gone = away] {
      if (!watcher->alive) return;
      if (gone) return watcher->handlers.onEnd(Error{ErrorKind::Disconnected, "away", std::nullopt});
      watcher->handlers.onHead(TransportResponse{200, {}, {}});
      watcher->open = true;
      flush(*watcher);
    });
    std::erase_if(watchers_, [](const auto& old) { return !old->alive; });
    watchers_.push_back(watcher);
    return Pending([watcher] { watcher->alive = false; });
  }

 private:
  struct Watcher {
    StreamHandlers handlers;
    bool alive = true;
    bool open = false;
    std::deque<std::string> lines;
  };

  static void flush(Watcher& watcher) {
    while (watcher.alive && watcher.open && !watcher.lines.empty()) {
      const std::string line = watcher.lines.front();
      watcher.lines.pop_front();
      watcher.handlers.onData(line);
    }
  }

  Json& insert(Json object) {
    const std::string name = object["metadata"]["name"];
    object["metadata"]["namespace"] = "spawner";
    object["metadata"]["uid"] = "uid-" + std::to_string(++uids_);
    object["metadata"]["generation"] = 1;
    object["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z";
    Json& stored = objects[name] = std::move(object);
    changed("ADDED", stored);
    return stored;
  }

  void changed(const std::string& type, Json& object) {
    object["metadata"]["resourceVersion"] = std::to_string(++version_);
    if (silentWatch) return;
    const std::string line = Json{{"type", type}, {"object", object}}.dump() + "\n";
    log_.emplace_back(version_, line);
    for (const auto& watcher : watchers_) {
      watcher->lines.push_back(line);
      loop_.post([watcher] { flush(*watcher); });
    }
  }

  Result<TransportResponse> act(const TransportRequest& request) {
    const std::string path = request.target.substr(0, request.target.find('?'));
    const std::string root = "/apis/spawner.dev/v1/namespaces/spawner/sessionlivedbackends";
    const std::string name = path.size() > root.size() ? path.substr(root.size() + 1) : "";
    if (!path.starts_with(root)) return status(404, "NotFound", "no such path: " + path);
    if (request.method == "GET" && name.empty()) return list();
    if (request.method == "GET") return get(name);
    count(request);
    if (away) return Error{ErrorKind::Disconnected, "away", std::nullopt};
    if (refuse) return *std::exchange(refuse, std::nullopt);
    TransportResponse answer = request.method == "POST" ? create(request.body) : remove(name, request.body);
    if (loseAnswers > 0 && loseAnswers-- > 0) return Error{ErrorKind::Timeout, "the answer was lost", std::nullopt};
    return answer;
  }

  void count(const TransportRequest& request) {
    ++(request.method == "POST" ? posts : deletes);
    lastBody = request.body;
  }

  Result<TransportResponse> list() {
    ++lists;
    if (away) return Error{ErrorKind::Disconnected, "away", std::nullopt};
    Json items = Json::array();
    for (const auto& [name, object] : objects) items.push_back(object);
    return ok(200, {{"kind", "SessionLivedBackendList"},
                    {"apiVersion", "spawner.dev/v1"},
                    {"metadata", {{"resourceVersion", std::to_string(version_)}}},
                    {"items", items}});
  }
  Result<TransportResponse> get(const std::string& name) {
    ++gets;
    if (away) return Error{ErrorKind::Disconnected, "away", std::nullopt};
    const auto it = objects.find(name);
    return it == objects.end() ? status(404, "NotFound", "\"" + name + "\" not found") : ok(200, it->second);
  }
  TransportResponse create(const std::string& body) {
    const Json object = Json::parse(body);
    const std::string name = object["metadata"]["name"];
    if (objects.contains(name)) return status(409, "AlreadyExists", "\"" + name + "\" already exists");
    return ok(201, insert(object));
  }
  TransportResponse remove(const std::string& name, const std::string& body) {
    const auto it = objects.find(name);
    if (it == objects.end()) return status(404, "NotFound", "\"" + name + "\" not found");
    const Json options = Json::parse(body);
    const std::string uid = options.value(Json::json_pointer("/preconditions/uid"), it->second["metadata"]["uid"].get<std::string>());
    if (uid != it->second["metadata"]["uid"]) return status(409, "Conflict", "the uid is another");
    erase(name);
    return status(200, "", "");
  }

  static TransportResponse ok(int code, const Json& json) { return {code, {{"content-type", "application/json"}}, json.dump()}; }
  static TransportResponse status(int code, const std::string& reason, const std::string& message) {
    const Json json = {{"kind", "Status"}, {"apiVersion", "v1"}, {"status", code < 300 ? "Success" : "Failure"},
                       {"reason", reason}, {"message", message}, {"code", code}};
    return ok(code, json);
  }

  Loop& loop_;
  std::vector<std::shared_ptr<Watcher>> watchers_;
  std::vector<std::pair<std::int64_t, std::string>> log_;
  std::int64_t version_ = 100;
  int uids_ = 0;
};

}  // namespace spawner::test
