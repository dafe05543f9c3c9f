#pragma once
// TinyApi: a list-and-watch server for one namespace of one resource, with faults chosen by chance: pages of one snapshot, a log of events,
// compaction, bookmarks, cut and repeated streams, lost and late answers. The truth that an informer's copy is held against.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "k8s/status_error.hpp"
#include "reflector_fixture.hpp"

namespace spawner::test {

class TinyApi {
 public:
  TinyApi(ScriptedTransport& transport, Random& random) : random_(random) {
    transport.serve([this](const std::shared_ptr<Ask>& ask) { take(ask); });
  }

  /// Off: the server is well and nothing is lost or late any more.
  bool faults = true;
  std::map<std::string, std::string> objects;  // by name: the text

  /// A random write: creates, changes or deletes one of a few names. Gives the written text; empty for a delete.
  std::string write() {
    const std::string name = "o" + std::to_string(random_.below(12));
    ++version_;
    if (objects.contains(name) && random_.below(2) == 0) {
      objects.erase(name);
      tell("DELETED", object(name, version_));
      return {};
    }
    const bool existed = objects.contains(name);
    objects[name] = object(name, version_);
    tell(existed ? "MODIFIED" : "ADDED", objects[name]);
    return objects[name];
  }
  /// Forgets the oldest events: a watch from before gets 410.
  void compact() { oldest_ = version_; }
  [[nodiscard]] int version() const { return version_; }

 private:
  struct Event {
    int version;
    std::string line;
  };
  struct Snapshot {
    int version;
    std::vector<std::string> items;
  };
  bool chance(int oneIn) { return faults && random_.below(static_cast<std::uint64_t>(oneIn)) == 0; }

  static std::string parameter(const std::string& target, const std::string& name) {
    for (std::size_t at = target.find('?'); at != std::string::npos; at = target.find('&', at + 1)) {
      if (target.compare(at + 1, name.size() + 1, name + "=") != 0) continue;
      const std::size_t begin = at + name.size() + 2;
      return target.substr(begin, target.find('&', begin) - begin);
    }
    return {};
  }

  void take(const std::shared_ptr<Ask>& ask) {
    if (faults) ask->delay = std::chrono::microseconds(random_.below(20'000));
    if (chance(8)) return ask->fail(ErrorKind::Disconnected);
    if (chance(10)) return ask->respond(500, status(500, "InternalError"));
    if (chance(12)) return ask->respond(429, status(429, "TooManyRequests"), {{"retry-after", "1"}});
    if (chance(40)) return;  // never answered
    ask->stream ? watch(ask) : list(ask);
  }

  void list(const std::shared_ptr<Ask>& ask) {
    const std::string token = parameter(ask->request.target, "continue");
    const std::size_t limit = std::stoul(parameter(ask->request.target, "limit"));
    Snapshot snapshot;
    std::size_t from = 0;
    if (token.empty()) {
      snapshot.version = version_;
      for (const auto& [name, text] : objects) snapshot.items.push_back(text);
      snapshots_[version_] = snapshot;
    } else {
      const std::size_t dash = token.find('-');
      const auto found = snapshots_.find(std::stoi(token.substr(0, dash)));
      if (found == snapshots_.end() || found->first < oldest_) return ask->respond(410, status(410, "Expired"));
      snapshot = found->second;
      from = std::stoul(token.substr(dash + 1));
    }
    const std::size_t to = std::min(snapshot.items.size(), from + limit);
    const bool more = to < snapshot.items.size();
    const std::vector<std::string> items(snapshot.items.begin() + static_cast<long>(from), snapshot.items.begin() + static_cast<long>(to));
    ask->respond(200, page(snapshot.version, items, more ? std::to_string(snapshot.version) + "-" + std::to_string(to) : ""));
  }

  void watch(const std::shared_ptr<Ask>& ask) {
    const int from = std::stoi(parameter(ask->request.target, "resourceVersion"));
    if (from < oldest_) {
      if (random_.below(2) == 0) return ask->respond(410, status(410, "Expired"));
      ask->head();
      return ask->line(event("ERROR", status(410, "Expired")));
    }
    ask->head();
    if (faults) ask->chunkBytes = random_.below(4) == 0 ? 1 + random_.below(100) : 0;
    for (const Event& past : log_)
      if (past.version > from) send(ask, past.line);
    watchers_.push_back(ask);
  }

  void tell(const std::string& type, const std::string& text) {
    log_.push_back({version_, event(type, text)});
    std::vector<std::shared_ptr<Ask>> open;
    for (const auto& watcher : watchers_) {
      if (!watcher->open()) continue;
      send(watcher, log_.back().line);
      if (chance(20)) { watcher->line(bookmark(version_)); }
      if (chance(15)) {
        random_.below(2) == 0 ? watcher->end() : watcher->fail(ErrorKind::Disconnected);
        continue;
      }
      open.push_back(watcher);
    }
    watchers_ = std::move(open);
  }
  void send(const std::shared_ptr<Ask>& watcher, const std::string& line) {
    if (chance(30)) {  // cut within the line
      watcher->data(line.substr(0, random_.below(line.size())));
      return watcher->fail(ErrorKind::Disconnected);
    }
    watcher->line(line);
    if (chance(10)) watcher->line(log_[random_.below(log_.size())].line);  // an old one, or this one, again
  }

  Random& random_;
  int version_ = 100;
  int oldest_ = 0;
  std::vector<Event> log_;
  std::map<int, Snapshot> snapshots_;
  std::vector<std::shared_ptr<Ask>> watchers_;
};

}  // namespace spawner::test
