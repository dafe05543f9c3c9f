#include "modes/role/pages.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "http/router.hpp"
#include "modes/role/pages/style.hpp"
#include "modes/role/pages/waiting.hpp"
#include "spawner/names.hpp"

namespace spawner::role {

namespace {

/// A CSP source expression for an inline script or style (CSP 3 §2.3.1).
std::string hashSource(std::string_view text) {
  const auto digest = sha256(text);
  return "'sha256-" + base64Encode({reinterpret_cast<const char*>(digest.data()), digest.size()}) + "'";
}

/// The state in a user's words: a step of the waiting page's list. Ends are not in it.
std::string_view step(State state) {
  switch (state) {
    case State::Submitted: return "Requested";
    case State::Constructed: return "Prepared";
    case State::Scheduled: return "Placed on a machine";
    case State::Running: return "Started";
    case State::Ready: return "Ready";
    case State::Swept:
    case State::Failed: return {};
  }
  return {};
}

}  // namespace

bool isNavigation(const http::RequestHead& head) {
  if ((head.method != "GET" && head.method != "HEAD") || head.upgrade) return false;
  const std::string_view mode = head.headers.get("Sec-Fetch-Mode");
  if (!mode.empty() && mode != "navigate") return false;
  for (const auto& [name, value] : head.headers.fields())
    if (http::equalsIgnoreCase(name, "Accept") && toLower(value).find("text/html") != std::string::npos) return true;
  return false;
}

void setPageHeaders(http::Response& response, std::string_view script) {
  static const std::string styleSource = hashSource(pages::style);
  const std::string scriptSource = script.empty() ? "'none'" : hashSource(script);
  response.headers.set("Content-Security-Policy",
                       fmt::format("default-src 'none'; style-src {}; script-src {}; connect-src 'self'; img-src data:; base-uri 'none'; "
                                   "form-action 'none'",
                                   styleSource, scriptSource));
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("Referrer-Policy", "no-referrer");
  response.headers.set("Cache-Control", "no-store");
}

http::Response framedPage(int status, std::string_view title, std::string_view body, std::string_view script, std::string_view headExtra) {
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n<title>{}</title>\n{}<style>{}</style>\n</head>\n<body>\n{}",
      htmlEscape(title), headExtra, pages::style, body);
  if (!script.empty()) html += fmt::format("\n<script>{}</script>", script);
  html += "\n</body>\n</html>\n";
  http::Response response = http::Response::html(status, std::move(html));
  setPageHeaders(response, script);
  return response;
}

http::Response waitingPage(int status, const WaitingPage& page) {
  std::string list;
  for (const State state : allStates) {
    if (isTerminal(state)) continue;
    const bool done = page.slab != nullptr && (state == State::Submitted || page.slab->status.has(state));
    list += fmt::format("<li data-state=\"{}\"{}>{}<span></span></li>\n", toString(state), done ? " class=\"done\"" : "", step(state));
  }
  const std::string body = fmt::format(
      "<main data-stream=\"{}\" data-refresh=\"{}\" data-start=\"{}\">\n<h1>Your session is starting</h1>\n<p class=\"soft\" id=\"note\" "
      "role=\"status\">"
      "<code>{}</code> opens here as soon as it is ready.</p>\n<div class=\"bar\"></div>\n<ol>\n{}</ol>\n</main>",
      htmlEscape(page.streamUrl), page.refreshSeconds, htmlEscape(page.startUrl), htmlEscape(page.name), list);
  const std::string refresh = fmt::format("<noscript><meta http-equiv=\"refresh\" content=\"{}\"></noscript>\n", page.refreshSeconds);
  http::Response response = framedPage(status, "Your session is starting", body, pages::waitingScript, refresh);
  response.headers.set("Retry-After", std::to_string(page.refreshSeconds));
  return response;
}

http::Response messagePage(int status, const MessagePage& page) {
  std::string body = fmt::format("<main class=\"ended\">\n<h1>{}</h1>\n<p>{}</p>\n", htmlEscape(page.title), htmlEscape(page.detail));
  if (!page.startUrl.empty()) body += fmt::format("<p><a href=\"{}\">To the start page</a></p>\n", htmlEscape(page.startUrl));
  body += fmt::format("<p><small>{}{}{}</small></p>\n</main>", status, page.reason.empty() ? "" : " · ", htmlEscape(page.reason));
  return framedPage(status, page.title, body, {});
}

http::Response refusal(const http::RequestHead& head, int status, std::string_view reason, std::string_view title, std::string_view detail,
                       std::string_view startUrl) {
  http::Response response =
      isNavigation(head)
          ? messagePage(status, MessagePage{std::string(title), std::string(detail), std::string(reason), std::string(startUrl)})
          : http::problem(status, reason, detail);
  // A reason may come from an object's status: only a word becomes a field.
  const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (!reason.empty() && std::ranges::all_of(reason, letter)) response.headers.set(names::reasonHeader, std::string(reason));
  return response;
}

}  // namespace spawner::role
