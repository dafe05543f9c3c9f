#include "session/commands.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "session/protocol.hpp"

namespace spawner::session {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr std::uint64_t maxMillis = 4'294'967'295'000;  // 2^32 - 1 seconds

Error invalid(std::string why) { return Error{ErrorKind::InvalidArgument, "sweep command: " + std::move(why), {}}; }

bool isMillis(const json& value) { return value.is_number_unsigned() && value.get<std::uint64_t>() <= maxMillis; }

Result<SweepCommand> idleOf(const json& document) {
  const auto used = document.find("used");
  const std::size_t known = used == document.end() ? 1 : 2;
  if (document.size() != known) return invalid("a field that is not known beside idle_at_least_ms");
  if (!isMillis(document["idle_at_least_ms"])) return invalid("idle_at_least_ms is not a number of milliseconds");
  if (known == 2 && !used->is_boolean()) return invalid("used is not a boolean");
  return SweepCommand::idle(milliseconds(document["idle_at_least_ms"].get<std::int64_t>()), known == 2 && used->get<bool>());
}

Result<SweepCommand> ageOf(const json& document) {
  const auto reason = document.find("reason");
  if (reason == document.end() || document.size() != 2) return invalid("age_at_least_ms goes with reason and nothing else");
  if (!isMillis(document["age_at_least_ms"])) return invalid("age_at_least_ms is not a number of milliseconds");
  if (!reason->is_string() || !isReasonWord(reason->get_ref<const std::string&>())) return invalid("reason is not a word");
  return SweepCommand::age(milliseconds(document["age_at_least_ms"].get<std::int64_t>()), reason->get_ref<const std::string&>());
}

}  // namespace

SweepCommand SweepCommand::idle(milliseconds atLeast, bool used) { return {Condition::Idle, atLeast, used, std::string(reasons::idle)}; }

SweepCommand SweepCommand::age(milliseconds atLeast, std::string_view reason) {
  return {Condition::Age, atLeast, false, std::string(reason)};
}

SweepCommand SweepCommand::shutdown() { return {Condition::Shutdown, milliseconds(0), false, std::string(reasons::shutdown)}; }

std::string encodeSweep(const SweepCommand& command) {
  switch (command.condition) {
    case SweepCommand::Condition::Idle:
      return fmt::format(R"({{"idle_at_least_ms":{}{}}})", command.atLeast.count(), command.used ? R"(,"used":true)" : "");
    case SweepCommand::Condition::Age:
      return fmt::format(R"({{"age_at_least_ms":{},"reason":"{}"}})", command.atLeast.count(), jsonEscape(command.reason));
    case SweepCommand::Condition::Shutdown: break;
  }
  return R"({"shutdown_requested":true})";
}

Result<SweepCommand> decodeSweep(std::string_view body) {
  if (body.size() > 1024) return invalid("longer than 1024 bytes");
  const json document = json::parse(body, nullptr, false);
  if (!document.is_object()) return invalid("not a JSON object");
  if (document.contains("idle_at_least_ms")) return idleOf(document);
  if (document.contains("age_at_least_ms")) return ageOf(document);
  if (document.size() == 1 && document.contains("shutdown_requested") && document["shutdown_requested"] == true)
    return SweepCommand::shutdown();
  return invalid("not exactly one condition that is known");
}

bool holds(const SweepCommand& command, const SidecarReport& state) {
  switch (command.condition) {
    case SweepCommand::Condition::Idle:
      return state.ready && !state.inUse() && state.idle && *state.idle >= command.atLeast && (state.used || !command.used);
    case SweepCommand::Condition::Age: return state.age >= command.atLeast;
    case SweepCommand::Condition::Shutdown: break;
  }
  return state.shutdownRequested;
}

}  // namespace spawner::session
