#pragma once
// SidecarReport as JSON: the data of an event on GET /_events, and the body of a sweep's answer. The original's three fields mean and look
// what they did; ours are added: v, pod_uid, idle_ms, age_ms, used, busy, swept, shutdown_requested, waiting_requests.
//   {"ready":false,...}   {"ready":true,"live_connections":2,...}   {"ready":true,"seconds_since_active":17,...}

#include <string>
#include <string_view>

#include "spawner/report.hpp"
#include "spawner/result.hpp"

namespace spawner::session {

inline constexpr int protocolVersion = 1;
inline constexpr std::string_view eventsPath = "/_events";
inline constexpr std::string_view sweepPath = "/_sweep";
inline constexpr std::string_view drainPath = "/_drain";
inline constexpr std::string_view holdPath = "/_hold";

/// A word that ends a session: [A-Za-z][A-Za-z0-9]{0,62}.
bool isReasonWord(std::string_view text);

/// One line of JSON without a line break.
std::string encodeReport(const SidecarReport& report);
/// Unknown fields are skipped; a known field of the wrong type or range, a missing `ready`, or a contradiction (idle and in use) is
/// Protocol. The original's reports have no `v`: version 0, podUid empty, idle in whole seconds.
Result<SidecarReport> decodeReport(std::string_view json);

}  // namespace spawner::session
