#include "k8s/lease.hpp"

#include <limits>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace spawner::k8s {
namespace {

using nlohmann::json;

// The fields are int32 in the API.
constexpr std::int64_t maxInt32 = std::numeric_limits<std::int32_t>::max();

json objectAt(const json& parent, const char* name) {
  const auto it = parent.find(name);
  return it != parent.end() && it->is_object() ? *it : json::object();
}

std::string textAt(const json& parent, const char* name) {
  const auto it = parent.find(name);
  return it != parent.end() && it->is_string() ? it->get<std::string>() : std::string();
}

/// The whole number in [least, most]; 0 for anything else.
std::int64_t numberAt(const json& parent, const char* name, std::int64_t least, std::int64_t most) {
  const auto it = parent.find(name);
  if (it == parent.end() || !it->is_number_integer()) return 0;
  if (it->is_number_unsigned() && it->get<std::uint64_t>() > static_cast<std::uint64_t>(most)) return 0;
  const auto number = it->get<std::int64_t>();
  return number < least || number > most ? 0 : number;
}

std::string text(const json& object) { return object.dump(-1, ' ', false, json::error_handler_t::replace); }

/// The object of `before` with a spec that `change` edited. REQUIRES: before is of decodeLease().
template <class Change>
std::string edited(const Lease& before, Change change) {
  json object = json::parse(before.json, nullptr, /*allow_exceptions=*/false);
  json spec = objectAt(object, "spec");
  change(spec);
  object["spec"] = std::move(spec);
  return text(object);
}

}  // namespace

Result<Lease> decodeLease(std::string_view text) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto bad = [](const char* why) { return Error{ErrorKind::Protocol, std::string("a Lease ") + why, {}}; };
  if (!object.is_object()) return bad("is not a JSON object");
  Lease lease;
  lease.resourceVersion = textAt(objectAt(object, "metadata"), "resourceVersion");
  if (lease.resourceVersion.empty()) return bad("has no metadata.resourceVersion");
  const json spec = objectAt(object, "spec");
  lease.holder = textAt(spec, "holderIdentity");
  lease.duration = std::chrono::seconds(numberAt(spec, "leaseDurationSeconds", 1, maxInt32));
  lease.transitions = numberAt(spec, "leaseTransitions", 0, maxInt32);
  lease.json = text;
  return lease;
}

std::string newLease(std::string_view ns, std::string_view name, std::string_view holder, std::chrono::seconds duration, WallTime now) {
  return text({{"apiVersion", "coordination.k8s.io/v1"},
               {"kind", "Lease"},
               {"metadata", {{"name", name}, {"namespace", ns}}},
               {"spec",
                {{"holderIdentity", holder},
                 {"leaseDurationSeconds", duration.count()},
                 {"acquireTime", toRfc3339Micro(now)},
                 {"renewTime", toRfc3339Micro(now)},
                 {"leaseTransitions", 0}}}});
}

std::string heldLease(const Lease& before, std::string_view holder, std::chrono::seconds duration, WallTime now) {
  return edited(before, [&](json& spec) {
    const bool taken = before.holder != holder;
    spec["holderIdentity"] = holder;
    spec["leaseDurationSeconds"] = duration.count();
    if (taken || textAt(spec, "acquireTime").empty()) spec["acquireTime"] = toRfc3339Micro(now);
    spec["renewTime"] = toRfc3339Micro(now);
    // At the end of its range it begins anew: a Lease that cannot be written would stop everything.
    spec["leaseTransitions"] = !taken ? before.transitions : before.transitions == maxInt32 ? 0 : before.transitions + 1;
  });
}

std::string releasedLease(const Lease& before, WallTime now) {
  return edited(before, [&](json& spec) {
    spec.erase("holderIdentity");
    spec["leaseDurationSeconds"] = 1;
    spec["acquireTime"] = toRfc3339Micro(now);
    spec["renewTime"] = toRfc3339Micro(now);
    spec["leaseTransitions"] = before.transitions;
  });
}

}  // namespace spawner::k8s
