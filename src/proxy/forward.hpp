#pragma once
// forward: the pure part of proxying: which head goes to the upstream. (Of the answer's head the front drops what ends at this hop.) No
// I/O.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/message.hpp"
#include "spawner/result.hpp"

namespace spawner::proxy {

/// How the request's head is changed on its way to the upstream.
struct RequestEdit {
  /// Path and query to send; empty: the request's own.
  std::string target = {};
  /// Set after everything else; a name here replaces all fields of that name ("Host" too).
  std::vector<std::pair<std::string, std::string>> set = {};
  std::vector<std::string> remove = {};
  /// X-Forwarded-Prefix; empty: none is added.
  std::string forwardedPrefix = {};
  /// X-Forwarded-Proto where none is trusted.
  std::string forwardedProto = "http";
  /// True: X-Forwarded-For is appended to, and Proto, Host and Prefix are kept where the client's side has set them and does not
  /// name them in Connection. False: what came (Forwarded and X-Real-IP too) is thrown away.
  bool trustForwarded = false;
};

/// The request head for the upstream, as bytes: HTTP/1.1, origin-form (RFC 9112 §3.2.2: the Host is that of an absolute target), hop-by-hop
/// fields gone, X-Forwarded-* set, the body's framing, and for an upgrade `Connection: Upgrade` and the Upgrade field. peer: the client's
/// "address:port". upstream: the Host for a request without one. InvalidArgument: an edit holds what no head may. bytes: an
/// empty string whose memory is used.
Result<std::string> upstreamHead(const http::RequestHead& head, std::string_view peer, std::string_view upstream, const RequestEdit& edit,
                                 std::string bytes = {});
/// The same for HTTP/2: target, and fields without those of a connection.
struct UpstreamRequest {
  std::string target;
  std::vector<std::pair<std::string, std::string>> fields;
};
UpstreamRequest upstreamRequest(const http::RequestHead& head, std::string_view peer, std::string_view upstream, const RequestEdit& edit);
/// RFC 9110 §7.6.2, for TRACE and OPTIONS with Max-Forwards: at 0 our own answer, for it goes no further; else the edit counts it down.
std::optional<http::Response> endOfForwarding(const http::RequestHead& head, RequestEdit& edit);
/// True for methods that may be sent twice: RFC 9110 §9.2.2.
bool isIdempotent(std::string_view method);
/// How long the upstream says it keeps an idle connection: `Keep-Alive: timeout=5`; a second less, for what is under way. Duration::max()
/// when it says nothing.
Duration keepAliveLimit(const http::ResponseHead& head);

}  // namespace spawner::proxy
