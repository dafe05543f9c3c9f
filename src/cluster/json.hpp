#pragma once
// Json: a JSON value that is cheap to copy: arrays and objects are shared and copied only when edited (copy on write), so that versions of
// an object that differ in one field share all the rest. Keys of an object are kept sorted. Owner: anyone; a value type. Thread: one at a
// time.

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "spawner/result.hpp"

namespace spawner::cluster {

class Json {
 public:
  enum class Type { Null, Bool, Integer, Number, String, Array, Object };
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Members = std::vector<Member>;  // sorted by key, keys differ

  Json() = default;  // null
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value) : value_(std::int64_t{value}) {}
  Json(std::int64_t value) : value_(value) {}
  Json(double value) : value_(value) {}
  Json(const char* text) : value_(std::string(text)) {}
  Json(std::string_view text) : value_(std::string(text)) {}
  Json(std::string text) : value_(std::move(text)) {}
  static Json array(Array items = {});
  static Json object(std::initializer_list<Member> members = {});

  /// InvalidArgument with the reason. Nesting deeper than 200 is refused. Of a key given twice the last counts; `repeated` gets its path.
  static Result<Json> parse(std::string_view text, std::vector<std::string>* repeated = nullptr);
  [[nodiscard]] std::string dump() const;
  void dumpTo(std::string& out) const;

  [[nodiscard]] Type type() const;
  [[nodiscard]] bool isNull() const { return type() == Type::Null; }
  [[nodiscard]] bool isObject() const { return type() == Type::Object; }
  [[nodiscard]] bool isArray() const { return type() == Type::Array; }
  [[nodiscard]] bool isString() const { return type() == Type::String; }
  [[nodiscard]] bool isInteger() const { return type() == Type::Integer; }

  /// The member of an object; null pointer when absent or when this is no object. The second form follows a path of keys.
  [[nodiscard]] const Json* find(std::string_view key) const;
  [[nodiscard]] const Json* find(std::initializer_list<std::string_view> path) const;
  /// The value as text, number or truth; the fallback when it is something else.
  [[nodiscard]] std::string_view text(std::string_view fallback = {}) const;
  [[nodiscard]] std::int64_t integer(std::int64_t fallback = 0) const;
  [[nodiscard]] double number(double fallback = 0) const;
  [[nodiscard]] bool truth(bool fallback = false) const;
  /// The same of what is at the path.
  [[nodiscard]] std::string_view textAt(std::initializer_list<std::string_view> path, std::string_view fallback = {}) const;
  [[nodiscard]] std::int64_t integerAt(std::initializer_list<std::string_view> path, std::int64_t fallback = 0) const;
  [[nodiscard]] bool truthAt(std::initializer_list<std::string_view> path, bool fallback = false) const;
  /// Empty for anything but an array, an object.
  [[nodiscard]] const Array& items() const;
  [[nodiscard]] const Members& members() const;
  [[nodiscard]] std::size_t size() const;

  /// The member for editing, made (null) when absent. Anything but an object becomes an empty one first. The reference lives until the
  /// next edit of this value.
  Json& edit(std::string_view key);
  void set(std::string_view key, Json value) { edit(key) = std::move(value); }
  bool remove(std::string_view key);  // true when it was there
  /// The items for editing; anything but an array becomes an empty one first.
  Array& editItems();

  bool operator==(const Json& other) const;

 private:
  using ArrayPtr = std::shared_ptr<Array>;
  using ObjectPtr = std::shared_ptr<Members>;
  Members& editMembers();
  std::variant<std::monostate, bool, std::int64_t, double, std::string, ArrayPtr, ObjectPtr> value_;
};

}  // namespace spawner::cluster
