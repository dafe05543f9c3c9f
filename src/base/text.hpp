#pragma once
// Small text tools: splitting, trimming, numbers, RFC 3339, base64.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spawner/result.hpp"
#include "spawner/time.hpp"

namespace spawner {

std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);  // spaces and tabs
std::string toLower(std::string_view ascii);
/// The whole text as a decimal number within [0, max]; nullopt for anything else (signs, spaces, overflow).
std::optional<std::uint64_t> parseUnsigned(std::string_view text, std::uint64_t max = UINT64_MAX);

/// "2026-01-02T03:04:05.678901Z": always six digits and Z (Kubernetes' MicroTime).
std::string toRfc3339Micro(WallTime time);
/// "2026-01-02T03:04:05Z" (Kubernetes' Time).
std::string toRfc3339(WallTime time);
/// RFC 3339 with any fraction and any offset.
std::optional<WallTime> parseRfc3339(std::string_view text);

std::string base64Encode(std::string_view bytes);
std::string base64UrlEncode(std::string_view bytes);                // no padding (RFC 4648 §5)
std::optional<std::string> base64Decode(std::string_view text);     // strict, with padding
std::optional<std::string> base64UrlDecode(std::string_view text);  // strict, without padding

/// True for a DNS-1035 label of at most 63 characters: [a-z]([-a-z0-9]*[a-z0-9])?
bool isDns1035Label(std::string_view name);
/// JSON string escaping, without the quotes. Invalid UTF-8 becomes U+FFFD.
std::string jsonEscape(std::string_view text);
/// HTML text escaping of & < > " '.
std::string htmlEscape(std::string_view text);

}  // namespace spawner
