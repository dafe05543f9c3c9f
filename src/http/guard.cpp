#include "http/guard.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "http/bytes.hpp"

namespace spawner::http {

namespace {

/// A Content-Length above this is no length that anybody could send; below it no sum of ours overflows.
constexpr std::uint64_t maxContentLength = UINT64_MAX >> 1;

/// Each field of a head is compared with each of them.
constexpr int maxConnectionOptions = 100;

bool isHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

std::size_t schemeLength(std::string_view target) {
  for (const std::string_view scheme : {std::string_view("http://"), std::string_view("https://")})
    if (target.size() > scheme.size() && equalsIgnoreCase(target.substr(0, scheme.size()), scheme)) return scheme.size();
  return 0;
}

/// True when all bytes have one of the bits. Four at a time: that is what writing a head asks of each name.
bool allAre(std::uint8_t bits, std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  unsigned all = bits;
  for (; end - at >= 4; at += 4) all &= classOf(at[0]) & classOf(at[1]) & classOf(at[2]) & classOf(at[3]);
  for (; at != end; ++at) all &= classOf(*at);
  return all != 0;
}

/// Notes what a field Connection names (RFC 9110 §7.6.1). Of Proxy-Connection only whether it is a list counts.
void noteConnection(HeadFacts& facts, std::string_view value, bool ours) {
  for (;;) {
    if (++facts.connection.options > maxConnectionOptions) {
      facts.connection.malformed = true;
      return;
    }
    const std::size_t comma = value.find(',');
    const std::string_view option = trim(value.substr(0, comma));
    if (!option.empty() && !isToken(option)) facts.connection.malformed = true;
    if (ours && equalsIgnoreCase(option, "close")) facts.connection.close = true;
    if (ours && equalsIgnoreCase(option, "keep-alive")) facts.connection.keepAlive = true;
    if (ours && equalsIgnoreCase(option, "upgrade")) facts.connection.upgrade = true;
    if (comma == std::string_view::npos) return;
    value.remove_prefix(comma + 1);
  }
}

// --- the checks, each a small named predicate: true = refused

bool badConnection(const HeadFacts& f) { return f.connection.malformed; }
bool foldedLine(const HeadFacts& f) { return f.folded; }
bool unprintableTarget(const HeadFacts& f) { return (f.targetBytes & ByteClass::unprintable) != 0; }
bool connectMethod(const HeadFacts& f) { return f.method == "CONNECT"; }
bool badTargetForm(const HeadFacts& f) {
  if ((f.targetBytes & ByteClass::fragment) != 0) return true;
  if (f.target.starts_with('/')) return false;
  if (f.target == "*") return f.method != "OPTIONS";
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
bool badContentLength(const HeadFacts& f) { return f.contentLengths == 1 && !f.length; }
bool upgradeWithBody(const HeadFacts& f) { return f.upgrades() && (f.transferEncodings > 0 || (f.contentLengths > 0 && f.length != 0U)); }
bool badStatus(const HeadFacts& f) { return f.status < 100; }

// --- the tables: TO ADD A CHECK write its predicate above and its row here (and its line in the table of test/http/guard_test.cpp)

constexpr HeadRule badConnectionRule{400, "BadFieldValue", "RFC 9110 §7.6.1", "Connection is not a list of names, or has more than 100.",
                                     badConnection};
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
    badConnectionRule,
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
    badConnectionRule,
    foldedLineRule,
    {400, "BadStatus", "RFC 9110 §15", "The status code is below 100.", badStatus},
    transferEncodingInHttp10Rule,
    lengthAndTransferEncodingRule,
    badTransferEncodingRule,
    repeatedContentLengthRule,
    badContentLengthRule,
});

/// Row by row, as the compiler sees the table: the predicates become one straight line.
template <const auto& table, std::size_t... row>
const HeadRule* firstRow(const HeadFacts& facts, std::index_sequence<row...>) {
  const HeadRule* found = nullptr;
  (void)((table[row].broken(facts) && (found = &table[row]) != nullptr) || ...);
  return found;
}

}  // namespace

std::span<const HeadRule> requestRules() { return requestTable; }
std::span<const HeadRule> responseRules() { return responseTable; }

std::optional<Refusal> firstBroken(const HeadFacts& facts) {
  const HeadRule* const rule = facts.request ? firstRow<requestTable>(facts, std::make_index_sequence<requestTable.size()>())
                                             : firstRow<responseTable>(facts, std::make_index_sequence<responseTable.size()>());
  if (rule == nullptr) return std::nullopt;
  return Refusal{rule->status, rule->reason, rule->detail};
}

void HeadFacts::setTarget(std::string_view text) {
  target = text;
  targetBytes = 0;
  for (const char c : text) targetBytes |= classOf(c);
}

FieldName HeadFacts::note(std::string_view name, std::string_view value) {
  const FieldName known = fieldName(name);
  switch (known) {
    case FieldName::Host:
      ++hosts;
      host = value;
      break;
    case FieldName::ContentLength:
      ++contentLengths;
      contentLength = value;
      length = parseUnsigned(value, maxContentLength);
      break;
    case FieldName::TransferEncoding:
      ++transferEncodings;
      transferEncoding = value;
      break;
    case FieldName::Upgrade: hasUpgrade = true; break;
    case FieldName::Connection: noteConnection(*this, value, true); break;
    case FieldName::ProxyConnection: noteConnection(*this, value, false); break;
    default: break;
  }
  return known;
}

bool isHostAndPort(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  if (text.starts_with('[')) {
    ++at;
    while (at != end && (isHex(*at) || *at == ':' || *at == '.')) ++at;
    if (at - text.data() < 3 || at == end || *at++ != ']') return false;
  } else {
    while (at != end && is(ByteClass::host, *at)) ++at;
    if (at == text.data()) return false;
  }
  if (at == end) return true;
  return *at == ':' && parseUnsigned({at + 1, static_cast<std::size_t>(end - at - 1)}, 65535).has_value();
}

bool isToken(std::string_view text) { return !text.empty() && allAre(ByteClass::token, text); }

bool isFieldValue(std::string_view text) {
  const char* const end = text.data() + text.size();
  return endOfValue(text.data(), end) == end;
}

}  // namespace spawner::http
