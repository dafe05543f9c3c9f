#include "session/protocol.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace spawner::session {
namespace {

using nlohmann::json;

constexpr std::size_t maxReportBytes = 16 * 1024;
/// 2^32 - 1 seconds, the longest grace period there is: sums of such durations stay far inside 64 bits of nanoseconds.
constexpr std::uint64_t maxMillis = 4'294'967'295'000;

bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Takes the known fields of one object; remembers the first that is wrong.
class Fields {
 public:
  explicit Fields(const json& object) : object_(object) {}

  bool boolean(const char* name, bool fallback) {
    const json* field = find(name);
    if (field == nullptr) return fallback;
    if (!field->is_boolean()) return wrong(name, "a boolean"), fallback;
    return field->get<bool>();
  }
  std::optional<std::uint64_t> number(const char* name, std::uint64_t max) {
    const json* field = find(name);
    if (field == nullptr) return std::nullopt;
    if (!field->is_number_unsigned() || field->get<std::uint64_t>() > max)
      return wrong(name, fmt::format("an integer in 0...{}", max)), std::nullopt;
    return field->get<std::uint64_t>();
  }
  std::string text(const char* name) {
    const json* field = find(name);
    if (field == nullptr) return {};
    if (!field->is_string()) return wrong(name, "a string"), std::string();
    return field->get<std::string>();
  }
  const json* find(const char* name) const {
    const auto it = object_.find(name);
    return it == object_.end() ? nullptr : &*it;
  }
  void wrong(const char* name, std::string_view expected) {
    if (problem_.empty()) problem_ = fmt::format("field {} is not {}", name, expected);
  }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  const json& object_;
  std::string problem_;
};

std::optional<std::string> sweptOf(Fields& fields) {
  const json* swept = fields.find("swept");
  if (swept == nullptr) return std::nullopt;
  if (swept->is_object()) {
    const auto reason = swept->find("reason");
    if (reason != swept->end() && reason->is_string() && isReasonWord(reason->get_ref<const std::string&>()))
      return reason->get<std::string>();
  }
  fields.wrong("swept", "an object with a reason that is a word");
  return std::nullopt;
}

Error malformed(std::string_view why) { return Error{ErrorKind::Protocol, fmt::format("sidecar report: {}", why), {}}; }

}  // namespace

bool isReasonWord(std::string_view text) {
  return !text.empty() && text.size() <= 63 && isLetter(text.front()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return isLetter(c) || (c >= '0' && c <= '9'); });
}

std::string encodeReport(const SidecarReport& report) {
  std::string out = fmt::format(R"({{"ready":{})", report.ready);
  if (report.ready && report.inUse()) out += fmt::format(R"(,"live_connections":{})", report.liveConnections);
  if (!report.ready && report.liveConnections > 0) out += fmt::format(R"(,"waiting_requests":{})", report.liveConnections);
  if (report.ready && report.idle) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*report.idle);
    out += fmt::format(R"(,"seconds_since_active":{},"idle_ms":{})", seconds.count(), report.idle->count());
  }
  out += fmt::format(R"(,"v":{},"pod_uid":"{}","age_ms":{})", report.version, jsonEscape(report.podUid), report.age.count());
  if (report.used) out += R"(,"used":true)";
  if (report.busy) out += R"(,"busy":true)";
  if (report.shutdownRequested) out += R"(,"shutdown_requested":true)";
  if (report.sweptReason) out += fmt::format(R"(,"swept":{{"reason":"{}"}})", jsonEscape(*report.sweptReason));
  return out += "}";
}

Result<SidecarReport> decodeReport(std::string_view text) {
  if (text.size() > maxReportBytes) return malformed(fmt::format("{} bytes, at most {}", text.size(), maxReportBytes));
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object()) return malformed("not a JSON object");
  Fields fields(document);
  SidecarReport report;
  if (fields.find("ready") == nullptr) return malformed("no field ready");
  report.ready = fields.boolean("ready", false);
  report.version = static_cast<int>(fields.number("v", std::numeric_limits<int>::max()).value_or(0));
  report.podUid = fields.text("pod_uid");
  if (report.version > 0 && report.podUid.empty()) fields.wrong("pod_uid", "there");
  const char* liveField = report.ready ? "live_connections" : "waiting_requests";
  report.liveConnections = static_cast<std::uint32_t>(fields.number(liveField, std::numeric_limits<std::uint32_t>::max()).value_or(0));
  report.busy = fields.boolean("busy", false);
  report.used = fields.boolean("used", false);
  const auto seconds = fields.number("seconds_since_active", maxMillis / 1000);
  const auto millis = fields.number("idle_ms", maxMillis);
  if (millis || seconds) report.idle = std::chrono::milliseconds(millis ? *millis : *seconds * 1000);
  report.age = std::chrono::milliseconds(fields.number("age_ms", maxMillis).value_or(0));
  report.shutdownRequested = fields.boolean("shutdown_requested", false);
  report.sweptReason = sweptOf(fields);
  if (report.idle && (report.inUse() || !report.ready)) fields.wrong("seconds_since_active", "possible while in use or not ready");
  if (!fields.problem().empty()) return malformed(fields.problem());
  return report;
}

}  // namespace spawner::session
