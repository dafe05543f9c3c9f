#pragma once
// Head parsers: incremental and pure: bytes in, a RequestHead or ResponseHead out that has passed the guard (guard.hpp). A head that comes
// in one piece is parsed where it lies; only a head that comes in pieces is gathered, so an idle connection holds no buffer.
// Owner: the connection. The reading itself: head_pass.hpp.

#include <cstdint>
#include <string>
#include <string_view>

#include "http/guard.hpp"
#include "http/message.hpp"

namespace spawner::http {

struct HeadLimits {
  std::size_t maxBytes = 32 * 1024;  // 431 beyond
  std::size_t maxFields = 100;       // 431 beyond
};

/// What became of the bytes of one feed().
struct HeadFeed {
  enum class Status { NeedMore, Done, Refused } status = Status::NeedMore;
  std::size_t consumed = 0;  // bytes that belong to the head; those behind it are the caller's. NeedMore: all of them
  Refusal refusal;           // when Refused
};

/// Finds a head in a byte stream, refusing early what can never be one. Part of both parsers below.
class HeadCollector {
 public:
  explicit HeadCollector(HeadLimits limits) : limits_(limits) {}
  /// `read` is called with what may be a whole head, twice at most for one head: the last call counts. On Done it has found one.
  template <class Read>  // HeadRead(std::string_view)
  HeadFeed feed(std::string_view bytes, Read read);
  [[nodiscard]] std::size_t maxFields() const { return limits_.maxFields; }
  /// True when a byte of a head was seen (an empty line in front of it is none: RFC 9112 §2.2).
  [[nodiscard]] bool started() const { return !pending_.empty() || !head_.empty(); }
  void clear();

 private:
  HeadFeed takeEmptyLine(std::string_view bytes);
  HeadFeed takeLines(std::string_view bytes);

  enum class Front : std::uint8_t { Start, AfterCr, Passed };  // of the one empty line that may come first
  HeadLimits limits_;
  std::string pending_;        // the beginning of a head that came in pieces
  std::string_view head_;      // on Done: into pending_ or the caller's bytes
  std::size_t lines_ = 0;      // complete lines so far
  std::size_t lineStart_ = 0;  // offset in the head of the line under way
  Front front_ = Front::Start;
};

/// Parses requests. After Done call takeHead(); then the parser is ready for the next head.
class RequestHeadParser {
 public:
  explicit RequestHeadParser(HeadLimits limits = {}) : collector_(limits) {}
  HeadFeed feed(std::string_view bytes);
  /// True from the first byte of a head until takeHead().
  [[nodiscard]] bool started() const { return collector_.started(); }
  /// REQUIRES: the last feed() said Done.
  RequestHead takeHead();

 private:
  HeadCollector collector_;
  RequestHead head_;
};

/// Parses responses to one request method after another. A 1xx head is Done like any other (framing None): take it and feed on for the
/// next.
class ResponseHeadParser {
 public:
  explicit ResponseHeadParser(HeadLimits limits = {}) : collector_(limits) {}
  /// `requestMethod` is that of the request answered: HEAD and CONNECT change the framing (RFC 9112 §6.3). A Refusal here has status 502.
  HeadFeed feed(std::string_view bytes, std::string_view requestMethod);
  [[nodiscard]] bool started() const { return collector_.started(); }
  /// REQUIRES: the last feed() said Done. framing: None for 1xx, 204, 304 and HEAD; UntilClose has keepAlive false.
  ResponseHead takeHead();

 private:
  HeadCollector collector_;
  ResponseHead head_;
};

}  // namespace spawner::http
