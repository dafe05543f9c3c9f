#include "modes/role/session_answers.hpp"

#include "modes/role/pages.hpp"
#include "modes/role/sessions.hpp"

namespace spawner::role {

http::Response noSuchSession(const http::RequestHead& head, const std::string& name, std::string_view startUrl) {
  return refusal(head, 404, "NotFound", "There is no such session",
                 "No session is called \"" + name + "\". It may have ended some time ago.", startUrl);
}

http::Response sessionEnded(const http::RequestHead& head, const Slab& slab, std::string_view startUrl) {
  const EndInfo end = endOf(slab);
  const bool failed = slab.state() == State::Failed;
  return refusal(head, 410, end.reason, failed ? "The session failed" : "The session has ended", end.message, startUrl);
}

}  // namespace spawner::role
