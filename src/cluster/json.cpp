#include "cluster/json.hpp"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.hpp"

namespace spawner::cluster {

namespace {

constexpr int maxDepth = 200;

bool keyLess(const Json::Member& member, std::string_view key) { return member.first < key; }

struct Converter {
  std::vector<std::string>* repeated;
  std::string path;

  Result<Json> value(simdjson::dom::element element, int depth) {
    if (depth > maxDepth) return Error{ErrorKind::InvalidArgument, "nested deeper than 200 levels", {}};
    switch (element.type()) {
      case simdjson::dom::element_type::ARRAY: return items(element.get_array().value_unsafe(), depth);
      case simdjson::dom::element_type::OBJECT: return members(element.get_object().value_unsafe(), depth);
      case simdjson::dom::element_type::INT64: return Json(element.get_int64().value_unsafe());
      case simdjson::dom::element_type::UINT64: return Json(static_cast<double>(element.get_uint64().value_unsafe()));
      case simdjson::dom::element_type::DOUBLE: return Json(element.get_double().value_unsafe());
      case simdjson::dom::element_type::STRING: return Json(std::string_view(element.get_string().value_unsafe()));
      case simdjson::dom::element_type::BOOL: return Json(element.get_bool().value_unsafe());
      case simdjson::dom::element_type::NULL_VALUE: return Json();
    }
    return Json();
  }

  Result<Json> items(simdjson::dom::array array, int depth) {
    Json::Array out;
    std::size_t index = 0;
    for (simdjson::dom::element item : array) {
      const std::size_t mark = path.size();
      if (repeated != nullptr) path += "[" + std::to_string(index++) + "]";
      Result<Json> made = value(item, depth + 1);
      path.resize(mark);
      if (!made) return made;
      out.push_back(std::move(*made));
    }
    return Json::array(std::move(out));
  }

  Result<Json> members(simdjson::dom::object object, int depth) {
    Json out = Json::object();
    for (simdjson::dom::key_value_pair field : object) {
      const std::size_t mark = path.size();
      if (repeated != nullptr) {
        if (!path.empty()) path += '.';
        path += field.key;
        if (out.find(field.key) != nullptr) repeated->push_back(path);
      }
      Result<Json> made = value(field.value, depth + 1);
      path.resize(mark);
      if (!made) return made;
      out.set(field.key, std::move(*made));
    }
    return out;
  }
};

void dumpNumber(double number, std::string& out) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, number);
  out.append(buffer, end);
}

/// Most strings need no escape: they are appended as they are.
void dumpString(std::string_view text, std::string& out) {
  const bool plain = std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\';
  });
  out += '"';
  if (plain)
    out += text;
  else
    out += jsonEscape(text);
  out += '"';
}

}  // namespace

Json Json::array(Array items) {
  Json out;
  out.value_ = std::make_shared<Array>(std::move(items));
  return out;
}

Json Json::object(std::initializer_list<Member> members) {
  Json out;
  out.value_ = std::make_shared<Members>();
  for (const Member& member : members) out.set(member.first, member.second);
  return out;
}

Result<Json> Json::parse(std::string_view text, std::vector<std::string>* repeated) {
  // One parser a thread: it keeps its buffers between documents. The result is copied out, nothing of it survives the call.
  thread_local simdjson::dom::parser parser;
  simdjson::dom::element root;
  const simdjson::error_code code = parser.parse(text.data(), text.size(), true).get(root);
  if (code != simdjson::SUCCESS) return Error{ErrorKind::InvalidArgument, simdjson::error_message(code), {}};
  return Converter{repeated, {}}.value(root, 0);
}

std::string Json::dump() const {
  std::string out;
  dumpTo(out);
  return out;
}

void Json::dumpTo(std::string& out) const {
  switch (type()) {
    case Type::Null: out += "null"; break;
    case Type::Bool: out += std::get<bool>(value_) ? "true" : "false"; break;
    case Type::Integer: {
      char buffer[24];
      out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, std::get<std::int64_t>(value_)).ptr);
      break;
    }
    case Type::Number: dumpNumber(std::get<double>(value_), out); break;
    case Type::String: dumpString(std::get<std::string>(value_), out); break;
    case Type::Array: {
      out += '[';
      bool first = true;
      for (const Json& item : items()) {
        if (!std::exchange(first, false)) out += ',';
        item.dumpTo(out);
      }
      out += ']';
      break;
    }
    case Type::Object: {
      out += '{';
      bool first = true;
      for (const Member& member : members()) {
        if (!std::exchange(first, false)) out += ',';
        dumpString(member.first, out);
        out += ':';
        member.second.dumpTo(out);
      }
      out += '}';
      break;
    }
  }
}

