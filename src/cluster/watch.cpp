#include "cluster/watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "cluster/failure.hpp"

namespace spawner::cluster {

namespace {

using Line = std::shared_ptr<const std::string>;

Line makeLine(std::string_view type, std::string_view object) {
  return std::make_shared<const std::string>(fmt::format("{{\"type\":\"{}\",\"object\":{}}}\n", type, object));
}

}  // namespace

class WatchHub::Watch final : public Stream {
 public:
  Watch(WatchHub& hub, WatchRequest request, Now now)
      : hub_(&hub), store_(hub.store_), request_(std::move(request)), nextBookmark_(now.mono + request_.bookmarkInterval) {
    if (request_.after) {
      position_ = *request_.after;
    } else {
      for (const auto& [key, object] : store_.objects(*request_.type))
        if (request_.selection.matches(*object)) present_.push_back(object);
      position_ = store_.revision();
    }
    hub.byType_[request_.type->index].push_back(this);
  }
  ~Watch() override { leave(); }

  std::shared_ptr<const std::string> next(Now now) override {
    if (!present_.empty()) {
      const ObjectPtr object = present_.front();
      present_.pop_front();
      // Lines of present objects are not shared: a watch without resourceVersion is rare.
      return plain() ? makeLine("ADDED", object->text())
                     : makeLine("ADDED", presentWatched(*object, request_.presentation, takeFirst(), now));
    }
    if (request_.initialEventsEnd) {
      request_.initialEventsEnd = false;
      return bookmark(true);
    }
    if (ended_) return nullptr;
    if (Line line = nextEvent(now)) return line;
    if (ended_) return nullptr;
    if (now.mono >= request_.deadline || cut_) {
      ended_ = true;
      leave();
    } else if (request_.bookmarks && now.mono >= nextBookmark_) {
      nextBookmark_ = now.mono + request_.bookmarkInterval;
      return bookmark(false);
    }
    awake_ = false;
    return nullptr;
  }

  [[nodiscard]] bool ended() const override { return ended_; }
  [[nodiscard]] std::optional<TimePoint> wakeAt() const override {
    if (ended_) return std::nullopt;
    return request_.bookmarks ? std::min(nextBookmark_, request_.deadline) : request_.deadline;
  }
  void onWake(std::function<void()> wake) override { wake_ = std::move(wake); }

  void onCommit(const Commit& commit) {
    const bool concerns =
        (commit.before && request_.selection.matches(*commit.before)) || (commit.after && request_.selection.matches(*commit.after));
    if (concerns) return wake();
    if (!awake_) position_ = std::max(position_, commit.revision);  // has seen all before: nothing of this one is for it
  }
  void cut() {
    cut_ = true;
    wake();
  }
  void forget() { hub_ = nullptr; }

 private:
  [[nodiscard]] bool plain() const { return request_.presentation.form == Presentation::Form::Plain; }
  bool takeFirst() { return std::exchange(first_, false); }

  void wake() {
    if (std::exchange(awake_, true)) return;
    if (wake_) wake_();
  }

  Line nextEvent(Now now) {
    const ResourceType& type = *request_.type;
    if (!store_.remembers(type, position_)) {
      ended_ = true;
      leave();
      const Failure gone = failures::expired(fmt::format("too old resource version: {} ({})", position_, store_.revision()));
      return makeLine("ERROR", gone.status().dump());
    }
    while (const CommitPtr commit = store_.nextAfter(type, position_)) {
      position_ = commit->revision;
      const bool was = commit->before && request_.selection.matches(*commit->before);
      const bool is = commit->after && request_.selection.matches(*commit->after);
      if (!was && !is) continue;
      const EventType event = !was ? EventType::Added : is ? EventType::Modified : EventType::Deleted;
      if (plain()) return commit->line(event);
      const ObjectPtr object = event != EventType::Deleted ? commit->after : commit->last ? commit->last : commit->before;
      return makeLine(toString(event), presentWatched(*object, request_.presentation, takeFirst(), now));
    }
    return nullptr;
  }

  Line bookmark(bool initialEnd) {
    position_ = std::max(position_, initialEnd ? position_ : store_.revision());
    Json object = Json::object({{"kind", request_.type->kind}, {"apiVersion", request_.type->apiVersion()}});
    object.edit("metadata").set("resourceVersion", std::to_string(position_));
    if (initialEnd) object.edit("metadata").edit("annotations").set("k8s.io/initial-events-end", "true");
    if (request_.presentation.form == Presentation::Form::Table)
      object = Json::object({{"kind", "Table"},
                             {"apiVersion", "meta.k8s.io/v1"},
                             {"metadata", *object.find("metadata")},
                             {"columnDefinitions", Json::array()},
                             {"rows", Json::array()}});
    return makeLine("BOOKMARK", object.dump());
  }

  void leave() {
    if (hub_ != nullptr) std::erase(hub_->byType_[request_.type->index], this);
    hub_ = nullptr;
  }

  WatchHub* hub_;
  Store& store_;
  WatchRequest request_;
  std::deque<ObjectPtr> present_;
  std::uint64_t position_ = 0;
  TimePoint nextBookmark_;
  std::function<void()> wake_;
  bool awake_ = true;  // something may be waiting for next()
  bool first_ = true;
  bool cut_ = false;
  bool ended_ = false;
};

WatchHub::WatchHub(Store& store)
    : store_(store), byType_(allTypes().size()), hook_(store.onCommit([this](const Commit& commit) { onCommit(commit); })) {}

WatchHub::~WatchHub() {
  for (std::vector<Watch*>& watches : byType_)
    for (Watch* watch : watches) watch->forget();
}

std::unique_ptr<Stream> WatchHub::open(WatchRequest request, Now now) { return std::make_unique<Watch>(*this, std::move(request), now); }

std::size_t WatchHub::count() const {
  std::size_t count = 0;
  for (const std::vector<Watch*>& watches : byType_) count += watches.size();
  return count;
}

void WatchHub::cutAll() {
  for (std::vector<Watch*>& watches : byType_)
    for (Watch* watch : watches) watch->cut();
}

void WatchHub::onCommit(const Commit& commit) {
  for (Watch* watch : byType_[commit.type.index]) watch->onCommit(commit);
}

}  // namespace spawner::cluster
