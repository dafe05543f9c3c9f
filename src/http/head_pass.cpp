#include "http/head_pass.hpp"

#include <cstring>

#include "http/bytes.hpp"

namespace spawner::http {

namespace {

constexpr Refusal badSyntax{400, "BadSyntax", "The head is not HTTP/1.1 (RFC 9112)."};
constexpr Refusal otherVersion{505, "UnsupportedVersion", "Only HTTP/1.0 and HTTP/1.1 are spoken here."};
constexpr Refusal badMethod{400, "BadMethod", "The method is not a token."};
constexpr Refusal badTarget{400, "BadTarget", "The request target has bytes that are not printable ASCII."};
constexpr Refusal badFieldName{400, "BadFieldName", "A header line does not begin with a name and a colon."};
constexpr Refusal badFieldValue{400, "BadFieldValue", "A header's value has control characters."};

bool isDigit(char c) { return c >= '0' && c <= '9'; }

/// True when the start line names an HTTP version that is none of ours.
bool namesOtherVersion(std::string_view bytes) {
  const std::string_view line = bytes.substr(0, bytes.find("\r\n"));
  const std::size_t at = line.starts_with("HTTP/") ? 0 : line.rfind("HTTP/");
  if (at == std::string_view::npos || (at > 0 && line.size() - at != 8)) return false;
  const std::string_view number = line.substr(at + 5, 3);
  return number.size() == 3 && isDigit(number[0]) && number[1] == '.' && isDigit(number[2]) && number != "1.0" && number != "1.1";
}

/// The bytes, and how far they are read. INVARIANT: the last byte is LF, which belongs to no class: so every scan ends, and behind any
/// other byte there is one more.
class Pass {
 public:
  Pass(std::string_view bytes, HeadFacts& facts) : facts_(facts), begin_(bytes.data()), at_(begin_), end_(begin_ + bytes.size()) {}

  const Refusal* requestLine() {
    facts_.method = scan(ByteClass::token);
    if (facts_.method.empty() || !take(' ')) return &badMethod;
    const char* const target = at_;
    unsigned seen = 0;
    for (; !is(ByteClass::endsTarget, *at_); ++at_) seen |= classOf(*at_);
    facts_.target = since(target);
    facts_.targetBytes = static_cast<std::uint8_t>(seen);
    if (facts_.target.empty() || !take(' ')) return &badTarget;
    return version() && takeLineEnd() ? nullptr : wrongVersion();
  }

  const Refusal* statusLine() {
    if (!version() || !take(' ')) return wrongVersion();
    for (int digits = 0; digits < 3; ++digits, ++at_) {
      if (!isDigit(*at_)) return &badSyntax;
      facts_.status = facts_.status * 10 + (*at_ - '0');
    }
    if (!take(' ')) return &badSyntax;
    const char* const first = at_;
    at_ = endOfValue(at_, end_);
    facts_.reason = since(first);
    return takeLineEnd() ? nullptr : &badSyntax;
  }

  /// Up to and with the empty line.
  const Refusal* fields(std::size_t most, Headers& headers) {
    for (std::size_t lines = 0; at_ != end_; ++lines) {
      if (*at_ == '\r') return takeLineEnd() ? nullptr : &badSyntax;
      if (lines == most) break;
      const char* const line = at_;
      const bool folded = lines > 0 && is(ByteClass::blank, *at_);
      const std::string_view name = folded ? std::string_view() : scan(ByteClass::token);
      if (!folded && (name.empty() || !take(':'))) return &badFieldName;
      while (is(ByteClass::blank, *at_)) ++at_;
      const char* const first = at_;
      at_ = endOfValue(at_, end_);
      const char* last = at_;
      while (last != first && is(ByteClass::blank, last[-1])) --last;
      if (!takeLineEnd()) return *at_ == '\r' ? &badSyntax : &badFieldValue;
      if (folded) {
        facts_.folded = true;
        continue;
      }
      const std::string_view value(first, static_cast<std::size_t>(last - first));
      const bool whole = first - line == static_cast<std::ptrdiff_t>(name.size() + 2) && first[-1] == ' ' && at_ - last == 2;
      headers.note({offset(line), size(name), offset(first), size(value), facts_.note(name, value), whole});
    }
    return &badSyntax;
  }

  [[nodiscard]] std::size_t length() const { return since(begin_).size(); }

 private:
  [[nodiscard]] std::uint32_t offset(const char* at) const { return static_cast<std::uint32_t>(at - begin_); }
  [[nodiscard]] static std::uint32_t size(std::string_view text) { return static_cast<std::uint32_t>(text.size()); }
  [[nodiscard]] std::string_view since(const char* first) const { return {first, static_cast<std::size_t>(at_ - first)}; }

  std::string_view scan(std::uint8_t bits) {
    const char* const first = at_;
    while (is(bits, *at_)) ++at_;
    return since(first);
  }

  bool take(char c) {
    if (*at_ != c) return false;
    ++at_;
    return true;
  }

  bool takeLineEnd() {
    if (at_[0] != '\r' || at_[1] != '\n') return false;
    at_ += 2;
    return true;
  }

  bool version() {
    static constexpr std::string_view name = "HTTP/1.";
    if (end_ - at_ <= static_cast<std::ptrdiff_t>(name.size()) || std::memcmp(at_, name.data(), name.size()) != 0) return false;
    const char minor = at_[name.size()];
    if (minor != '0' && minor != '1') return false;
    facts_.minorVersion = minor - '0';
    at_ += name.size() + 1;
    return true;
  }

  [[nodiscard]] const Refusal* wrongVersion() const {
    return namesOtherVersion({begin_, static_cast<std::size_t>(end_ - begin_)}) ? &otherVersion : &badSyntax;
  }

  HeadFacts& facts_;
  const char* const begin_;
  const char* at_;
  const char* const end_;
};

/// The bytes up to the last LF: what is behind it ends no head.
std::string_view wholeLines(std::string_view bytes) {
  const void* const last = bytes.empty() ? nullptr : memrchr(bytes.data(), '\n', bytes.size());
  return bytes.substr(0, last == nullptr ? 0 : static_cast<std::size_t>(static_cast<const char*>(last) - bytes.data()) + 1);
}

}  // namespace

HeadRead readHead(std::string_view bytes, std::size_t maxFields, HeadFacts& facts, Headers& headers) {
  bytes = wholeLines(bytes);
  if (bytes.empty()) return {&badSyntax, 0};
  Pass pass(bytes, facts);
  const Refusal* refusal = facts.request ? pass.requestLine() : pass.statusLine();
  if (refusal == nullptr) refusal = pass.fields(maxFields, headers);
  if (refusal != nullptr) {
    headers = Headers();
    return {refusal, 0};
  }
  headers.keep(bytes.substr(0, pass.length()));
  return {nullptr, pass.length()};
}

}  // namespace spawner::http
