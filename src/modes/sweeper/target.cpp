#include "modes/sweeper/target.hpp"

#include <optional>

#include "base/text.hpp"
#include "spawner/names.hpp"

namespace spawner::sweeper {
namespace {

Error cannotFollow(const PodView& pod, std::string_view why) {
  return Error{ErrorKind::InvalidArgument, "pod " + pod.meta.key() + " cannot be followed: " + std::string(why), std::nullopt};
}

std::string annotation(const PodView& pod, std::string_view name) {
  const auto it = pod.meta.annotations.find(std::string(name));
  return it == pod.meta.annotations.end() ? std::string() : it->second;
}

/// Nothing when it is absent; nothing and a complaint when it is no number in 0...max.
std::optional<std::uint64_t> number(const PodView& pod, std::string_view name, std::uint64_t max, Target& target) {
  const std::string text = annotation(pod, name);
  if (text.empty()) return std::nullopt;
  const auto value = parseUnsigned(text, max);
  if (!value) target.complaints.push_back(std::string(name) + "=" + text);
  return value;
}

Target::Phase phaseOf(const PodView& pod) {
  if (pod.phase == "Running") return Target::Phase::Running;
  if (pod.phase == "Succeeded" || pod.phase == "Failed") return Target::Phase::Over;
  return Target::Phase::Starting;
}

}  // namespace

std::string Target::authority() const {
  const bool v6 = pod.podIp.find(':') != std::string::npos;
  return (v6 ? "[" + pod.podIp + "]" : pod.podIp) + ":" + std::to_string(adminPort);
}

Result<Target> targetOf(const PodView& pod) {
  Target target;
  target.ns = pod.meta.ns;
  target.slabName = pod.meta.ownerName;
  target.pod = {annotation(pod, names::slabUidAnnotation), pod.meta.name, pod.meta.uid, pod.podIp, pod.nodeName};
  if (target.pod.slabUid.empty()) return cannotFollow(pod, "it has no annotation " + std::string(names::slabUidAnnotation));
  if (target.slabName.empty()) return cannotFollow(pod, "it has no owner");
  if (target.pod.podUid.empty()) return cannotFollow(pod, "it has no uid");

  constexpr std::uint64_t maxSeconds = UINT32_MAX;
  target.adminPort = static_cast<std::uint16_t>(number(pod, names::adminPortAnnotation, UINT16_MAX, target).value_or(names::adminPort));
  target.limits.grace = std::chrono::seconds(number(pod, names::graceAnnotation, maxSeconds, target).value_or(names::defaultGraceSeconds));
  if (const auto lifetime = number(pod, names::maxLifetimeAnnotation, maxSeconds, target))
    target.limits.maxLifetime = std::chrono::seconds(*lifetime);
  target.limits.startupTimeout =
      std::chrono::seconds(number(pod, names::startupTimeoutAnnotation, maxSeconds, target).value_or(names::defaultStartupTimeoutSeconds));
  target.serviceCheck = !annotation(pod, names::clusterIpAnnotation).empty();
  target.phase = phaseOf(pod);
  target.deleting = pod.meta.deleting;
  target.portMessage = pod.portMessage;
  return target;
}

}  // namespace spawner::sweeper
