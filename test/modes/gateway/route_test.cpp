// Where requests go, from their heads alone.
#include "modes/gateway/route.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace spawner;
using gateway::Route;

namespace {

Route routeOf(const std::string& target, const std::string& host = "gateway.test") {
  http::RequestHead head;
  head.method = "GET";
  head.target = target;
  head.headers.add("Host", host);
  return gateway::routeOf(head, {"sessions.test", "localhost"});
}

}  // namespace

TEST_CASE("route: a session by path, its prefix removed and the rest as it came") {
  struct Case {
    std::string target, name, rest;
  };
  const std::vector<Case> cases = {
      {"/p/x/", "x", "/"},
      {"/p/x/a/b?c=d", "x", "/a/b?c=d"},
      {"/p/x//a%2Fb?c", "x", "//a%2Fb?c"},
      {"/p/x/?", "x", "/?"},
      {"/p/x/../y/", "x", "/../y/"},
      {"/p/x/%2e%2e/%2E./y", "x", "/%2e%2e/%2E./y"},
      {"/p/x/..;/y", "x", "/..;/y"},
      {"/p/x/p/y/", "x", "/p/y/"},
      {"/p/0-a/x", "0-a", "/x"},
      {"/p/x/a?b?c#d", "x", "/a?b?c#d"},
      {"/p/x/a?to=/p/y/", "x", "/a?to=/p/y/"},
      {"http://gateway.test/p/x/a?b", "x", "/a?b"},
      {"http://gateway.test/p/x/http://y/z", "x", "/http://y/z"},
  };
  for (const auto& [target, name, rest] : cases) {
    const Route route = routeOf(target);
    INFO(target);
    CHECK(route.kind == Route::Kind::Session);
    CHECK(route.name == name);
    CHECK(route.target == rest);
    CHECK(route.prefix == "/p/" + name);
  }
}

TEST_CASE("route: what is no name is nothing") {
  for (const char* target : {"/p/", "/p//x", "/p/../api/spawn", "/p/%78/", "/p/x%2Fy/", "/p/X/", "/p/x.y/", "/p/x?/", "/P/x/", "/px/",
                             "//p/x/", "/./p/x/", "/p/x:80/", "/nothing", "*", "/p/x\\y/"}) {
    const Route route = routeOf(target);
    INFO(target);
    CHECK((route.kind == Route::Kind::Unknown || std::string(target) == "/p/x?/"));
    CHECK((route.kind != Route::Kind::Session));
  }
}

TEST_CASE("route: without its slash a session's path is redirected, with the query") {
  CHECK(routeOf("/p/x").target == "/p/x/");
  CHECK(routeOf("/p/x").kind == Route::Kind::Redirect);
  CHECK(routeOf("/p/x?a=/b").target == "/p/x/?a=/b");
  CHECK(routeOf("http://evil.test/p/x").target == "/p/x/");
  CHECK(routeOf("/api").target == "/api/");
}

TEST_CASE("route: the API and the landing page") {
  CHECK(routeOf("/api/spawn").kind == Route::Kind::Api);
  CHECK(routeOf("/api/spawn?fieldValidation=Strict").target == "/spawn?fieldValidation=Strict");
  CHECK(routeOf("/api/").target == "/");
  CHECK(routeOf("/apix").kind == Route::Kind::Unknown);
  CHECK(routeOf("/").kind == Route::Kind::Landing);
  CHECK(routeOf("/?a").kind == Route::Kind::Landing);
  CHECK(routeOf("http://gateway.test").kind == Route::Kind::Landing);
}

TEST_CASE("route: a session by host has all paths, /p/ and /api/ too") {
  for (const char* target : {"/", "/p/y/", "/api/spawn", "//a%2Fb?c", "*"}) {
    const Route route = routeOf(target, "x.sessions.test:8080");
    CHECK(route.kind == Route::Kind::Session);
    CHECK(route.name == "x");
    CHECK(route.target.empty());
    CHECK(route.prefix.empty());
  }
  CHECK(routeOf("/", "X.LocalHost").name == "x");
  CHECK(routeOf("/", "x.sessions.test.").name == "x");
}

TEST_CASE("route: a host that is not one label below a domain is no session") {
  CHECK(routeOf("/", "sessions.test").kind == Route::Kind::Landing);
  CHECK(routeOf("/", "xsessions.test").kind == Route::Kind::Landing);
  CHECK(routeOf("/p/y/", "a.b.sessions.test").kind == Route::Kind::Unknown);
  CHECK(routeOf("/p/y/", "-.x_.sessions.test").kind == Route::Kind::Unknown);
  CHECK(routeOf("/p/y/", ".sessions.test").kind == Route::Kind::Unknown);
  // An absolute-form target decides, not the Host field (RFC 9112 §3.2.2).
  CHECK(routeOf("http://x.sessions.test/a", "y.sessions.test").name == "x");
}
