#pragma once
// Logger: a constant message and key/values, one line a record: JSON, or text for people. Given to each role; there is no global one.

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spawner/result.hpp"
#include "spawner/time.hpp"

namespace spawner {

enum class LogLevel { Debug, Info, Warn, Error };
enum class LogFormat { Json, Text };

/// A value of a log field: text or a number.
class LogValue {
 public:
  LogValue(std::string_view text) : text_(text) {}
  LogValue(const char* text) : text_(text) {}
  LogValue(const std::string& text) : text_(text) {}
  LogValue(const Error& error);
  template <class N>
    requires std::is_arithmetic_v<N>
  LogValue(N number) : text_(std::to_string(number)), isNumber_(true) {}
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool isNumber() const { return isNumber_; }

 private:
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
/// Writes to a descriptor (2 = standard error), one write(2) a line.
std::shared_ptr<LogSink> fdSink(int fd);
/// Keeps the lines, for tests.
class MemorySink final : public LogSink {
 public:
  void write(std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

/// Copyable and cheap to copy. Never pass a secret to it.
class Logger {
 public:
  struct Options {
    LogLevel level = LogLevel::Info;
    LogFormat format = LogFormat::Json;
    std::shared_ptr<LogSink> sink;           // null: nothing is written
    std::function<WallTime()> wallNow;       // null: the system's clock
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
