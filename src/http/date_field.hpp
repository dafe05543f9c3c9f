#pragma once
// DateField: the Date of answers (RFC 9110 §6.6.1), made once a second. Owner: whoever serves. Thread: the loop's.

#include <string>
#include <string_view>

#include "http/message.hpp"
#include "spawner/loop.hpp"

namespace spawner::http {

class DateField {
 public:
  static constexpr std::string_view name = "Date";
  /// "Date: Sun, 06 Nov 1994 08:49:37 GMT" CR LF; empty where the loop does not know the time of day. Valid until the next call.
  [[nodiscard]] std::string_view line(const Loop& loop) {
    if (loop.now() < until_) return line_;
    const WallTime now = loop.wallNow();
    const auto second = std::chrono::floor<std::chrono::seconds>(now);
    until_ = loop.now() + (std::chrono::seconds(1) - (now - second));
    line_ = now == WallTime{} ? std::string() : std::string(name) + ": " + toHttpDate(now) + "\r\n";
    return line_;
  }
  /// Without name and line's end.
  [[nodiscard]] std::string_view value(const Loop& loop) {
    std::string_view text = line(loop);
    if (text.empty()) return text;
    text.remove_prefix(name.size() + 2);
    text.remove_suffix(2);
    return text;
  }

 private:
  std::string line_;
  TimePoint until_{};
};

}  // namespace spawner::http
