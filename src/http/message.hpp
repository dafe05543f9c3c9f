#pragma once
// HTTP messages as values: heads, and whole messages with a body in memory.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/headers.hpp"
#include "spawner/time.hpp"

namespace spawner::http {

/// How a message's body is framed (RFC 9112 §6.3).
enum class Framing { None, Length, Chunked, UntilClose };

struct RequestHead {
  std::string method;
  /// As on the request line, origin-form or absolute-form ("*" for OPTIONS).
  std::string target;
  int minorVersion = 1;  // HTTP/1.0 or HTTP/1.1
  Headers headers;
  Framing framing = Framing::None;
  std::uint64_t contentLength = 0;  // when framing is Length
  bool keepAlive = true;
  bool upgrade = false;  // a valid Connection: upgrade with an Upgrade field

  /// The target without scheme, authority and query; not percent-decoded.
  [[nodiscard]] std::string_view path() const;
  /// What follows the first '?', without it; empty without one.
  [[nodiscard]] std::string_view query() const;
  /// The host the request is for: of an absolute-form target, else the Host field. With its port, if it has one.
  [[nodiscard]] std::string_view host() const;
};

struct ResponseHead {
  int status = 200;
  std::string reason;  // empty: the standard phrase
  Headers headers;
  int minorVersion = 1;
  Framing framing = Framing::None;
  std::uint64_t contentLength = 0;
  bool keepAlive = true;
};

/// The standard phrase of a status (RFC 9110 §15); "Unknown" for others.
std::string_view reasonPhrase(int status);

/// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 §5.6.7), for Date.
std::string toHttpDate(WallTime time);

/// A whole answer in memory.
struct Response {
  int status = 200;
  Headers headers;
  std::string body;

  static Response text(int status, std::string body);
  static Response json(int status, std::string body);
  static Response html(int status, std::string body);
};

/// Percent-decodes; nullopt when malformed. '+' stays '+'.
std::optional<std::string> percentDecode(std::string_view text);
/// Percent-encodes all but unreserved characters (RFC 3986 §2.3).
std::string percentEncode(std::string_view text);
/// The decoded value of a parameter in a query string ("a=1&b=2"); nullopt when absent. A parameter without '=' has the value "".
std::optional<std::string> queryParameter(std::string_view query, std::string_view name);

}  // namespace spawner::http
