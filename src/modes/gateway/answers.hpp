#pragma once
// Answers: what the gateway says itself: HTML for a browser's navigation, problem+json for others. Pure.

#include <string>

#include "http/message.hpp"
#include "modes/gateway/options.hpp"
#include "modes/gateway/route.hpp"
#include "proxy/proxy.hpp"
#include "spawner/backend.hpp"

namespace spawner::gateway {

/// The built-in page at /: with a button where there is an image to spawn.
http::Response landing(const Options& options);
/// 308 within this server.
http::Response redirect(const std::string& location);
/// Where pages about a session that is no more lead on to: the landing page, where there is one and the request came by path; else empty.
std::string startUrl(const Options& options, const Route& route);
/// 404: no such session, or no such page.
http::Response unknown(const http::RequestHead& head, const Route& route, const std::string& startUrl);
/// 421: the host name is not ours.
http::Response wrongHost(const http::RequestHead& head);
/// 503: the session is not Ready; the page for browsers waits. slab may be null.
http::Response starting(const http::RequestHead& head, const Route& route, const Slab* slab, bool hasApi, const std::string& startUrl);
/// 503 with Retry-After.
http::Response busy(const http::RequestHead& head, std::string_view reason, std::string_view detail);
/// An answer that the sidecar made instead of the application (names::reasonHeader), which the gateway puts into its own form.
struct SidecarAnswer {
  int status = 0;  // 0: there was none
  std::string reason;
};
/// A Ready session whose application gave no answer: what the sidecar says; else 503 when nobody listens there (it is ending, or its
/// sidecar starts again), 504 after a time-out, 502 for a broken answer.
http::Response unreachable(const http::RequestHead& head, const SidecarAnswer& sidecar, const proxy::Failure& failure);
/// The API gave no answer.
http::Response apiUnreachable(const http::RequestHead& head, const proxy::Failure& failure);

}  // namespace spawner::gateway
