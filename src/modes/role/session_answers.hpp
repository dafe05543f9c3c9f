#pragma once
// What API and gateway both answer about a session that is not there: a page for a browser's navigation, problem+json for others. Pure.

#include <string>
#include <string_view>

#include "http/message.hpp"
#include "spawner/backend.hpp"

namespace spawner::role {

/// 404: no session has this name. startUrl: where the page leads on to; may be empty.
http::Response noSuchSession(const http::RequestHead& head, const std::string& name, std::string_view startUrl = {});
/// 410 with the reason of its end.
http::Response sessionEnded(const http::RequestHead& head, const Slab& slab, std::string_view startUrl = {});

}  // namespace spawner::role
