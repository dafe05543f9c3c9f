#include "base/yaml_scalar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "base/text.hpp"

namespace spawner::yaml {
namespace {

template <std::size_t N>
bool oneOf(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

std::size_t skipDigits(std::string_view text, std::size_t from) {
  return std::min(text.find_first_not_of("0123456789", from), text.size());
}

/// Control characters, and what YAML counts as such or as a line break: U+0080 to U+009F, U+2028, U+2029, U+FEFF.
std::size_t controlLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  if (byte(0) < 0x20 || byte(0) == 0x7F) return 1;
  if (byte(0) == 0xC2 && byte(1) >= 0x80 && byte(1) <= 0x9F) return 2;
  if (byte(0) == 0xE2 && byte(1) == 0x80 && (byte(2) == 0xA8 || byte(2) == 0xA9)) return 3;
  return byte(0) == 0xEF && byte(1) == 0xBB && byte(2) == 0xBF ? 3 : 0;
}

/// The parts of [-+]? (digits (. digits?)? | . digits) ([eE] [-+]? digits)?
struct Decimal {
  bool negative = false;
  std::string_view whole;
  std::optional<std::string_view> fraction;
  std::string_view exponent;  // with its sign
};

std::optional<Decimal> parseDecimal(std::string_view text) {
  Decimal number;
  if (text.starts_with('-') || text.starts_with('+')) {
    number.negative = text.front() == '-';
    text.remove_prefix(1);
  }
  std::size_t at = skipDigits(text, 0);
  number.whole = text.substr(0, at);
  if (at < text.size() && text[at] == '.') {
    const std::size_t end = skipDigits(text, at + 1);
    number.fraction = text.substr(at + 1, end - at - 1);
    at = end;
  }
  if (number.whole.empty() && (!number.fraction || number.fraction->empty())) return std::nullopt;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    number.exponent = text.substr(at + 1);
    const std::string_view digits = number.exponent.substr(number.exponent.find_first_of("-+") == 0 ? 1 : 0);
    if (digits.empty() || skipDigits(digits, 0) != digits.size()) return std::nullopt;
    at = text.size();
  }
  if (at != text.size()) return std::nullopt;
  return number;
}

bool isRadix(std::string_view text) {
  if (text.size() < 3) return false;
  const std::string_view digits = text.substr(2);
  if (text.starts_with("0x")) return digits.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
  return text.starts_with("0o") && digits.find_first_not_of("01234567") == std::string_view::npos;
}

}  // namespace

bool hasControls(std::string_view text, std::string_view allowed) {
  for (; !text.empty(); text.remove_prefix(1))
    if (allowed.find(text.front()) == std::string_view::npos && controlLength(text) > 0) return true;
  return false;
}

std::string doubleQuoted(std::string_view text) {
  std::string out = "\"";
  std::size_t plain = 0;  // up to here is written
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t length = controlLength(text.substr(i));
    if (length < 2) continue;  // jsonEscape knows the others
    out += jsonEscape(text.substr(plain, i - plain));
    const auto byte = [&](std::size_t at) { return static_cast<unsigned>(static_cast<unsigned char>(text[i + at])); };
    const unsigned code =
        length == 2 ? (byte(0) & 0x1Fu) << 6 | (byte(1) & 0x3Fu) : (byte(0) & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);
    out += fmt::format("\\u{:04x}", code);
    i += length - 1;
    plain = i + 1;
  }
  return out + jsonEscape(text.substr(plain)) + '"';
}

ScalarKind kindOf(std::string_view plain) {
  static constexpr std::array<std::string_view, 5> nulls = {"", "~", "null", "Null", "NULL"};
  static constexpr std::array<std::string_view, 6> bools = {"true", "True", "TRUE", "false", "False", "FALSE"};
  static constexpr std::array<std::string_view, 12> others = {".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf", "+.INF",
                                                              "-.inf", "-.Inf", "-.INF", ".nan",  ".NaN",  ".NAN"};
  if (oneOf(plain, nulls)) return ScalarKind::Null;
  if (oneOf(plain, bools)) return ScalarKind::Bool;
  if (oneOf(plain, others)) return ScalarKind::NotFinite;
  if (isRadix(plain) || parseDecimal(plain)) return ScalarKind::Number;
  return ScalarKind::String;
}

std::optional<std::string> jsonNumber(std::string_view number) {
  if (isRadix(number)) {
    std::uint64_t value = 0;
    const char* end = number.data() + number.size();
    const auto [stop, error] = std::from_chars(number.data() + 2, end, value, number[1] == 'x' ? 16 : 8);
    if (error != std::errc() || stop != end) return std::nullopt;
    return std::to_string(value);
  }
  const std::optional<Decimal> parts = parseDecimal(number);
  if (!parts) return std::nullopt;
  std::string_view whole = parts->whole;
  while (whole.size() > 1 && whole.front() == '0') whole.remove_prefix(1);
  std::string json = parts->negative ? "-" : "";
  json += whole.empty() ? "0" : whole;
  if (parts->fraction) json.append(".").append(parts->fraction->empty() ? "0" : *parts->fraction);
  if (!parts->exponent.empty()) json.append("e").append(parts->exponent);
  return json;
}

bool safePlain(std::string_view text) {
  if (kindOf(text) != ScalarKind::String) return false;
  static constexpr std::array<std::string_view, 8> oldBools = {"y", "n", "yes", "no", "on", "off", "<<", "="};
  if (oneOf(toLower(text), oldBools)) return false;
  // What may be a number, a base-60 number, a date or a time to somebody: all that begins with a digit and has nothing but these.
  const std::string_view unsignedText = text.substr(text.front() == '-' || text.front() == '+' ? 1 : 0);
  if (!unsignedText.empty() && (unsignedText.front() == '.' || (unsignedText.front() >= '0' && unsignedText.front() <= '9')) &&
      unsignedText.find_first_not_of("0123456789abcdefABCDEFxXoOtTzZ_.:-+ ") == std::string_view::npos)
    return false;
  if (text.starts_with("---") || text.starts_with("...")) return false;  // document markers at the start of a line
  // YAML 1.2.2 §7.3.3: no indicator at the start; nothing that begins a comment or a mapping inside; no space at the ends.
  const char first = text.front();
  if (std::string_view("!&*{}[],#|>@`\"'%?").find(first) != std::string_view::npos) return false;
  if ((first == '-' || first == ':') && (text.size() == 1 || text[1] == ' ')) return false;
  if (first == ' ' || text.back() == ' ' || text.back() == ':') return false;
  if (text.find(": ") != std::string_view::npos || text.find(" #") != std::string_view::npos) return false;
  return !hasControls(text);
}

}  // namespace spawner::yaml
