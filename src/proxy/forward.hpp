#pragma once
// forward: the pure part of proxying: which head goes to the upstream and which to the client. No I/O.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/message.hpp"

namespace spawner::proxy {

/// How the request's head is changed on its way to the upstream.
struct RequestEdit {
  /// Path and query to send; empty: the request's own.
  std::string target;
  /// Set after everything else; a name here replaces all fields of that name ("Host" too).
  std::vector<std::pair<std::string, std::string>> set;
  std::vector<std::string> remove;
  /// X-Forwarded-Prefix; empty: none is added.
  std::string forwardedPrefix;
  /// X-Forwarded-Proto where none is trusted.
  std::string forwardedProto = "http";
  /// True: X-Forwarded-For is appended to, and Proto, Host and Prefix are kept where the client's side has set them. False: what came
  /// (Forwarded and X-Real-IP too) is thrown away.
  bool trustForwarded = false;
};

/// True for the fields that end at this hop: those of RFC 9110 §7.6.1 and whatever `connection` (all Connection lines of that head) names.
bool isHopByHop(std::string_view name, const http::Headers& head);

/// The request head for the upstream: HTTP/1.1, origin-form, hop-by-hop fields gone, X-Forwarded-* set, framing as in `head`
/// (the head writer adds it); for an upgrade `Connection: Upgrade` and the Upgrade field are put back. peer: "address:port".
http::RequestHead upstreamHead(const http::RequestHead& head, std::string_view peer, std::string_view upstreamAddress,
                               const RequestEdit& edit);
/// The answer's head for the client: hop-by-hop fields gone; for a 101 `Connection: Upgrade` and the Upgrade field are put back.
http::ResponseHead clientHead(http::ResponseHead head);
/// RFC 9110 §9.2.2.
bool isIdempotent(std::string_view method);

}  // namespace spawner::proxy
