#include "k8s/documents.hpp"

#include <simdjson.h>
#include <nlohmann/json.hpp>

#include "k8s/line_splitter.hpp"

namespace spawner::k8s {
namespace {

namespace ondemand = simdjson::ondemand;
static_assert(LineSplitter::padding >= simdjson::SIMDJSON_PADDING);

Error malformed(std::string_view what, simdjson::error_code code) {
  return Error{ErrorKind::Protocol, std::string(what) + ": " + simdjson::error_message(code), {}};
}

/// Never throws, as the conversion of simdjson's own answer does where the JSON is broken.
template <class Value>
bool isNull(Value& value) {
  bool null = false;
  return value.is_null().get(null) == simdjson::SUCCESS && null;
}

/// The string field, or empty when it is absent or null. False: it is something else.
bool optionalText(ondemand::object& object, std::string_view name, std::string& to) {
  ondemand::value value;
  const simdjson::error_code found = object.find_field_unordered(name).get(value);
  if (found == simdjson::NO_SUCH_FIELD) return true;
  if (found != simdjson::SUCCESS) return false;
  std::string_view text;
  if (value.get_string().get(text) == simdjson::SUCCESS) {
    to = text;
    return true;
  }
  return isNull(value);
}

/// Reads name, namespace and version, and cuts the text out. `named`: an object without a name is an error.
simdjson::error_code readObject(ondemand::object& object, bool named, ObjectText& to) {
  ondemand::object metadata;
  const simdjson::error_code found = object.find_field_unordered("metadata").get_object().get(metadata);
  if (found == simdjson::SUCCESS) {
    std::string ns, name;
    if (!optionalText(metadata, "name", name) || !optionalText(metadata, "namespace", ns) ||
        !optionalText(metadata, "resourceVersion", to.resourceVersion))
      return simdjson::INCORRECT_TYPE;
    if (named && (name.empty() || to.resourceVersion.empty())) return simdjson::NO_SUCH_FIELD;
    if (!name.empty()) to.key = ns + "/" + name;
  } else if (named || found != simdjson::NO_SUCH_FIELD) {
    return found;
  }
  if (const simdjson::error_code error = object.reset().error(); error != simdjson::SUCCESS) return error;
  return object.raw_json().get(to.json);
}

std::optional<EventType> eventType(std::string_view text) {
  if (text == "ADDED") return EventType::Added;
  if (text == "MODIFIED") return EventType::Modified;
  if (text == "DELETED") return EventType::Deleted;
  if (text == "BOOKMARK") return EventType::Bookmark;
  if (text == "ERROR") return EventType::Error;
  return std::nullopt;
}

}  // namespace

Result<ListPage> readListPage(std::string& body) {
  constexpr std::string_view what = "the list cannot be read";
  body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  // A parser of its own: the memory that a large page needs is given back at once.
  ondemand::parser parser;
  ondemand::document document;
  if (const auto code = parser.iterate(simdjson::padded_string_view(body.data(), body.size(), body.capacity())).get(document))
    return malformed(what, code);
  ListPage page;
  ondemand::object metadata;
  if (const auto code = document.find_field_unordered("metadata").get_object().get(metadata)) return malformed(what, code);
  if (!optionalText(metadata, "resourceVersion", page.resourceVersion) || !optionalText(metadata, "continue", page.continueToken))
    return malformed(what, simdjson::INCORRECT_TYPE);
  if (page.resourceVersion.empty()) return Error{ErrorKind::Protocol, "the list has no resourceVersion", {}};

  ondemand::value items;
  if (const auto code = document.find_field_unordered("items").get(items)) return malformed(what, code);
  ondemand::array array;
  if (const auto code = items.get_array().get(array)) {
    if (isNull(items)) return page;
    return malformed(what, code);
  }
  for (auto element : array) {
    ondemand::object object;
    if (const auto code = element.get_object().get(object)) return malformed(what, code);
    if (const auto code = readObject(object, true, page.items.emplace_back())) return malformed("an item of the list cannot be read", code);
  }
  return page;
}

Result<WatchEvent> readWatchEvent(std::string_view line) {
  constexpr std::string_view what = "the watch event cannot be read";
  ondemand::parser parser;
  ondemand::document document;
  if (const auto code =
          parser.iterate(simdjson::padded_string_view(line.data(), line.size(), line.size() + LineSplitter::padding)).get(document))
    return malformed(what, code);
  std::string_view typeText;
  if (const auto code = document.find_field_unordered("type").get_string().get(typeText)) return malformed(what, code);
  const std::optional<EventType> type = eventType(typeText);
  if (!type) return Error{ErrorKind::Protocol, "the watch event has an unknown type", {}};
  WatchEvent event{*type, {}};
  ondemand::object object;
  if (const auto code = document.find_field_unordered("object").get_object().get(object)) return malformed(what, code);
  const bool named = *type == EventType::Added || *type == EventType::Modified || *type == EventType::Deleted;
  if (const auto code = readObject(object, named, event.object)) return malformed(what, code);
  if (*type == EventType::Bookmark && event.object.resourceVersion.empty())
    return Error{ErrorKind::Protocol, "the bookmark has no resourceVersion", {}};
  return event;
}

int statusCode(std::string_view json) {
  const auto document = nlohmann::json::parse(json, nullptr, false);
  if (!document.is_object()) return 500;
  const auto code = document.find("code");
  return code != document.end() && code->is_number_integer() ? code->get<int>() : 500;
}

}  // namespace spawner::k8s
