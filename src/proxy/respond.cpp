#include "proxy/respond.hpp"

#include "base/text.hpp"
#include "http/router.hpp"
#include "spawner/names.hpp"

namespace spawner::proxy {

http::Response ownAnswer(int status, std::string_view reason, std::string_view detail) {
  http::Response response = http::problem(status, reason, detail);
  response.headers.set(names::reasonHeader, std::string(reason));
  return response;
}

namespace {

constexpr std::size_t maxGrpcMessage = 1024;
constexpr std::string_view grpcType = "application/grpc";

/// The nearest status code of gRPC.
int grpcStatus(int httpStatus) {
  switch (httpStatus) {
    case 401: return 16;  // UNAUTHENTICATED
    case 403: return 7;   // PERMISSION_DENIED
    case 404:
    case 410: return 5;  // NOT_FOUND
    case 405:
    case 501: return 12;  // UNIMPLEMENTED
    case 429:
    case 502:
    case 503:
    case 504: return 14;                        // UNAVAILABLE
    default: return httpStatus < 500 ? 13 : 2;  // INTERNAL, UNKNOWN
  }
}

/// A failure as a gRPC client reads it: HTTP 200 and "trailers only"; the message is the problem's body, percent-encoded.
http::ResponseHead grpcHead(const http::Response& response) {
  http::ResponseHead head;
  head.headers = response.headers;
  head.headers.set("Content-Type", std::string(grpcType));
  head.headers.add("grpc-status", std::to_string(grpcStatus(response.status)));
  std::string message;
  for (const char c : std::string_view(response.body).substr(0, maxGrpcMessage)) {
    if (c >= ' ' && c < 0x7f && c != '%')
      message += c;
    else
      message += http::percentEncode({&c, 1});
  }
  head.headers.add("grpc-message", message);
  return head;
}

}  // namespace

bool isGrpc(const http::RequestHead& head) {
  const std::string_view type = trim(head.headers.get("Content-Type"));
  if (!http::equalsIgnoreCase(type.substr(0, grpcType.size()), grpcType)) return false;
  const std::string_view rest = trim(type.substr(grpcType.size()));
  return rest.empty() || rest.front() == '+' || rest.front() == ';';
}

void respond(std::unique_ptr<http::Exchange> exchange, http::Response response) {
  if (response.status >= 400 && isGrpc(exchange->head())) {
    exchange->sendHead(grpcHead(response));
    return exchange->finish();
  }
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
