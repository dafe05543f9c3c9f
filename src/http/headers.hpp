#pragma once
// Header fields: the bytes of a head, and where the fields are in them. A head that was read keeps its bytes as they came, so that fields
// are neither copied one by one nor looked at again when they are passed on. Pure.

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace spawner::http {

/// True when `size` bytes are equal but for the case of ASCII letters.
bool sameLetters(const char* a, const char* b, std::size_t size);
/// True when equal but for the case of ASCII letters. Inline, for most texts that are compared differ in length.
inline bool equalsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && sameLetters(a.data(), b.data(), a.size());
}

/// The names that rules of a proxy are about.
enum class FieldName : std::uint8_t {
  Other,
  Connection,  // from here to Upgrade: of one connection only (RFC 9110 §7.6.1)
  KeepAlive,
  ProxyConnection,
  Te,
  Trailer,
  TransferEncoding,
  Upgrade,
  Host,
  ContentLength,
  Expect,
  SpawnerPod,
  Forwarded,  // from here on: what a client may say of its own way here
  XForwardedFor,
  XForwardedHost,
  XForwardedPort,
  XForwardedPrefix,
  XForwardedProto,
  XForwardedProtocol,
  XForwardedScheme,
  XForwardedSsl,
  XRealIp,
  XScheme,
  WithUnderscores,  // one of the X- names above with '_' for '-': CGI and WSGI make the same variable of it
};
FieldName fieldName(std::string_view name);

/// Header fields in order of arrival. Names compare without case (RFC 9110 §5.1). Views into them are valid until they change.
class Headers {
 public:
  using Field = std::pair<std::string_view, std::string_view>;
  /// Where a field is: offsets in the bytes.
  struct Place {
    std::uint32_t name = 0, nameSize = 0, value = 0, valueSize = 0;
    FieldName known = FieldName::Other;
    bool whole = false;  // was read, and stands there as it is to be written: "name: value" CR LF
    [[nodiscard]] std::uint32_t end() const { return value + valueSize + 2; }  // of a whole one's line
  };
  class Iterator;
  class Fields;

  Headers() = default;
  Headers(const Headers&) = default;
  Headers& operator=(const Headers&) = default;
  Headers(Headers&& other) noexcept
      : bytes_(std::move(other.bytes_)),
        first_(other.first_),
        more_(std::move(other.more_)),
        count_(std::exchange(other.count_, 0)),
        dropped_(std::exchange(other.dropped_, 0)) {}
  Headers& operator=(Headers&& other) noexcept {
    bytes_ = std::move(other.bytes_);
    first_ = other.first_;
    more_ = std::move(other.more_);
    count_ = std::exchange(other.count_, 0);
    dropped_ = std::exchange(other.dropped_, 0);
    return *this;
  }
  ~Headers() = default;

  void add(std::string_view name, std::string_view value);
  /// Replaces every field of that name by one.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  /// The first value; empty when absent (has() tells the difference).
  [[nodiscard]] std::string_view get(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const;
  /// The same for a known name (not Other).
  [[nodiscard]] std::string_view get(FieldName name) const;
  [[nodiscard]] bool has(FieldName name) const;
  /// True when a comma-separated list field contains the token, in any of its lines, without case (`Connection: keep-alive, Upgrade`).
  [[nodiscard]] bool hasToken(std::string_view name, std::string_view token) const;
  [[nodiscard]] inline Fields fields() const;

  // For those who read and write heads.
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] const Place& place(std::size_t at) const { return at < near ? first_[at] : more_[at - near]; }
  [[nodiscard]] std::string_view nameOf(const Place& at) const { return {bytes_.data() + at.name, at.nameSize}; }
  [[nodiscard]] std::string_view valueOf(const Place& at) const { return {bytes_.data() + at.value, at.valueSize}; }
  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  /// REQUIRES: keep() follows, with the bytes in which the place is.
  void note(const Place& at);
  void keep(std::string_view bytes) { bytes_.assign(bytes); }

 private:
  static constexpr std::size_t near = 8;  // so many need no memory of their own
  [[nodiscard]] Field field(std::size_t at) const { return {nameOf(place(at)), valueOf(place(at))}; }
  [[nodiscard]] Place& placeAt(std::size_t at) { return at < near ? first_[at] : more_[at - near]; }

  std::string bytes_;
  std::array<Place, near> first_{};
  std::vector<Place> more_;  // those behind
  std::size_t count_ = 0;
  std::size_t dropped_ = 0;  // bytes of fields that are removed
};

class Headers::Iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = Field;
  using difference_type = std::ptrdiff_t;
  using pointer = void;
  using reference = Field;
  Iterator(const Headers& of, std::size_t at) : of_(&of), at_(at) {}
  Field operator*() const { return of_->field(at_); }
  Iterator& operator++() {
    ++at_;
    return *this;
  }
  Iterator operator++(int) { return {*of_, at_++}; }
  bool operator==(const Iterator& other) const { return at_ == other.at_; }

 private:
  const Headers* of_;
  std::size_t at_;
};

/// The fields as a range; borrowed.
class Headers::Fields {
 public:
  explicit Fields(const Headers& of) : of_(of) {}
  [[nodiscard]] Iterator begin() const { return {of_, 0}; }
  [[nodiscard]] Iterator end() const { return {of_, of_.count_}; }
  [[nodiscard]] std::size_t size() const { return of_.count_; }
  Field operator[](std::size_t at) const { return of_.field(at); }
  bool operator==(const Fields& other) const { return std::equal(begin(), end(), other.begin(), other.end()); }

 private:
  const Headers& of_;
};

Headers::Fields Headers::fields() const { return Fields(*this); }

}  // namespace spawner::http
