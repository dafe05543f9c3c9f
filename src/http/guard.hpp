#pragma once
// Guard: the strict checks that a head passes before anything acts on it, because the head parser alone is too lenient for a proxy: two
// readers of one byte stream must never see different messages. Pure. TO ADD A CHECK: write a predicate and one row of the table in
// guard.cpp.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "http/message.hpp"

namespace spawner::http {

/// Why a message is refused. The texts are constants: they live for ever.
struct Refusal {
  int status = 400;
  std::string_view reason;  // one word for metrics, logs and answers ("RepeatedHost")
  std::string_view detail;  // a sentence for people
};

/// What the checks look at. Gathered while a head is read (head_pass.hpp), so that no check reads it again. Borrowed views: valid during
/// the check.
struct HeadFacts {
  bool request = true;
  std::string_view method;          // requests: of the head; responses: of the request answered
  std::string_view target;          // requests
  std::uint8_t targetBytes = 0xff;  // which classes of bytes it has (bytes.hpp); every one as long as nobody has looked
  int status = 0;                   // responses
  std::string_view reason;          // responses
  int minorVersion = 1;
  int hosts = 0, contentLengths = 0, transferEncodings = 0;  // how many lines of each
  std::string_view host, contentLength, transferEncoding;    // the last one's value
  std::optional<std::uint64_t> length;                       // the number that contentLength is
  bool hasUpgrade = false;                                   // a field Upgrade
  bool folded = false;                                       // a field goes on in a second line (RFC 9112 §5.2)
  struct {
    bool close = false, keepAlive = false, upgrade = false;  // what Connection names
    bool malformed = false;                                  // it, or Proxy-Connection, is no list of tokens, or a long one
    int options = 0;                                         // how many there are, empty ones too
  } connection;

  /// REQUIRES: called for each field, with its value trimmed. Returns which name that is.
  FieldName note(std::string_view name, std::string_view value);
  /// For targets that no head's reader has seen.
  void setTarget(std::string_view text);
  [[nodiscard]] bool upgrades() const { return hasUpgrade && connection.upgrade && minorVersion >= 1; }
  [[nodiscard]] bool keepsAlive() const { return !connection.close && (minorVersion >= 1 || connection.keepAlive); }
};

/// One row of the table: `broken` is true for a head that is refused with status, reason and detail. `source` says where the rule is from.
struct HeadRule {
  int status;
  std::string_view reason;
  std::string_view source;
  std::string_view detail;
  bool (*broken)(const HeadFacts&);
};

/// The checks in the order in which they are made.
std::span<const HeadRule> requestRules();
std::span<const HeadRule> responseRules();
/// The first rule of a request or response that is broken; nullopt for a sound head.
std::optional<Refusal> firstBroken(const HeadFacts& facts);

/// True for a "host[:port]" of RFC 3986 §3.2.2 without user information: name, IPv4 or [IPv6]. The empty text is not one.
bool isHostAndPort(std::string_view text);
/// True for a token of RFC 9110 §5.6.2 (methods, field names).
bool isToken(std::string_view text);
/// True for text that a field's value may hold: no CR, LF, NUL or other control character but tab.
bool isFieldValue(std::string_view text);

}  // namespace spawner::http
