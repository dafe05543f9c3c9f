#pragma once
// Building paths and query strings. Pure.

#include <string>
#include <string_view>

namespace spawner::k8s {

/// Percent-encodes all but unreserved characters (RFC 3986 §2.3), and the dots of a segment that is only dots.
std::string percentEncode(std::string_view text);

/// Appends "?name=value" or "&name=value", encoded; nothing for an empty value.
void addParameter(std::string& target, std::string_view name, std::string_view value);

}  // namespace spawner::k8s
