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

/// f(key, value) for each field, in order, until it gives something other than SUCCESS. One pass: looking for fields by name is for JSON
/// that is known to be sound (simdjson's own look-up ends the process where it is broken in the wrong place).
template <class F>
simdjson::error_code eachField(ondemand::object object, F f) {
  for (auto field : object) {
    std::string_view key;
    if (const auto code = field.unescaped_key().get(key)) return code;
    ondemand::value value;
    if (const auto code = field.value().get(value)) return code;
    if (const auto code = f(key, value)) return code;
  }
  return simdjson::SUCCESS;
}

/// Whether it is null; a word that only begins as null does is an error.
simdjson::error_code readNull(ondemand::value& value, bool& null) {
  ondemand::json_type type{};
  if (const auto code = value.type().get(type)) return code;
  null = type == ondemand::json_type::null;
  bool whole = false;
  if (const auto code = null ? value.is_null().get(whole) : simdjson::SUCCESS) return code;
  return null && !whole ? simdjson::N_ATOM_ERROR : simdjson::SUCCESS;
}

/// The string; empty for null.
simdjson::error_code readText(ondemand::value& value, std::string& to) {
  bool null = false;
  if (const auto code = readNull(value, null); code || null) return code;
  std::string_view text;
  const auto code = value.get_string().get(text);
  to = text;
  return code;
}

/// Reads name, namespace and version, and cuts the text out. `named`: an object without a name is an error.
simdjson::error_code readObject(ondemand::object& object, bool named, ObjectText& to) {
  std::string ns, name;
  const auto code = eachField(object, [&](std::string_view key, ondemand::value& value) -> simdjson::error_code {
    if (key != "metadata") return simdjson::SUCCESS;
    ondemand::object metadata;
    if (const auto wrong = value.get_object().get(metadata)) return wrong;
    return eachField(metadata, [&](std::string_view field, ondemand::value& text) {
      if (field == "name") return readText(text, name);
      if (field == "namespace") return readText(text, ns);
      if (field == "resourceVersion") return readText(text, to.resourceVersion);
      return simdjson::SUCCESS;
    });
  });
  if (code) return code;
  if (named && (name.empty() || to.resourceVersion.empty())) return simdjson::NO_SUCH_FIELD;
  if (!name.empty()) to.key = ns + "/" + name;
  if (const auto wrong = object.reset().error()) return wrong;
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
  bool hasItems = false;
  std::string_view where = what;
  const auto readItems = [&](ondemand::value& value) -> simdjson::error_code {
    hasItems = true;
    bool null = false;
    if (const auto code = readNull(value, null); code || null) return code;
    ondemand::array array;
    if (const auto code = value.get_array().get(array)) return code;
    where = "an item of the list cannot be read";
    for (auto element : array) {
      ondemand::object object;
      if (const auto code = element.get_object().get(object)) return code;
      if (const auto code = readObject(object, true, page.items.emplace_back())) return code;
    }
    where = what;
    return simdjson::SUCCESS;
  };
  ondemand::object list;
  if (const auto code = document.get_object().get(list)) return malformed(what, code);
  const auto code = eachField(list, [&](std::string_view key, ondemand::value& value) -> simdjson::error_code {
    if (key == "items") return readItems(value);
    if (key != "metadata") return simdjson::SUCCESS;
    ondemand::object metadata;
    if (const auto wrong = value.get_object().get(metadata)) return wrong;
    return eachField(metadata, [&](std::string_view field, ondemand::value& text) {
      if (field == "resourceVersion") return readText(text, page.resourceVersion);
      if (field == "continue") return readText(text, page.continueToken);
      return simdjson::SUCCESS;
    });
  });
  if (code) return malformed(where, code);
  if (!hasItems) return malformed(what, simdjson::NO_SUCH_FIELD);
  if (page.resourceVersion.empty()) return Error{ErrorKind::Protocol, "the list has no resourceVersion", {}};
  return page;
}

Result<WatchEvent> readWatchEvent(std::string_view line) {
  constexpr std::string_view what = "the watch event cannot be read";
  ondemand::parser parser;
  ondemand::document document;
  if (const auto code =
          parser.iterate(simdjson::padded_string_view(line.data(), line.size(), line.size() + LineSplitter::padding)).get(document))
    return malformed(what, code);
  std::optional<EventType> type;
  ObjectText object;
  bool hasObject = false;
  ondemand::object root;
  if (const auto code = document.get_object().get(root)) return malformed(what, code);
  const auto code = eachField(root, [&](std::string_view key, ondemand::value& value) -> simdjson::error_code {
    if (key == "type") {
      std::string text;
      if (const auto wrong = readText(value, text)) return wrong;
      type = eventType(text);
      return simdjson::SUCCESS;
    }
    if (key != "object") return simdjson::SUCCESS;
    hasObject = true;
    ondemand::object inner;
    if (const auto wrong = value.get_object().get(inner)) return wrong;
    return readObject(inner, false, object);
  });
  if (code) return malformed(what, code);
  if (!type) return Error{ErrorKind::Protocol, "the watch event has no type that is known", {}};
  if (!hasObject) return malformed(what, simdjson::NO_SUCH_FIELD);
  const bool named = *type == EventType::Added || *type == EventType::Modified || *type == EventType::Deleted;
  if (named && (object.key.empty() || object.resourceVersion.empty())) return malformed(what, simdjson::NO_SUCH_FIELD);
  if (*type == EventType::Bookmark && object.resourceVersion.empty())
    return Error{ErrorKind::Protocol, "the bookmark has no resourceVersion", {}};
  return WatchEvent{*type, std::move(object)};
}

int statusCode(std::string_view json) {
  const auto document = nlohmann::json::parse(json, nullptr, false);
  if (!document.is_object()) return 500;
  const auto code = document.find("code");
  return code != document.end() && code->is_number_integer() ? code->get<int>() : 500;
}

}  // namespace spawner::k8s
