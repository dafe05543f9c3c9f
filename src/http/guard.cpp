#include "http/guard.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/text.hpp"

namespace spawner::http {

namespace {

/// A Content-Length above this is no length that anybody could send; below it no sum of ours overflows.
constexpr std::uint64_t maxContentLength = UINT64_MAX >> 1;

constexpr bool isAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isHex(char c) { return isDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

std::size_t schemeLength(std::string_view target) {
  for (const std::string_view scheme : {std::string_view("http://"), std::string_view("https://")})
    if (target.size() > scheme.size() && equalsIgnoreCase(target.substr(0, scheme.size()), scheme)) return scheme.size();
  return 0;
}

/// Which bytes a predicate holds for: these checks see each byte of each head, twice.
using ByteTable = std::array<std::uint8_t, 256>;
template <class Predicate>
constexpr ByteTable tableOf(Predicate predicate) {
  ByteTable table{};
  for (unsigned c = 0; c < table.size(); ++c) table[c] = predicate(static_cast<unsigned char>(c)) ? 1 : 0;
  return table;
}
bool allIn(const ByteTable& table, std::string_view text) {
  std::uint8_t all = 1;
  for (const char c : text) all &= table[static_cast<unsigned char>(c)];
  return all == 1;
}

// --- the checks, each a small named predicate: true = refused

bool foldedLine(const HeadFacts& f) {
  for (std::size_t at = f.raw.find('\n'); at != std::string_view::npos && at + 1 < f.raw.size(); at = f.raw.find('\n', at + 1))
    if (f.raw[at + 1] == ' ' || f.raw[at + 1] == '\t') return true;
  return false;
}
bool unprintableTarget(const HeadFacts& f) {
  return !std::all_of(f.target.begin(), f.target.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}
bool connectMethod(const HeadFacts& f) { return f.method == "CONNECT"; }
bool badTargetForm(const HeadFacts& f) {
  if (f.target.find('#') != std::string_view::npos) return true;
  if (f.target == "*") return f.method != "OPTIONS";
  if (f.target.starts_with('/')) return false;
  const std::size_t scheme = schemeLength(f.target);
  if (scheme == 0) return true;
  const std::string_view rest = f.target.substr(scheme);
  return !isHostAndPort(rest.substr(0, rest.find_first_of("/?")));
}
bool missingHost(const HeadFacts& f) { return f.minorVersion >= 1 && f.hosts == 0; }
bool repeatedHost(const HeadFacts& f) { return f.hosts > 1; }
bool badHost(const HeadFacts& f) { return f.hosts == 1 && !isHostAndPort(f.host); }
bool transferEncodingInHttp10(const HeadFacts& f) { return f.transferEncodings > 0 && f.minorVersion == 0; }
bool lengthAndTransferEncoding(const HeadFacts& f) { return f.transferEncodings > 0 && f.contentLengths > 0; }
bool badTransferEncoding(const HeadFacts& f) {
  return f.transferEncodings > 1 || (f.transferEncodings == 1 && !equalsIgnoreCase(f.transferEncoding, "chunked"));
}
bool repeatedContentLength(const HeadFacts& f) { return f.contentLengths > 1 || f.contentLength.find(',') != std::string_view::npos; }
bool badContentLength(const HeadFacts& f) { return f.contentLengths == 1 && !parseUnsigned(f.contentLength, maxContentLength); }
bool upgradeWithBody(const HeadFacts& f) {
  if (!f.connectionUpgrade || !f.hasUpgrade) return false;
  return f.transferEncodings > 0 || (f.contentLengths > 0 && parseUnsigned(f.contentLength) != 0U);
}
bool badStatus(const HeadFacts& f) { return f.status < 100; }

// --- the tables: TO ADD A CHECK write its predicate above and its row here (and its line in the table of test/http/guard_test.cpp)

constexpr HeadRule foldedLineRule{400, "FoldedHeader", "RFC 9112 §5.2", "A header line begins with white space.", foldedLine};
constexpr HeadRule transferEncodingInHttp10Rule{400, "TransferEncodingInHttp10", "RFC 9112 §6.1", "HTTP/1.0 knows no Transfer-Encoding.",
                                                transferEncodingInHttp10};
constexpr HeadRule lengthAndTransferEncodingRule{400, "LengthAndTransferEncoding", "RFC 9112 §6.3",
                                                 "The message has both Content-Length and Transfer-Encoding.", lengthAndTransferEncoding};
constexpr HeadRule badTransferEncodingRule{400, "BadTransferEncoding", "RFC 9112 §6.1",
                                           "The only Transfer-Encoding accepted is exactly one 'chunked'.", badTransferEncoding};
constexpr HeadRule repeatedContentLengthRule{400, "RepeatedContentLength", "RFC 9112 §6.3", "The message has more than one Content-Length.",
                                             repeatedContentLength};
constexpr HeadRule badContentLengthRule{400, "BadContentLength", "RFC 9110 §8.6", "Content-Length is not a decimal number.",
                                        badContentLength};

constexpr auto requestTable = std::to_array<HeadRule>({
    foldedLineRule,
    {400, "BadTarget", "RFC 9112 §3.2", "The request target has bytes that are not printable ASCII.", unprintableTarget},
    {501, "ConnectUnsupported", "RFC 9110 §9.3.6", "This server is no forward proxy: CONNECT is not offered.", connectMethod},
    {400, "BadTarget", "RFC 9112 §3.2", "The request target is neither a path, nor an http URL, nor '*' for OPTIONS.", badTargetForm},
    {400, "MissingHost", "RFC 9112 §3.2", "An HTTP/1.1 request needs a Host field.", missingHost},
    {400, "RepeatedHost", "RFC 9112 §3.2", "The request has more than one Host field.", repeatedHost},
    {400, "BadHost", "RFC 9112 §3.2", "The Host field is not a host with an optional port.", badHost},
    transferEncodingInHttp10Rule,
    lengthAndTransferEncodingRule,
    badTransferEncodingRule,
    repeatedContentLengthRule,
    badContentLengthRule,
    {400, "UpgradeWithBody", "RFC 9110 §7.8", "A request to upgrade the connection must not have a body.", upgradeWithBody},
});

constexpr auto responseTable = std::to_array<HeadRule>({
    foldedLineRule,
    {400, "BadStatus", "RFC 9110 §15", "The status code is below 100.", badStatus},
    transferEncodingInHttp10Rule,
    lengthAndTransferEncodingRule,
    badTransferEncodingRule,
    repeatedContentLengthRule,
    badContentLengthRule,
});

}  // namespace

std::span<const HeadRule> requestRules() { return requestTable; }
std::span<const HeadRule> responseRules() { return responseTable; }

std::optional<Refusal> firstBroken(std::span<const HeadRule> rules, const HeadFacts& facts) {
  for (const HeadRule& rule : rules)
    if (rule.broken(facts)) return Refusal{rule.status, rule.reason, rule.detail};
  return std::nullopt;
}

bool isHostAndPort(std::string_view text) {
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || end < 3) return false;
    const std::string_view address = text.substr(1, end - 1);
    if (!std::all_of(address.begin(), address.end(), [](char c) { return isHex(c) || c == ':' || c == '.'; })) return false;
    port = text.substr(end + 1);
    if (!port.empty() && port[0] != ':') return false;
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    const std::string_view name = text.substr(0, colon);
    if (name.empty()) return false;
    if (!std::all_of(name.begin(), name.end(), [](char c) { return isAlpha(c) || isDigit(c) || c == '-' || c == '.' || c == '_'; }))
      return false;
    port = text.substr(colon);
  }
  return port.empty() || parseUnsigned(port.substr(1), 65535).has_value();
}

bool isToken(std::string_view text) {
  static constexpr auto allowed = tableOf([](unsigned char c) {
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    return isAlpha(static_cast<char>(c)) || isDigit(static_cast<char>(c)) || marks.find(static_cast<char>(c)) != std::string_view::npos;
  });
  return !text.empty() && allIn(allowed, text);
}

bool isFieldValue(std::string_view text) {
  static constexpr auto allowed = tableOf([](unsigned char c) { return (c >= 0x20 && c != 0x7f) || c == '\t'; });
  return allIn(allowed, text);
}

}  // namespace spawner::http