Json::Type Json::type() const { return static_cast<Type>(value_.index()); }

const Json* Json::find(std::string_view key) const {
  const auto* object = std::get_if<ObjectPtr>(&value_);
  if (object == nullptr) return nullptr;
  const auto it = std::lower_bound((*object)->begin(), (*object)->end(), key, keyLess);
  return it != (*object)->end() && it->first == key ? &it->second : nullptr;
}

const Json* Json::find(std::initializer_list<std::string_view> path) const {
  const Json* at = this;
  for (const std::string_view key : path) {
    at = at->find(key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string_view Json::text(std::string_view fallback) const {
  const auto* value = std::get_if<std::string>(&value_);
  return value != nullptr ? std::string_view(*value) : fallback;
}

std::int64_t Json::integer(std::int64_t fallback) const {
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return *value;
  return fallback;
}

double Json::number(double fallback) const {
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<double>(&value_)) return *value;
  return fallback;
}

bool Json::truth(bool fallback) const {
  const auto* value = std::get_if<bool>(&value_);
  return value != nullptr ? *value : fallback;
}

std::string_view Json::textAt(std::initializer_list<std::string_view> path, std::string_view fallback) const {
  const Json* at = find(path);
  return at != nullptr ? at->text(fallback) : fallback;
}

std::int64_t Json::integerAt(std::initializer_list<std::string_view> path, std::int64_t fallback) const {
  const Json* at = find(path);
  return at != nullptr ? at->integer(fallback) : fallback;
}

bool Json::truthAt(std::initializer_list<std::string_view> path, bool fallback) const {
  const Json* at = find(path);
  return at != nullptr ? at->truth(fallback) : fallback;
}

const Json::Array& Json::items() const {
  static const Array none;
  const auto* array = std::get_if<ArrayPtr>(&value_);
  return array != nullptr ? **array : none;
}

const Json::Members& Json::members() const {
  static const Members none;
  const auto* object = std::get_if<ObjectPtr>(&value_);
  return object != nullptr ? **object : none;
}

std::size_t Json::size() const { return isArray() ? items().size() : members().size(); }

Json::Members& Json::editMembers() {
  auto* object = std::get_if<ObjectPtr>(&value_);
  if (object == nullptr) return *value_.emplace<ObjectPtr>(std::make_shared<Members>());
  if (object->use_count() > 1) *object = std::make_shared<Members>(**object);
  return **object;
}

Json& Json::edit(std::string_view key) {
  Members& members = editMembers();
  const auto it = std::lower_bound(members.begin(), members.end(), key, keyLess);
  if (it != members.end() && it->first == key) return it->second;
  return members.emplace(it, std::string(key), Json())->second;
}

bool Json::remove(std::string_view key) {
  if (find(key) == nullptr) return false;
  Members& members = editMembers();
  members.erase(std::lower_bound(members.begin(), members.end(), key, keyLess));
  return true;
}

Json::Array& Json::editItems() {
  auto* array = std::get_if<ArrayPtr>(&value_);
  if (array == nullptr) return *value_.emplace<ArrayPtr>(std::make_shared<Array>());
  if (array->use_count() > 1) *array = std::make_shared<Array>(**array);
  return **array;
}

bool Json::operator==(const Json& other) const {
  if (type() != other.type()) {
    const bool numbers =
        (type() == Type::Integer || type() == Type::Number) && (other.type() == Type::Integer || other.type() == Type::Number);
    return numbers && number() == other.number();
  }
  if (isArray()) {
    const ArrayPtr &a = std::get<ArrayPtr>(value_), &b = std::get<ArrayPtr>(other.value_);
    return a == b || *a == *b;
  }
  if (isObject()) {
    const ObjectPtr &a = std::get<ObjectPtr>(value_), &b = std::get<ObjectPtr>(other.value_);
    return a == b || *a == *b;
  }
  return value_ == other.value_;
}

}  // namespace spawner::cluster
