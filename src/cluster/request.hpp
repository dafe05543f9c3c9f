#pragma once
// What goes into the embedded API server and what comes out: HTTP as values, without a socket. Streams (watches, followed logs) are pulled
// by their holder.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spawner/time.hpp"

namespace spawner::cluster {

/// Both clocks, read by the caller. Durations come from `mono`; `wall` is for timestamps in objects.
struct Now {
  TimePoint mono{};
  WallTime wall{};
};

struct Request {
  std::string method = "GET";
  std::string target;  // path and query, percent-encoded
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  [[nodiscard]] std::string_view header(std::string_view name) const;  // without case; empty when absent
};

/// A streamed body. Pull model: after a wake-up (or at wakeAt) the holder takes chunks with next() until it gives null.
class Stream {
 public:
  virtual ~Stream() = default;
  /// The next chunk; null when there is none now or when it has ended.
  virtual std::shared_ptr<const std::string> next(Now now) = 0;
  /// True when nothing will come any more (after next() gave null).
  [[nodiscard]] virtual bool ended() const = 0;
  /// When to pull again even without a wake-up.
  [[nodiscard]] virtual std::optional<TimePoint> wakeAt() const = 0;
  /// Called when there is something new. It runs inside the write that made it: only note it (Loop::post), never call back.
  virtual void onWake(std::function<void()> wake) = 0;
};

struct Response {
  int status = 200;
  std::string contentType = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;  // besides Content-Type: Warning, Retry-After, Allow
  std::string body;
  std::unique_ptr<Stream> stream;  // when set, body is empty and the answer is streamed
};

}  // namespace spawner::cluster
