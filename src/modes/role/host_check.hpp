#pragma once
// HostCheck: which host names a request may be for. A web page that makes its own name resolve to our address (DNS rebinding) sends its own
// name as Host, and is refused.

#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"
#include "spawner/result.hpp"

namespace spawner::role {

class HostCheck {
 public:
  /// Entries: "example.org", "127.0.0.1", "[::1]", "*.example.org" (every name below it, not itself). Without ports. InvalidArgument tells
  /// the entry.
  static Result<HostCheck> make(const std::vector<std::string>& allowed);
  HostCheck() = default;  // allows any
  /// host: as RequestHead::host() gives it, with or without a port.
  [[nodiscard]] bool allows(std::string_view host) const;

 private:
  std::vector<std::string> exact_;
  std::vector<std::string> suffixes_;  // ".example.org"
};

/// A Host field without its port, in lower case, without a final dot.
std::string hostName(std::string_view host);

}  // namespace spawner::role
