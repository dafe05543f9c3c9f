#include "base/log.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <unistd.h>

#include "base/text.hpp"

using namespace spawner;
using Json = nlohmann::json;

namespace {

const WallTime noon = *parseRfc3339("2026-01-02T12:03:04.123456Z");

struct Log {
  std::shared_ptr<MemorySink> sink = std::make_shared<MemorySink>();
  Logger logger;
  explicit Log(LogFormat format, LogLevel level = LogLevel::Debug)
      : logger(Logger::Options{level, format, sink, [] { return noon; }}, "controller") {}
  std::string last() const {
    REQUIRE_FALSE(sink->lines.empty());
    return sink->lines.back();
  }
};

}  // namespace

TEST_CASE("log: JSON, the same four fields first and then the others in order") {
  Log log(LogFormat::Json);
  log.logger.info("pod created", {{"pod", "a/b"}, {"tries", 3}, {"ratio", 0.5}, {"ok", true}});
  CHECK(log.last() == R"({"time":"2026-01-02T12:03:04.123456Z","level":"info","role":"controller","message":"pod created",)"
                      R"("pod":"a/b","tries":3,"ratio":0.5,"ok":true})");
}

TEST_CASE("log: text for people") {
  Log log(LogFormat::Text);
  log.logger.info("pod created", {{"pod", "a/b"}, {"tries", 3}});
  CHECK(log.last() == "12:03:04.123 INFO  controller: pod created pod=a/b tries=3");
  log.logger.warn("slow");
  CHECK(log.last() == "12:03:04.123 WARN  controller: slow");
  log.logger.error("bad", {{"why", "two words"}, {"empty", ""}, {"eq", "a=b"}, {"quote", "\"x\""}});
  CHECK(log.last() == R"(12:03:04.123 ERROR controller: bad why="two words" empty="" eq="a=b" quote="\"x\"")");
}

TEST_CASE("log: whatever comes, a record is one line, and in JSON it is JSON") {
  const std::string nasty = "a\nb\r\"\\\x1b[31m\x7F\xFF" + std::string(1, '\0') + "\xE2\x82\xAC";
  for (LogFormat format : {LogFormat::Json, LogFormat::Text}) {
    Log log(format);
    log.logger.with(nasty, nasty).error(nasty, {{nasty, nasty}});
    const std::string line = log.last();
    for (char c : line) CHECK(static_cast<unsigned char>(c) >= 0x20);
    if (format == LogFormat::Json) {
      const Json parsed = Json::parse(line);
      CHECK(parsed["message"] == "a\nb\r\"\\\x1b[31m\x7F\xEF\xBF\xBD" + std::string(1, '\0') + "\xE2\x82\xAC");
    }
  }
}

TEST_CASE("log: numbers that JSON does not know are text") {
  Log log(LogFormat::Json);
  log.logger.info(
      "x",
      {{"nan", std::nan("")}, {"inf", std::numeric_limits<double>::infinity()}, {"big", UINT64_MAX}, {"low", INT64_MIN}, {"f", 1e300}});
  const Json parsed = Json::parse(log.last());
  CHECK(parsed["nan"] == "nan");
  CHECK(parsed["inf"] == "inf");
  CHECK(parsed["big"] == UINT64_MAX);
  CHECK(parsed["low"] == INT64_MIN);
  CHECK(parsed["f"] == 1e300);
}

TEST_CASE("log: a field cannot take the place of one of ours") {
  Log log(LogFormat::Json);
  log.logger.info("real", {{"message", "fake"}, {"level", "fake"}, {"time", "fake"}, {"role", "fake"}});
  const Json parsed = Json::parse(log.last());
  CHECK(parsed["message"] == "real");
  CHECK(parsed["message_"] == "fake");
  CHECK(parsed["level"] == "info");
  CHECK(parsed["role"] == "controller");
}

TEST_CASE("log: levels below the limit are not written") {
  Log log(LogFormat::Json, LogLevel::Warn);
  log.logger.debug("a");
  log.logger.info("b");
  CHECK(log.sink->lines.empty());
  log.logger.warn("c");
  log.logger.error("d");
  CHECK(log.sink->lines.size() == 2);
  CHECK_FALSE(log.logger.enabled(LogLevel::Info));
  CHECK(log.logger.enabled(LogLevel::Error));
}

TEST_CASE("log: with() adds to the copy only") {
  Log log(LogFormat::Text);
  const Logger child = log.logger.with("pod", "p").with("n", 1);
  child.info("x");
  CHECK(log.last() == "12:03:04.123 INFO  controller: x pod=p n=1");
  log.logger.info("x");
  CHECK(log.last() == "12:03:04.123 INFO  controller: x");
}

TEST_CASE("log: a logger without a sink, or default-made, is silent") {
  Logger().with("a", 1).error("nobody");
  Logger(Logger::Options{}, "r").with("a", 1).error("nobody");
  CHECK_FALSE(Logger().enabled(LogLevel::Error));
}

TEST_CASE("log: an Error tells its message and its kind") {
  Log log(LogFormat::Json);
  log.logger.warn("failed", {{"error", Error{ErrorKind::Timeout, "GET /x: no answer", std::nullopt}}});
  CHECK(Json::parse(log.last())["error"] == "GET /x: no answer (Timeout)");
}

TEST_CASE("log: a full pipe loses lines, never waits, and tells how many", "[integration]") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
  const auto sink = fdSink(ends[1]);
  const std::string line(1000, 'x');
  for (int i = 0; i < 1000; ++i) sink->write(line);
  std::string got(1 << 20, '\0');
  ssize_t n = ::read(ends[0], got.data(), got.size());
  REQUIRE(n > 0);
  const std::string first = got.substr(0, static_cast<std::size_t>(n));
  sink->write("after");
  n = ::read(ends[0], got.data(), got.size());
  REQUIRE(n > 0);
  const std::string second = got.substr(0, static_cast<std::size_t>(n));
  // Every line is whole, never mixed with another; those written and those told as lost are all that there were.
  std::size_t whole = 0, lost = 0;
  const std::string all = first + second;
  for (std::string_view part : split(all, '\n')) {
    const std::string_view prefix = "(the log was blocked: ";
    if (part == line) ++whole;
    if (part.starts_with(prefix)) lost += static_cast<std::size_t>(std::stoi(std::string(part.substr(prefix.size()))));
    CHECK((part == line || part.starts_with(prefix) || part == "after" || part.empty()));
  }
  CHECK(whole > 0);
  CHECK(whole + lost == 1000);
  CHECK(second.ends_with("lines lost)\nafter\n"));
  ::close(ends[0]);
  ::close(ends[1]);
}
