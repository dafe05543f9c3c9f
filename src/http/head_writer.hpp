#pragma once
// Head writer: heads to bytes. Nothing with CR, LF or NUL in it ever reaches the wire. Also says which fields are hop-by-hop. Pure.

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "http/bytes.hpp"
#include "http/message.hpp"
#include "spawner/result.hpp"

namespace spawner::http {

/// Append pieces of a head to `out`. REQUIRES for a sound head: one start line, fields, finish().
/// A piece that is not sound (CR, LF, NUL or a control character; a name or method that is no token) writes nothing, and finish() tells of
/// it.
class HeadWriter {
 public:
  explicit HeadWriter(std::string& out) : out_(out), start_(out.size()), end_(start_) {}
  void requestLine(std::string_view method, std::string_view target, int minorVersion = 1);
  /// An empty reason is the standard phrase.
  void statusLine(int status, std::string_view reason = {}, int minorVersion = 1);
  void field(std::string_view name, std::string_view value);
  /// The same for a name that is written in the source: it is a token.
  template <std::size_t n>
  void field(const char (&name)[n], std::string_view value) {
    constexpr std::size_t size = n - 1;
    if (endOfValue(value.data(), value.data() + value.size()) != value.data() + value.size()) return badValue(name);
    char* at = room(size + 2 + value.size() + 2);
    std::memcpy(at, name, size);
    std::memcpy(at + size, ": ", 2);
    std::memcpy(put(at + size + 2, value), "\r\n", 2);
  }
  /// A sound line of ours, with its end.
  void line(std::string_view text) { put(room(text.size()), text); }
  /// All fields that `dropped` (bool(const Headers::Place&)) does not name. Lines that were read and stand together are copied together.
  template <class Dropped>
  void fields(const Headers& headers, Dropped dropped);
  /// All fields that are not hop-by-hop and not Content-Length.
  void endToEndFields(const Headers& headers);
  /// The empty line. InvalidArgument when a piece was not sound: then `out` is as it was before this writer.
  Result<void> finish();

 private:
  void badValue(std::string_view name);
  /// Where the next `size` bytes go. What is written is at the end of `out`; what is behind it finish() cuts off.
  char* room(std::size_t size) {
    if (out_.size() - end_ < size) grow(size);
    char* const at = out_.data() + end_;
    end_ += size;
    return at;
  }
  void grow(std::size_t size);
  static char* put(char* at, std::string_view text) {
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    return at + text.size();
  }

  std::string& out_;
  const std::size_t start_;
  std::size_t end_;  // of what is written
  std::string bad_;  // what was not sound
};

/// The whole head as it is: start line and every field given.
Result<std::string> writeHead(const RequestHead& head);
Result<std::string> writeHead(const ResponseHead& head);

/// Which fields are of one connection only (RFC 9110 §7.6.1): Connection, Keep-Alive, Proxy-Connection, TE, Trailer, Transfer-Encoding,
/// Upgrade, and those that the headers name in Connection.
class HopByHop {
 public:
  /// Borrows the headers.
  explicit HopByHop(const Headers& headers);
  [[nodiscard]] bool has(std::string_view name) const { return has(fieldName(name), name); }
  [[nodiscard]] bool has(const Headers::Place& place) const {
    return isOne(place.known) || (!named_.empty() && names(headers_.nameOf(place)));
  }

 private:
  static bool isOne(FieldName known) { return known >= FieldName::Connection && known <= FieldName::Upgrade; }
  [[nodiscard]] bool has(FieldName known, std::string_view name) const { return isOne(known) || (!named_.empty() && names(name)); }
  [[nodiscard]] bool names(std::string_view name) const;
  const Headers& headers_;
  std::vector<std::string_view> named_;  // in Connection, where it has more than one of the usual options
};

template <class Dropped>
void HeadWriter::fields(const Headers& headers, Dropped dropped) {
  std::uint32_t from = 0, to = 0;
  const auto write = [&] {
    if (to > from) std::memcpy(room(to - from), headers.bytes().data() + from, to - from);
  };
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const Headers::Place& place = headers.place(i);
    if (dropped(place)) continue;
    if (place.whole && place.name == to) {
      to = place.end();
      continue;
    }
    write();
    from = to = 0;
    if (place.whole) {
      from = place.name;
      to = place.end();
    } else {
      field(headers.nameOf(place), headers.valueOf(place));
    }
  }
  write();
}

}  // namespace spawner::http
