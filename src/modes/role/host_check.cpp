#include "modes/role/host_check.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace spawner::role {

std::string hostName(std::string_view host) {
  const std::size_t bracket = host.starts_with('[') ? host.find(']') : std::string_view::npos;
  if (bracket != std::string_view::npos) {
    host = host.substr(0, bracket + 1);
  } else if (const std::size_t colon = host.find(':'); colon != std::string_view::npos) {
    host = host.substr(0, colon);
  }
  if (host.ends_with('.')) host.remove_suffix(1);
  return toLower(host);
}

Result<HostCheck> HostCheck::make(const std::vector<std::string>& allowed) {
  HostCheck check;
  for (const std::string& entry : allowed) {
    const bool below = entry.starts_with("*.");
    const std::string name = below ? entry.substr(2) : entry;
    const bool bracketed = name.size() > 2 && name.starts_with('[') && name.ends_with(']');
    if (name.empty() || name.find_first_of("*/@ ") != std::string::npos || (!bracketed && name.find(':') != std::string::npos))
      return Error{ErrorKind::InvalidArgument, "allowed host \"" + entry + "\" is not a host name (no port; \"*.\" only in front)",
                   std::nullopt};
    if (below)
      check.suffixes_.push_back("." + hostName(name));
    else
      check.exact_.push_back(hostName(name));
  }
  return check;
}

bool HostCheck::allows(std::string_view host) const {
  if (exact_.empty() && suffixes_.empty()) return true;
  const std::string name = hostName(host);
  return std::ranges::find(exact_, name) != exact_.end() ||
         std::ranges::any_of(suffixes_, [&](const std::string& suffix) { return name.size() > suffix.size() && name.ends_with(suffix); });
}

}  // namespace spawner::role
