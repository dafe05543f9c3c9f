#pragma once
// Head writer: heads to bytes. Nothing with CR, LF or NUL in it ever reaches the wire. Also says which fields are hop-by-hop. Pure.

#include <string>
#include <string_view>

#include "http/message.hpp"
#include "spawner/result.hpp"

namespace spawner::http {

/// Append pieces of a head to `out`. REQUIRES for a sound head: one start line, fields, finish().
/// A piece that is not sound (CR, LF, NUL or a control character; a name or method that is no token) writes nothing, and finish() tells of
/// it.
class HeadWriter {
 public:
  explicit HeadWriter(std::string& out) : out_(out), start_(out.size()) {}
  void requestLine(std::string_view method, std::string_view target, int minorVersion = 1);
  /// An empty reason is the standard phrase.
  void statusLine(int status, std::string_view reason = {}, int minorVersion = 1);
  void field(std::string_view name, std::string_view value);
  /// All fields that are not hop-by-hop and not Content-Length.
  void endToEndFields(const Headers& headers);
  /// The empty line. InvalidArgument when a piece was not sound: then `out` is as it was before this writer.
  Result<void> finish();

 private:
  std::string& out_;
  std::size_t start_;
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
  explicit HopByHop(const Headers& headers) : naming_(headers.has("Connection") ? &headers : nullptr) {}
  [[nodiscard]] bool has(std::string_view name) const;

 private:
  const Headers* naming_;  // null: they name none
};

}  // namespace spawner::http
