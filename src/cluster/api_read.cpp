// ApiServer's reads: get, list, watch.

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "cluster/api_impl.hpp"

namespace spawner::cluster {

namespace {

/// A list or watch's resourceVersion, read.
struct Version {
  std::optional<std::uint64_t> number;  // nullopt: not given
  std::string_view match;               // "", "Exact", "NotOlderThan"
};

Failure listOptionsInvalid(const FieldError& error) { return failures::invalidKind("meta.k8s.io", "ListOptions", "", {error}); }

Outcome<Version> versionOf(const Query& query) {
  Version version;
  const std::string_view text = query.get("resourceVersion");
  version.match = query.get("resourceVersionMatch");
  if (!text.empty()) {
    version.number = parseUnsigned(text);
    if (!version.number) return listOptionsInvalid(FieldError::invalid("resourceVersion", Json(text), "it is no number"));
  }
  if (version.match.empty()) return version;
  if (version.match != "Exact" && version.match != "NotOlderThan")
    return listOptionsInvalid(FieldError::notSupported("resourceVersionMatch", Json(version.match), {"Exact", "NotOlderThan", ""}));
  if (text.empty() && !query.isTrue("sendInitialEvents"))
    return listOptionsInvalid(
        FieldError::forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided"));
  if (version.match == "Exact" && text == "0")
    return listOptionsInvalid(
        FieldError::forbidden("resourceVersionMatch", "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""));
  return version;
}

/// Where a paged list goes on: the revision that it is consistent with, and the last key given.
struct Continue {
  std::uint64_t revision = 0;
  std::string after;
};

std::string encode(const Continue& at) {
  return base64UrlEncode(
      Json::object({{"v", "meta.k8s.io/v1"}, {"rv", static_cast<std::int64_t>(at.revision)}, {"start", at.after}}).dump());
}

std::optional<Continue> decode(std::string_view token) {
  const std::optional<std::string> text = base64UrlDecode(token);
  if (!text) return std::nullopt;
  const Result<Json> json = Json::parse(*text);
  if (!json || json->textAt({"v"}) != "meta.k8s.io/v1" || json->integerAt({"rv"}) <= 0 || json->textAt({"start"}).empty())
    return std::nullopt;
  return Continue{static_cast<std::uint64_t>(json->integerAt({"rv"})), std::string(json->textAt({"start"}))};
}

Failure gone() {
  return failures::expired(
      "The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue "
      "parameter.");
}

struct Page {
  std::vector<ObjectPtr> items;
  std::string last;        // key of the last item
  std::uint64_t left = 0;  // objects behind it, not filtered
};

/// Objects behind `after` that are selected, at most `limit` (0: all).
Page pageOf(const Store::Table& table, const Selection& selection, const std::string& after, std::uint64_t limit) {
  Page page;
  auto it = after.empty() ? table.begin() : table.upper_bound(after);
  if (!selection.ns.empty() && after.empty()) it = table.lower_bound(selection.ns + "/");
  for (; it != table.end(); ++it) {
    if (!selection.ns.empty() && it->second->ns() != selection.ns) break;
    if (!selection.matches(*it->second)) continue;
    if (limit > 0 && page.items.size() == limit) {
      ++page.left;
      continue;
    }
    page.items.push_back(it->second);
    page.last = it->first;
  }
  return page;
}

}  // namespace

Outcome<Presentation> negotiate(const Request& request, const Route& route) {
  Presentation how;
  if (route.eventsV1) how.form = Presentation::Form::EventsV1;
  const std::string_view accept = request.header("Accept");
  if (accept.empty()) return how;
  for (const std::string_view range : split(accept, ',')) {
    const auto parts = split(range, ';');
    const std::string_view media = trim(parts.front());
    if (media != "application/json" && media != "application/*" && media != "*/*") continue;
    std::string_view as, group, version;
    for (const std::string_view part : parts) {
      const std::string_view parameter = trim(part);
      if (parameter.starts_with("as=")) as = parameter.substr(3);
      if (parameter.starts_with("g=")) group = parameter.substr(2);
      if (parameter.starts_with("v=")) version = parameter.substr(2);
    }
    if (as.empty()) return how;
    if (as != "Table" || group != "meta.k8s.io" || version != "v1") continue;
    how.form = Presentation::Form::Table;
    const std::string_view include = route.query.get("includeObject");
    if (include == "Object") how.include = Presentation::Include::Object;
    if (include == "None") how.include = Presentation::Include::None;
    return how;
  }
  return failures::notAcceptable("application/json, application/json;as=Table;g=meta.k8s.io;v=v1");
}

Outcome<Selection> selectionOf(const Route& route) {
  Selection selection;
  selection.ns = route.ns;
  Outcome<LabelSelector> labels = LabelSelector::parse(route.query.get("labelSelector"));
  if (!labels) return labels.failure();
  std::string fieldText(route.query.get("fieldSelector"));
  if (!route.name.empty()) fieldText += fmt::format("{}metadata.name={}", fieldText.empty() ? "" : ",", route.name);
  Outcome<FieldSelector> fields = FieldSelector::parse(*route.type, fieldText);
  if (!fields) return fields.failure();
  selection.labels = std::move(*labels);
  selection.fields = std::move(*fields);
  return selection;
}

Response ApiServer::Impl::get(const Request& request, const Route& route, Now now) {
  Outcome<Presentation> how = negotiate(request, route);
  if (!how) return how.failure().response();
  const ResourceType& type = *route.type;
  const ObjectPtr object = store.find(type, type.namespaced ? fmt::format("{}/{}", route.ns, route.name) : route.name);
  if (!object) return failures::notFound(type, route.name).response();
  return jsonResponse(200, presentObject(*object, *how, now));
}

Response ApiServer::Impl::list(const Request& request, const Route& route, Now now) {
  const ResourceType& type = *route.type;
  Outcome<Presentation> how = negotiate(request, route);
  Outcome<Selection> selection = selectionOf(route);
  Outcome<Version> version = versionOf(route.query);
  if (!how) return how.failure().response();
  if (!selection) return selection.failure().response();
  if (!version) return version.failure().response();
  const std::string_view limitText = route.query.get("limit");
  const auto limit = limitText.empty() ? std::optional<std::uint64_t>(0) : parseUnsigned(limitText);
  if (!limit) return failures::badRequest(fmt::format("limit \"{}\" is no number", limitText)).response();

  Continue from{store.revision(), {}};
  if (const std::string_view token = route.query.get("continue"); !token.empty()) {
    if (version->number && *version->number != 0)
      return failures::badRequest("specifying resource version is not allowed when using continue").response();
    const std::optional<Continue> decoded = decode(token);
    if (!decoded || decoded->revision > store.revision()) return failures::badRequest("continue key is not valid").response();
    from = *decoded;
  } else if (version->number && *version->number != 0) {
    if (*version->number > store.revision()) return failures::tooLargeRevision(*version->number, store.revision()).response();
    const bool exact = version->match == "Exact" || (version->match.empty() && *limit > 0);
    if (exact) from.revision = *version->number;
  }

  Page page;
  if (!store.remembers(type, from.revision)) {
    if (from.after.empty())
      return failures::expired(fmt::format("The resourceVersion for the provided list is too old: {}", from.revision)).response();
    return gone().response();
  }
  if (store.nextAfter(type, from.revision) == nullptr) {  // nothing has changed since: the present table is that one
    page = pageOf(store.objects(type), *selection, from.after, *limit);
  } else {
    page = pageOf(*store.at(type, from.revision), *selection, from.after, *limit);
  }
  ListMeta meta{from.revision, {}, {}};
  if (page.left > 0) {
    meta.next = encode({from.revision, page.last});
    if (selection->labels.empty() && selection->fields.empty()) meta.remaining = page.left;  // as a real server: only without selectors
  }
  return jsonResponse(200, presentList(type, page.items, meta, *how, now));
}

Response ApiServer::Impl::watch(const Request& request, const Route& route, Now now) {
  Outcome<Presentation> how = negotiate(request, route);
  Outcome<Selection> selection = selectionOf(route);
  Outcome<Version> version = versionOf(route.query);
  if (!how) return how.failure().response();
  if (!selection) return selection.failure().response();
  if (!version) return version.failure().response();
  if (hub.count() >= options.maxWatches) return failures::tooMany("too many watches are open, please try again later", 1).response();
  WatchRequest watch;
  watch.type = route.type;
  watch.selection = std::move(*selection);
  watch.presentation = *how;
  watch.bookmarks = route.query.isTrue("allowWatchBookmarks");
  watch.bookmarkInterval = options.bookmarkInterval;
  if (route.query.find("sendInitialEvents")) {
    if (version->match != "NotOlderThan")
      return listOptionsInvalid(
                 FieldError::forbidden("resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
          .response();
    watch.initialEventsEnd = route.query.isTrue("sendInitialEvents") && watch.bookmarks;
  } else if (!version->match.empty()) {
    return listOptionsInvalid(FieldError::forbidden("resourceVersionMatch",
                                                    "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"))
        .response();
  }
  if (version->number && *version->number != 0 && !route.query.isTrue("sendInitialEvents")) watch.after = *version->number;
  if (route.query.find("sendInitialEvents") && !route.query.isTrue("sendInitialEvents") && !watch.after) watch.after = store.revision();
  const auto seconds = parseUnsigned(route.query.get("timeoutSeconds"), 86'400);
  const Duration half = options.maxWatch / 2;
  const Duration life = seconds && *seconds > 0
                            ? Duration(std::chrono::seconds(*seconds))
                            : half + Duration(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(half.count()) + 1)));
  watch.deadline = now.mono + life;
  Response response;
  response.stream = hub.open(std::move(watch), now);
  return response;
}

}  // namespace spawner::cluster
