#pragma once
// Second readings of HTTP/1 requests, by lines and splits, with no state machine. They stand beside ours and share nothing with it: nothing
// of src/ is included here. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace spawner::fuzz {

/// All that a request means.
struct Request {
  enum class Framing { None, Length, Chunked };
  using Fields = std::vector<std::pair<std::string, std::string>>;  // names in small letters, values without the blanks around them
  std::string method, target;
  int minorVersion = 1;
  Fields fields = {};
  Framing framing = Framing::None;
  std::uint64_t length = 0;  // when framing is Length
  bool persists = true;      // the connection, behind this request (RFC 9112 §9.3)
  bool upgrades = false;     // RFC 9110 §7.8
  std::string body = {};
};

/// As RFC 9112 says it. Takes a request from the front of `bytes`; nullopt when they do not begin with a whole one.
std::optional<Request> readStrictly(std::string_view& bytes);

/// As sloppy servers do: lines end at LF, with or without CR; a CR elsewhere is a letter as others are; blanks split the request line, and
/// are dropped before a colon; a NUL ends a value; folded lines are joined; the last coding of the last Transfer-Encoding counts, and the
/// first Content-Length; numbers end where their digits do.
std::optional<Request> readLeniently(std::string_view& bytes);

/// Why no strict reader may take the request; null when it may.
const char* unsound(const Request& request);

/// What a proxy makes of the request for an upstream: its fields that are of one hop, or a client's word on its own way, are gone, those
/// that the proxy knows better are there. trusted: the client is a proxy whose word counts.
Request passedOn(const Request& request, const std::string& clientIp, const std::string& upstream, bool trusted);

/// What differs; null when both mean the same. Fields of one name keep their order, others need not.
const char* difference(Request a, Request b);

}  // namespace spawner::fuzz
