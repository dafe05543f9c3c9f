#include "proxy/respond.hpp"

#include "http/router.hpp"
#include "spawner/names.hpp"

namespace spawner::proxy {

http::Response ownAnswer(int status, std::string_view reason, std::string_view detail) {
  http::Response response = http::problem(status, reason, detail);
  response.headers.set(names::reasonHeader, std::string(reason));
  return response;
}

void respond(std::unique_ptr<http::Exchange> exchange, http::Response response) {
  const bool hasBody = response.status >= 200 && response.status != 204 && response.status != 304;
  http::ResponseHead head;
  head.status = response.status;
  head.headers = std::move(response.headers);
  if (hasBody && exchange->head().method == "HEAD") {
    head.headers.set("Content-Length", std::to_string(response.body.size()));
    exchange->sendHead(head);
  } else if (hasBody) {
    head.framing = http::Framing::Length;
    head.contentLength = response.body.size();
    exchange->sendHead(head);
    exchange->sendBody(response.body);
  } else {
    exchange->sendHead(head);
  }
  exchange->finish();
}

}  // namespace spawner::proxy
