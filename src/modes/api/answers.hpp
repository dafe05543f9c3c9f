#pragma once
// Answers: what the API says: URLs, a session as JSON, errors of Kubernetes as answers. Pure.

#include <string>

#include "http/message.hpp"
#include "modes/api/options.hpp"
#include "spawner/backend.hpp"
#include "spawner/result.hpp"

namespace spawner::api {

/// Empty without the option that it needs.
std::string sessionUrl(const Options& options, const std::string& name);
std::string readyUrl(const Options& options, const std::string& name);
std::string statusUrl(const Options& options, const std::string& name);

/// {"url":…,"name":…,"readyUrl":…,"statusUrl":…} (the original's, byte for byte): null where there is no URL.
std::string spawnJson(const Options& options, const std::string& name);
/// An item of GET /backends.
std::string summaryJson(const Options& options, const std::string& name, const Slab& slab);
/// GET /backend/{name}: the summary, and all that is known besides.
std::string detailJson(const Options& options, const std::string& name, const Slab& slab);

/// A failed call to Kubernetes as the answer to a client. what: "the session could not be made".
http::Response kubeProblem(const Error& error, const std::string& what);
/// 503 with Retry-After (whole seconds, at least one).
http::Response busy(std::string_view reason, std::string_view detail, Duration retryAfter = std::chrono::seconds(1));

}  // namespace spawner::api
