// The HTML of API and gateway: who gets it, and that nothing in it can be made to run.
#include "modes/role/pages.hpp"

#include <catch2/catch.hpp>
#include <regex>
#include <string>

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "spawner/names.hpp"

using namespace spawner;

namespace {

http::RequestHead request(const std::string& method, std::initializer_list<http::Headers::Field> fields) {
  http::RequestHead head;
  head.method = method;
  head.target = "/";
  for (const auto& [name, value] : fields) head.headers.add(name, value);
  return head;
}

/// The text between the only <tag> and </tag>.
std::string inside(const std::string& html, const std::string& tag) {
  const std::size_t begin = html.find("<" + tag + ">") + tag.size() + 2;
  const std::size_t end = html.find("</" + tag + ">");
  REQUIRE(html.find("<" + tag + ">") != std::string::npos);
  REQUIRE(html.find("<" + tag, begin) == std::string::npos);
  return html.substr(begin, end - begin);
}

std::string source(const std::string& text) {
  const auto digest = sha256(text);
  return "'sha256-" + base64Encode({reinterpret_cast<const char*>(digest.data()), digest.size()}) + "'";
}

}  // namespace

TEST_CASE("pages: a navigation is a GET or HEAD that takes HTML and is no script's request") {
  CHECK(role::isNavigation(request("GET", {{"Accept", "text/html,*/*;q=0.8"}})));
  CHECK(role::isNavigation(request("HEAD", {{"accept", "TEXT/HTML"}})));
  CHECK(role::isNavigation(request("GET", {{"Accept", "text/html"}, {"Sec-Fetch-Mode", "navigate"}})));
  CHECK_FALSE(role::isNavigation(request("GET", {{"Accept", "text/html"}, {"Sec-Fetch-Mode", "cors"}})));
  CHECK_FALSE(role::isNavigation(request("GET", {{"Accept", "*/*"}})));
  CHECK_FALSE(role::isNavigation(request("GET", {})));
  CHECK_FALSE(role::isNavigation(request("POST", {{"Accept", "text/html"}})));
  http::RequestHead upgrade = request("GET", {{"Accept", "text/html"}});
  upgrade.upgrade = true;
  CHECK_FALSE(role::isNavigation(upgrade));
}

TEST_CASE("pages: the policy allows the page's own script and style, by hash, and nothing else") {
  Slab slab;
  const http::Response page = role::waitingPage(503, role::WaitingPage{"x", "/api/backend/x/status/stream", &slab, 3, {}});
  const std::string policy(page.headers.get("Content-Security-Policy"));
  CHECK(policy.find("default-src 'none'") != std::string::npos);
  CHECK(policy.find("script-src " + source(inside(page.body, "script"))) != std::string::npos);
  CHECK(policy.find("style-src " + source(inside(page.body, "style"))) != std::string::npos);
  CHECK(policy.find("unsafe") == std::string::npos);
  CHECK(page.headers.get("X-Content-Type-Options") == "nosniff");
  CHECK(page.headers.get("Cache-Control") == "no-store");
  CHECK_FALSE(std::regex_search(page.body, std::regex(R"(\son[a-z]+=)")));  // no inline event handler
}

TEST_CASE("pages: whatever comes from outside is text") {
  const std::string nasty = "\"><script>alert(1)</script>'&";
  Slab slab;
  for (const http::Response& page : {role::waitingPage(503, role::WaitingPage{nasty, nasty, &slab, 3, nasty}),
                                     role::messagePage(410, role::MessagePage{nasty, nasty, nasty, nasty})}) {
    CHECK(page.body.find("alert(1)</script>") == std::string::npos);
    CHECK(page.body.find("\"><script>") == std::string::npos);
  }
}

TEST_CASE("pages: the waiting page ticks off what is known and works without JavaScript") {
  Slab slab;
  slab.status.reached[static_cast<std::size_t>(State::Constructed)] = true;
  const http::Response page = role::waitingPage(503, role::WaitingPage{"x", "", &slab, 7, {}});
  CHECK(page.status == 503);
  CHECK(page.headers.get("Retry-After") == "7");
  CHECK(page.body.find("<noscript><meta http-equiv=\"refresh\" content=\"7\"></noscript>") != std::string::npos);
  CHECK(page.body.find("data-state=\"Constructed\" class=\"done\"") != std::string::npos);
  CHECK(page.body.find("data-state=\"Running\">") != std::string::npos);
}

TEST_CASE("pages: a refusal is HTML for browsers, problem+json for others, with the reason in a field if it is a word") {
  const http::Response html = role::refusal(request("GET", {{"Accept", "text/html"}}), 410, "Idle", "Ended", "It was idle.");
  CHECK(html.status == 410);
  CHECK(html.headers.get("Content-Type").substr(0, 9) == "text/html");
  CHECK(html.body.find("It was idle.") != std::string::npos);
  CHECK(html.headers.get(names::reasonHeader) == "Idle");
  const http::Response json = role::refusal(request("GET", {}), 410, "Idle", "Ended", "It was idle.");
  CHECK(json.headers.get("Content-Type") == "application/problem+json");
  CHECK_FALSE(role::refusal(request("GET", {}), 410, "a\r\nb", "Ended", "x").headers.has(names::reasonHeader));
}
