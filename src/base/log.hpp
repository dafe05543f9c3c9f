#pragma once
// Logger: a constant message and key/values, one line a record: JSON, or text for people. Given to each role; there is no global one.

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "spawner/result.hpp"
#include "spawner/time.hpp"

namespace spawner {

enum class LogLevel { Debug, Info, Warn, Error };
enum class LogFormat { Json, Text };

/// A value of a log field: text, a number or a truth value. A number that JSON does not know (NaN, infinity) is text.
class LogValue {
 public:
  LogValue(std::string_view text) : text_(text) {}
  LogValue(const char* text) : text_(text) {}
  LogValue(const std::string& text) : text_(text) {}
  LogValue(const Error& error);
  template <class N>
  requires std::is_arithmetic_v<N> LogValue(N number) {
    if constexpr (std::is_same_v<N, bool>)
      setBool(number);
    else if constexpr (std::is_floating_point_v<N>)
      setDouble(static_cast<double>(number));
    else
      text_ = std::to_string(number), isNumber_ = true;
  }
  [[nodiscard]] const std::string& text() const { return text_; }
  /// True where the text is a JSON value as it is: a number, true or false.
  [[nodiscard]] bool isNumber() const { return isNumber_; }

 private:
  void setBool(bool value);
  void setDouble(double value);
  std::string text_;
  bool isNumber_ = false;
};

using LogFields = std::initializer_list<std::pair<std::string_view, LogValue>>;

/// Where lines go. Thread: one write per line, safe from several threads.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void write(std::string_view line) = 0;  // without the newline
};
/// Writes to a descriptor (2 = standard error), one write(2) a line. It never waits: lines for which a full non-blocking descriptor has
/// no room are lost, and their number is told as soon as there is room again.
std::shared_ptr<LogSink> fdSink(int fd);
/// Keeps the lines, for tests.
class MemorySink final : public LogSink {
 public:
  void write(std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

/// Copyable and cheap to copy. Never pass a secret to it. Everything is escaped: a record is one line.
/// JSON: {"time":"...","level":"info","role":"controller","message":"...", then the fields}; a field with one of these four names gets a
/// "_" behind it. Text: "12:03:04.123 INFO  controller: message key=value", in UTC.
class Logger {
 public:
  struct Options {
    LogLevel level = LogLevel::Info;
    LogFormat format = LogFormat::Json;
    std::shared_ptr<LogSink> sink;      // null: nothing is written
    std::function<WallTime()> wallNow;  // null: the system's clock
  };
  Logger() = default;
  Logger(Options options, std::string role);
  /// The same logger with one more field in every line.
  [[nodiscard]] Logger with(std::string_view key, const LogValue& value) const;

  [[nodiscard]] bool enabled(LogLevel level) const;
  void debug(std::string_view message, LogFields fields = {}) const { log(LogLevel::Debug, message, fields); }
  void info(std::string_view message, LogFields fields = {}) const { log(LogLevel::Info, message, fields); }
  void warn(std::string_view message, LogFields fields = {}) const { log(LogLevel::Warn, message, fields); }
  void error(std::string_view message, LogFields fields = {}) const { log(LogLevel::Error, message, fields); }
  void log(LogLevel level, std::string_view message, LogFields fields) const;

 private:
  std::shared_ptr<const Options> options_;
  std::shared_ptr<const std::vector<std::pair<std::string, LogValue>>> fields_;
};

}  // namespace spawner
