#pragma once
// Reading lists and watch events without keeping documents: simdjson finds the few fields that the reflector needs and cuts out each
// object's text. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spawner/result.hpp"

namespace spawner::k8s {

struct ObjectText {
  std::string key;  // "namespace/name"
  std::string resourceVersion;
  std::string_view json;  // a part of the text that was read
};

struct ListPage {
  std::string resourceVersion;
  std::string continueToken;  // empty: the last page
  std::vector<ObjectText> items;
};

/// Reads one page. `body` grows a little (padding); the items' texts are views into it. Protocol: not a list, or an item without a name.
Result<ListPage> readListPage(std::string& body);

enum class EventType { Added, Modified, Deleted, Bookmark, Error };

struct WatchEvent {
  EventType type;
  ObjectText object;  // of a bookmark: only the resourceVersion; of an error: the Status as json
};

/// Reads one line of a watch. REQUIRES: LineSplitter::padding readable bytes behind the line. Protocol: not an event.
Result<WatchEvent> readWatchEvent(std::string_view line);

/// The code of a Status ("code"), or 500.
int statusCode(std::string_view json);

}  // namespace spawner::k8s
