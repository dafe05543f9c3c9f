// RFC 3339 times, both ways.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace spawner {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// RFC 3339 has the years 0000 to 9999 only: a time outside is shown as the nearest one inside.
WallTime withinYears(WallTime time) {
  using namespace std::chrono;
  constexpr WallTime first = sys_days(year(0) / January / 1);
  constexpr WallTime last = sys_days(year(9999) / December / 31) + days(1) - microseconds(1);
  return std::clamp(time, first, last);
}

std::string dateAndTime(WallTime time) {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<seconds> clock(std::chrono::floor<seconds>(time - day));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

/// Reads a text from its start; the first thing that does not fit makes it fail for good.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}
  int number(std::size_t digits, int max) {
    const auto value = parseUnsigned(rest_.substr(0, digits), static_cast<std::uint64_t>(max));
    if (rest_.size() < digits || !value) return fail();
    rest_.remove_prefix(digits);
    return static_cast<int>(*value);
  }
  /// One of the characters; returns it.
  char oneOf(std::string_view characters) {
    if (rest_.empty() || characters.find(rest_.front()) == std::string_view::npos) return static_cast<char>(fail());
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }
  /// ".digits", any number of them but none is an error; what is finer than a microsecond is cut off.
  microseconds fraction() {
    if (rest_.empty() || rest_.front() != '.') return microseconds(0);
    rest_.remove_prefix(1);
    const std::size_t count = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    if (count == 0) return microseconds(fail());
    int value = 0;
    for (std::size_t i = 0; i < 6; ++i) value = value * 10 + (i < count ? rest_[i] - '0' : 0);
    rest_.remove_prefix(count);
    return microseconds(value);
  }
  [[nodiscard]] bool done() const { return !failed_ && rest_.empty(); }

 private:
  int fail() {
    failed_ = true;
    rest_ = {};
    return 0;
  }
  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace

std::string toRfc3339Micro(WallTime time) {
  time = withinYears(time);
  const auto micro = (time - std::chrono::floor<seconds>(time)).count();
  return fmt::format("{}.{:06}Z", dateAndTime(time), micro);
}

std::string toRfc3339(WallTime time) { return dateAndTime(withinYears(time)) + "Z"; }

std::optional<WallTime> parseRfc3339(std::string_view text) {
  Reader in(text);
  const std::chrono::year year(in.number(4, 9999));
  in.oneOf("-");
  const std::chrono::month month(static_cast<unsigned>(in.number(2, 12)));
  in.oneOf("-");
  const std::chrono::day day(static_cast<unsigned>(in.number(2, 31)));
  in.oneOf("Tt");
  const hours hour(in.number(2, 23));
  in.oneOf(":");
  const minutes minute(in.number(2, 59));
  in.oneOf(":");
  const seconds second(in.number(2, 60));  // 60: a leap second, read as the second after it
  const microseconds fraction = in.fraction();
  minutes offset(0);
  if (const char sign = in.oneOf("Zz+-"); sign == '+' || sign == '-') {
    offset = hours(in.number(2, 23));
    in.oneOf(":");
    offset += minutes(in.number(2, 59));
    if (sign == '-') offset = -offset;
  }
  const std::chrono::year_month_day date(year, month, day);
  if (!in.done() || !date.ok()) return std::nullopt;
  return WallTime(std::chrono::sys_days(date)) + hour + minute + second + fraction - offset;
}

}  // namespace spawner
