#include "http/router.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "support/memory_call.hpp"

using namespace spawner;
using namespace spawner::http;
using spawner::test::Answer;
using spawner::test::MemoryCall;

namespace {

/// The answer to one request.
Response ask(const Router& router, const std::string& method, const std::string& target) {
  RequestHead head;
  head.method = method;
  head.target = target;
  const auto answer = std::make_shared<Answer>();
  router.handle(std::make_unique<MemoryCall>(std::move(head), "", answer));
  REQUIRE(answer->response);
  return *answer->response;
}

/// A handler that answers its name and parameters.
Router::Handler says(const std::string& name) {
  return [name](std::unique_ptr<Call> call, const PathParameters& parameters) {
    std::string text = name;
    for (const auto& [key, value] : parameters) text += " " + key + "=" + value;
    call->respond(Response::text(200, text));
  };
}

}  // namespace

TEST_CASE("Patterns match by segment, decoded, first added first") {
  Router router;
  router.add("GET", "/", says("root"));
  router.add("GET", "/backend/{name}/status", says("status"));
  router.add("GET", "/backend/list", says("list"));
  router.add("GET", "/backend/{name}", says("one"));
  router.add("GET", "/files/{rest...}", says("files"));
  router.add("GET", "/p/{name}/{rest...}", says("proxy"));
  const auto text = [&](const char* target) { return ask(router, "GET", target).body; };
  CHECK(text("/") == "root");
  CHECK(text("/?a=b") == "root");
  CHECK(text("/backend/x/status?since=1") == "status name=x");
  CHECK(text("/backend/list") == "list");
  CHECK(text("/backend/x") == "one name=x");
  CHECK(text("/backend/a%2Fb%20c") == "one name=a/b c");
  CHECK(text("/%62ackend/x") == "one name=x");
  CHECK(text("/files/") == "files rest=");
  CHECK(text("/files/a/b%20c//d/") == "files rest=a/b c//d/");
  CHECK(text("/p/n/") == "proxy name=n rest=");
  CHECK(text("/p/n/a/b") == "proxy name=n rest=a/b");
  CHECK(text("http://host/backend/x") == "one name=x");
  for (const char* nothing : {"/backend", "/backend/", "/backend/x/", "/backend/x/y", "/files", "/backend/%zz", "//", "/Backend/x"}) {
    CAPTURE(nothing);
    CHECK(ask(router, "GET", nothing).status == 404);
  }
}

TEST_CASE("HEAD is answered by GET; another method is 405 with Allow; OPTIONS tells") {
  Router router;
  router.add("GET", "/x", says("get"));
  router.add("POST", "/x", says("post"));
  router.add("PUT", "/x", says("put"));
  router.add("OPTIONS", "/own", says("own"));
  CHECK(ask(router, "HEAD", "/x").body == "get");
  CHECK(ask(router, "POST", "/x").body == "post");
  const Response refused = ask(router, "DELETE", "/x");
  CHECK(refused.status == 405);
  CHECK(refused.headers.get("Allow") == "GET, HEAD, POST, PUT, OPTIONS");
  CHECK(nlohmann::json::parse(refused.body)["reason"] == "MethodNotAllowed");
  const Response options = ask(router, "OPTIONS", "/x");
  CHECK(options.status == 204);
  CHECK(options.headers.get("Allow") == "GET, HEAD, POST, PUT, OPTIONS");
  CHECK(ask(router, "OPTIONS", "*").status == 204);
  CHECK(ask(router, "OPTIONS", "/own").body == "own");
  CHECK(ask(router, "OPTIONS", "/nothing").status == 404);
}

TEST_CASE("What is not found is a problem document, or the role's own answer") {
  Router router;
  const Response plain = ask(router, "GET", "/nothing");
  CHECK(plain.headers.get("Content-Type") == "application/problem+json");
  CHECK(nlohmann::json::parse(plain.body) == nlohmann::json::parse(R"({"type":"about:blank","title":"Not Found","status":404,
    "detail":"There is nothing at this path.","reason":"NotFound"})"));
  router.setNotFound([](std::unique_ptr<Call> call) { call->respond(Response::html(404, "<p>landing</p>")); });
  CHECK(ask(router, "GET", "/nothing").body == "<p>landing</p>");
}

TEST_CASE("A problem survives any text") {
  const Response response = problem(400, "Odd", "quote \" and broken \xff UTF-8");
  CHECK(nlohmann::json::parse(response.body)["detail"] == "quote \" and broken \xEF\xBF\xBD UTF-8");
}
