#pragma once
// WatchHub: all watches. A watch is a position in the store's log plus a selection: it holds no queue, so a slow watcher costs nothing and
// is cut with 410 when the log has moved past it. Owner: ApiServer. Thread: one.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/present.hpp"
#include "cluster/request.hpp"
#include "cluster/selector.hpp"
#include "cluster/store.hpp"

namespace spawner::cluster {

struct WatchRequest {
  const ResourceType* type = nullptr;
  Selection selection;
  Presentation presentation;
  /// Events after it; nullopt: the present objects first, as ADDED.
  std::optional<std::uint64_t> after;
  bool bookmarks = false;
  bool initialEventsEnd = false;  // sendInitialEvents: a bookmark says where the present objects end
  TimePoint deadline{};
  Duration bookmarkInterval{};
};

class WatchHub {
 public:
  explicit WatchHub(Store& store);
  ~WatchHub();
  std::unique_ptr<Stream> open(WatchRequest request, Now now);
  [[nodiscard]] std::size_t count() const;
  void cutAll();

 private:
  class Watch;
  void onCommit(const Commit& commit);
  Store& store_;
  std::vector<std::vector<Watch*>> byType_;
  std::shared_ptr<void> hook_;
};

}  // namespace spawner::cluster
