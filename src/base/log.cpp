#include "base/log.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <mutex>

#include "base/text.hpp"

namespace spawner {
namespace {

class FdSink final : public LogSink {
 public:
  explicit FdSink(int fd) : fd_(fd) {}
  void write(std::string_view line) override {
    const std::lock_guard lock(mutex_);
    if (lost_ > 0) {
      if (!writeLine(fmt::format("(the log was blocked: {} lines lost)", lost_))) {
        ++lost_;
        return;
      }
      lost_ = 0;
    }
    if (!writeLine(line)) ++lost_;
  }

 private:
  /// False if not all of it was written. There is nobody left to tell why; the number of lost lines is told later.
  bool writeLine(std::string_view line) {
    std::string text;
    text.reserve(line.size() + 2);
    if (insideLine_) text += '\n';
    text.append(line);
    text += '\n';
    std::string_view rest = text;
    while (!rest.empty()) {
      const ssize_t n = ::write(fd_, rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      rest.remove_prefix(static_cast<std::size_t>(n));
      insideLine_ = !rest.empty();
    }
    return true;
  }

  const int fd_;
  std::mutex mutex_;
  std::uint64_t lost_ = 0;
  bool insideLine_ = false;  // a write stopped in the middle of a line
};

std::string_view name(LogLevel level) {
  switch (level) {
    case LogLevel::Debug: return "debug";
    case LogLevel::Info: return "info";
    case LogLevel::Warn: return "warn";
    case LogLevel::Error: return "error";
  }
  return "error";
}

std::string_view textName(LogLevel level) {
  switch (level) {
    case LogLevel::Debug: return "DEBUG";
    case LogLevel::Info: return "INFO ";
    case LogLevel::Warn: return "WARN ";
    case LogLevel::Error: return "ERROR";
  }
  return "ERROR";
}

bool isReserved(std::string_view key) { return key == "time" || key == "level" || key == "role" || key == "message"; }

void appendJson(std::string& line, std::string_view key, const LogValue& value) {
  line += ",\"";
  line += jsonEscape(key);
  if (isReserved(key)) line += '_';
  line += "\":";
  if (value.isNumber()) {
    line += value.text();
  } else {
    line += '"';
    line += jsonEscape(value.text());
    line += '"';
  }
}

void appendText(std::string& line, std::string_view key, const LogValue& value) {
  line += ' ';
  line += jsonEscape(key);
  line += '=';
  std::string text = jsonEscape(value.text());
  const bool plain = !text.empty() && text == value.text() && text.find_first_of(" =") == std::string::npos;
  if (plain)
    line += text;
  else
    line += '"' + text + '"';
}

}  // namespace

LogValue::LogValue(const Error& error) : text_(fmt::format("{} ({})", error.message, toString(error.kind))) {}

void LogValue::setBool(bool value) {
  text_ = value ? "true" : "false";
  isNumber_ = true;
}

void LogValue::setDouble(double value) {
  text_ = fmt::format("{}", value);
  isNumber_ = std::isfinite(value);
}

std::shared_ptr<LogSink> fdSink(int fd) { return std::make_shared<FdSink>(fd); }

// The role is the first of the fields.
Logger::Logger(Options options, std::string role)
    : options_(std::make_shared<const Options>(std::move(options))),
      fields_(std::make_shared<const std::vector<std::pair<std::string, LogValue>>>(1, std::pair{std::string("role"), LogValue(role)})) {}

Logger Logger::with(std::string_view key, const LogValue& value) const {
  if (!fields_) return *this;
  auto fields = *fields_;
  fields.emplace_back(key, value);
  Logger logger = *this;
  logger.fields_ = std::make_shared<const std::vector<std::pair<std::string, LogValue>>>(std::move(fields));
  return logger;
}

bool Logger::enabled(LogLevel level) const { return options_ && options_->sink && level >= options_->level; }

void Logger::log(LogLevel level, std::string_view message, LogFields fields) const {
  if (!enabled(level)) return;
  const WallTime now = options_->wallNow ? options_->wallNow() : std::chrono::floor<WallTime::duration>(std::chrono::system_clock::now());
  const std::string time = toRfc3339Micro(now);
  const std::string role = jsonEscape(fields_->front().second.text());
  const bool json = options_->format == LogFormat::Json;
  const auto append = json ? appendJson : appendText;
  std::string line;
  if (json)
    line = fmt::format(R"({{"time":"{}","level":"{}","role":"{}","message":"{}")", time, name(level), role, jsonEscape(message));
  else  // the time of day to the millisecond: people watch it live
    line = fmt::format("{} {} {}: {}", std::string_view(time).substr(11, 12), textName(level), role, jsonEscape(message));
  for (std::size_t i = 1; i < fields_->size(); ++i) append(line, (*fields_)[i].first, (*fields_)[i].second);
  for (const auto& [key, value] : fields) append(line, key, value);
  if (json) line += '}';
  options_->sink->write(line);
}

}  // namespace spawner
