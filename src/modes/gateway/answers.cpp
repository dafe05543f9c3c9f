#include "modes/gateway/answers.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "http/router.hpp"
#include "modes/gateway/pages/landing.hpp"
#include "modes/role/host_check.hpp"
#include "modes/role/pages.hpp"
#include "modes/role/session_answers.hpp"

namespace spawner::gateway {

namespace {

using proxy::FailureKind;

bool timedOut(const proxy::Failure& failure) {
  return failure.kind == FailureKind::ConnectTimeout || failure.kind == FailureKind::HeadTimeout || failure.kind == FailureKind::Stalled;
}

http::Response retryAfter(http::Response response, int seconds) {
  response.headers.set("Retry-After", std::to_string(seconds));
  return response;
}

}  // namespace

http::Response landing(const Options& options) {
  if (options.landingImage.empty()) {
    const std::string api = options.apiUpstream.empty() ? "" : "<p>What runs: <a href=\"/api/backends\">/api/backends</a></p>\n";
    return role::framedPage(
        200, "Spawner",
        "<main>\n<h1>Spawner</h1>\n<p class=\"soft\">Sessions are at <code>/p/&lt;name&gt;/</code>.</p>\n" + api + "</main>", {});
  }
  const std::string body = fmt::format(
      "<main data-image=\"{}\">\n<h1>Spawner</h1>\n<p class=\"soft\">A session starts in a moment, and ends when nobody has used it for a "
      "while.</p>\n<button type=\"button\">{}</button>\n<p id=\"note\" role=\"status\"></p>\n"
      "<noscript><p>The button needs JavaScript.</p></noscript>\n<p><small><a href=\"/api/backends\">What runs "
      "now (JSON)</a></small></p>\n</main>",
      htmlEscape(options.landingImage), htmlEscape(options.landingTitle));
  return role::framedPage(200, options.landingTitle, body, pages::landingScript);
}

http::Response redirect(const std::string& location) {
  http::Response response{308, {}, {}};
  response.headers.set("Location", location);
  return response;
}

std::string startUrl(const Options& options, const Route& route) {
  const bool byPath = !route.prefix.empty() || route.name.empty();
  return byPath && (!options.landingImage.empty() || !options.landingPage.empty()) ? "/" : "";
}

http::Response unknown(const http::RequestHead& head, const Route& route, const std::string& startUrl) {
  if (route.name.empty())
    return role::refusal(head, 404, "NotFound", "There is nothing here", "This address is not known to Spawner.", startUrl);
  return role::noSuchSession(head, route.name, startUrl);
}

http::Response wrongHost(const http::RequestHead& head) {
  return role::refusal(head, 421, "HostNotAllowed", "This name is not served here",
                       "This server does not answer for the host name \"" + role::hostName(head.host()) +
                           "\". Its operator can allow it: --allowed-hosts; of spawner dev, --allow-host.");
}

http::Response starting(const http::RequestHead& head, const Route& route, const Slab* slab, bool hasApi, const std::string& startUrl) {
  if (role::isNavigation(head))
    return role::waitingPage(503, role::WaitingPage{route.name, hasApi ? statusStreamPath(route.name) : std::string(), slab, 3, startUrl});
  const std::string state(slab != nullptr ? toString(slab->state()) : "not known yet");
  return retryAfter(http::problem(503, "NotReady", "the session is not ready yet: its state is " + state), 1);
}

http::Response busy(const http::RequestHead& head, std::string_view reason, std::string_view detail) {
  return retryAfter(role::refusal(head, 503, reason, "Too busy at the moment", detail), 1);
}

namespace {

/// What a sidecar's reason means to who looks at the page. Reasons: proxy::toString(FailureKind) and src/modes/sidecar/data_plane.cpp.
std::string meaning(std::string_view reason) {
  struct Row {
    std::string_view reason, text;
  };
  static constexpr Row rows[] = {
      {"UpstreamUnreachable", "The application takes no connections: it has ended, or starts anew."},
      {"UpstreamConnectTimeout", "The application did not take the connection in time."},
      {"UpstreamClosed", "The application closed the connection before it had answered."},
      {"UpstreamTimeout", "The application did not answer in time."},
      {"UpstreamStalled", "The application took no byte of the request, and sent none, for too long."},
      {"UpstreamBadAnswer",
       "The application's answer is not sound HTTP. What is wrong with it stands in the log of the container spawner-sidecar."},
      {"UpgradeUnsupported", "The application is spoken to by HTTP/2, which has no Upgrade (WebSockets)."},
      {"NotReady", "The application does not listen yet."},
      {"Draining", "The session is being ended."},
      {"OtherPod", "The session's address is another session's by now."},
      {"TooManyTunnels", "The session has too many upgraded connections (WebSockets) already."},
      {"NoDescriptors", "The session has too many connections already."},
  };
  for (const Row& row : rows)
    if (row.reason == reason) return std::string(row.text);
  return "The session refused the request: " + std::string(reason) + ".";
}

}  // namespace

http::Response unreachable(const http::RequestHead& head, const SidecarAnswer& sidecar, const proxy::Failure& failure) {
  const bool told = sidecar.status != 0;
  const int status = told                                                                                       ? sidecar.status
                     : failure.kind == FailureKind::ConnectFailed || failure.kind == FailureKind::NoDescriptors ? 503
                     : timedOut(failure)                                                                        ? 504
                                                                                                                : 502;
  const std::string detail = told ? meaning(sidecar.reason) : "The session is there, but did not answer this request: " + failure.detail;
  http::Response response =
      role::refusal(head, status, told ? sidecar.reason : proxy::toString(failure.kind), "The session gives no answer", detail);
  return status == 503 ? retryAfter(std::move(response), 1) : response;
}

http::Response apiUnreachable(const http::RequestHead& head, const proxy::Failure& failure) {
  return retryAfter(role::refusal(head, timedOut(failure) ? 504 : 502, "ApiUnreachable", "The API gives no answer",
                                  "Spawner's API did not answer this request: " + failure.detail),
                    1);
}

}  // namespace spawner::gateway
