#pragma once
// Server-Sent Events (WHATWG HTML §9.2): an incremental parser that takes its stream split anywhere, and the encoder. Pure.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "spawner/result.hpp"

namespace spawner::http {

struct SseEvent {
  std::string event;                               // empty: "message"
  std::string data;                                // lines joined by '\n'
  std::string id;                                  // parser: the last id seen so far; encoder: written unless empty
  std::optional<std::chrono::milliseconds> retry;  // parser: if the event's own lines had one
  bool operator==(const SseEvent&) const = default;
};

struct SseLimits {
  std::size_t maxLineBytes = 64 * 1024;
  std::size_t maxEventBytes = 256 * 1024;  // data, event and id together
};

/// Owner: the reader of the stream.
class SseParser {
 public:
  explicit SseParser(SseLimits limits = {}) : limits_(limits) {}
  /// Calls `sink` for each event that is complete with these bytes (events without data are none). Limit: a line or an event is larger than
  /// allowed; the parser takes nothing after that. The sink must not destroy the parser.
  Result<void> feed(std::string_view bytes, const std::function<void(SseEvent)>& sink);
  [[nodiscard]] const std::string& lastEventId() const { return lastId_; }
  /// Comment lines so far (": keep-alive"): proof of life without an event.
  [[nodiscard]] std::uint64_t comments() const { return comments_; }

 private:
  Result<void> takeLine(std::string_view line, const std::function<void(SseEvent)>& sink);
  void takeField(std::string_view name, std::string_view value);

  SseLimits limits_;
  std::string line_;  // a line that came in pieces
  std::string event_, data_, lastId_;
  std::optional<std::chrono::milliseconds> retry_;
  std::uint64_t comments_ = 0;
  bool hasData_ = false, afterCr_ = false, firstLine_ = true, failed_ = false;
};

/// One event on the wire. Line breaks in data become more data lines; CR, LF and NUL in event and id become spaces.
std::string encodeSse(const SseEvent& event);
/// A comment line, which readers ignore: keeps connections alive.
std::string encodeSseComment(std::string_view text);

}  // namespace spawner::http
