#pragma once
// From a Kubernetes Status (API conventions, "Response Status Kind") to an Error: the only such table. Pure.

#include <optional>
#include <string_view>

#include "spawner/result.hpp"

namespace spawner::k8s {

/// `code`: the HTTP status, or a Status's own code (an ERROR event of a watch). `body`: the Status as JSON, or anything else, which is then
/// quoted in short. `retryAfter`: the header's, if there was one; details.retryAfterSeconds is the fallback.
Error statusError(int code, std::string_view body, std::optional<Duration> retryAfter, std::string_view what);

/// Retry-After in seconds (RFC 9110 §10.2.3); a date is ignored, since it would compare two machines' clocks.
std::optional<Duration> parseRetryAfter(std::string_view value);

}  // namespace spawner::k8s
